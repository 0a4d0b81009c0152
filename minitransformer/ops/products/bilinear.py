"""The bilinear form: each output is a sum of products of two vectors' numbers."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.ops.products.einsum import einsum


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_o = x1^T W_o x2 + b_o.

    Args:
        input1: (.., M).
        input2: (.., N), the other dimensions as those of `input1`.
        weight: (O, M, N).
        bias: (O,).

    Returns:
        (.., O).

    Raises:
        ValueError: the shapes do not fit.
    """
    if weight.ndim != 3 or input1.shape[:-1] != input2.shape[:-1]:
        raise ValueError(
            f"bilinear: expected (.., M), (.., N) and a weight (O, M, N), got {input1.shape}, {input2.shape}, {weight.shape}"
        )
    if (input1.shape[-1], input2.shape[-1]) != weight.shape[1:]:
        raise ValueError(
            f"bilinear: expected {weight.shape[1]} and {weight.shape[2]} channels, got {input1.shape[-1]} and {input2.shape[-1]}"
        )
    y = einsum("...m,omn,...n->...o", input1, weight, input2)
    return y if bias is None else y + bias
