"""Mean and spread together, and sums and means in which NaN does not count."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import DType
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.elementwise.compare import isnan, logical_not
from minitransformer.ops.laws import Dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.reduce.sums import mean, std, sum_, var


@numpy_names
def var_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean over dimensions: `var` and `mean`.

    Args:
        input: any shape, floating-point.
        dim: an int or several; None means all dimensions.
        unbiased: False means a correction of 0, True and None mean 1.
        keepdim: whether the dimensions stay, with size 1.
        correction: what is subtracted from the number of elements n; give this or `unbiased`.

    Returns:
        A pair of tensors of the shape of `input` without `dim`.

    Raises:
        TypeError: the dtype is not a floating-point one, or both `unbiased` and `correction` are given.
    """
    along = None if isinstance(dim, bool) else dim
    return var(input, dim, unbiased, keepdim, correction=correction), mean(input, along, keepdim)


@numpy_names
def std_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean over dimensions: `std` and `mean`.

    Args:
        input: any shape, floating-point.
        dim: an int or several; None means all dimensions.
        unbiased: False means a correction of 0, True and None mean 1.
        keepdim: whether the dimensions stay, with size 1.
        correction: what is subtracted from the number of elements n; give this or `unbiased`.

    Returns:
        A pair of tensors of the shape of `input` without `dim`.

    Raises:
        TypeError: the dtype is not a floating-point one, or both `unbiased` and `correction` are given.
    """
    along = None if isinstance(dim, bool) else dim
    return std(input, dim, unbiased, keepdim, correction=correction), mean(input, along, keepdim)


@numpy_names
def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The sum over dimensions, in which NaN counts as 0.

    Args:
        input: any shape.
        dim: an int or several; None means all dimensions.
        keepdim: whether the dimensions stay, with size 1.
        dtype: convert the input to this dtype first.

    Returns:
        The shape of `input` without `dim`.
    """
    return sum_(where(isnan(input), 0, input), dim, keepdim, dtype=dtype)


@numpy_names
def nanmean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The mean over dimensions of the values that are no NaN.

    Args:
        input: any shape, floating-point.
        dim: an int or several; None means all dimensions.
        keepdim: whether the dimensions stay, with size 1.
        dtype: convert the input to this dtype first.

    Returns:
        The shape of `input` without `dim`; NaN for the mean of no elements.
    """
    count = sum_(logical_not(isnan(input)), dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / count
