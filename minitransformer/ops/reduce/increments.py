"""By how much each value differs from the one before."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import bool_
from minitransformer.ops.elementwise.arithmetic import sub
from minitransformer.ops.elementwise.logic import logical_xor
from minitransformer.ops.laws import dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.shape.joining import cat


@numpy_names
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The differences of neighbours along a dimension; of booleans whether they differ.

    Args:
        input: at least one dimension.
        n: how often differences are taken.
        dim: the dimension.
        prepend: values before the first, of the shape of `input` besides `dim`.
        append: values after the last.

    Returns:
        The shape of `input`, with what is added, and with `n` less along `dim`.

    Raises:
        ValueError: `n` is negative, or the input has no dimension.
    """
    if n < 0 or not input.ndim:
        raise ValueError(f"diff: expected n >= 0 and at least one dimension, got {n} and {input.shape}")
    if not n:
        return input.clone()
    (d,) = dims(dim, input.ndim)
    values = cat([t for t in (prepend, input, append) if t is not None], d)
    before, after = ((slice(None),) * d + (part,) for part in (slice(None, -1), slice(1, None)))
    minus = logical_xor if values.dtype == bool_ else sub
    for _ in range(min(n, values.shape[d])):
        values = minus(values[after], values[before])
    return values
