"""Normalization of each vector by its own mean and variance."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter


def _sizes(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """The sizes of the last dimensions, from C or (.., C)."""
    if isinstance(normalized_shape, (int, numbers.Integral)):
        return (int(normalized_shape),)
    return tuple(normalized_shape)


class LayerNorm(Module):
    """y = (x - mean) / sqrt(variance + eps) * weight + bias, with the mean and variance of each vector.

    A vector is the last dimension, or the last few taken together. `weight` starts as ones and `bias` as zeros, both of shape
    normalized_shape.

    Args:
        normalized_shape: C, or the sizes (.., C) of the last dimensions.
        eps: added to the variance.
        elementwise_affine: whether there are weight and bias.
        bias: whether there is a bias beside the weight.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Source:
        Ba et al., arXiv 1607.06450.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            p = init.parameter(*self.normalized_shape, device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, p)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to ones and the bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each vector.

        Args:
            input: (.., *normalized_shape), in the dtype of the weight.

        Returns:
            The same shape.

        Raises:
            ValueError: if the last dimensions are not normalized_shape.
            TypeError: if the dtype or the device differs from the weight's.
        """
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class RMSNorm(Module):
    """y = x / sqrt(mean of x^2 + eps) * weight, for each vector.

    A vector is the last dimension, or the last few taken together. `weight` starts as ones, of shape normalized_shape.

    Args:
        normalized_shape: C, or the sizes (.., C) of the last dimensions.
        eps: added to the mean square; None means the machine epsilon of the dtype, see `functional.rms_norm`.
        elementwise_affine: whether there is a weight.
        device: where the weight lives; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Source:
        Zhang & Sennrich, NeurIPS 2019.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = {"device": device, "dtype": dtype}
        weight = init.parameter(*self.normalized_shape, **made) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to ones."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize each vector.

        Args:
            x: (.., *normalized_shape), in the dtype of the weight.

        Returns:
            The same shape.

        Raises:
            ValueError: if the last dimensions are not normalized_shape.
            TypeError: if the dtype or the device differs from the weight's.
        """
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
