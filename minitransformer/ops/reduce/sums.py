"""Reductions: many values to one."""

from __future__ import annotations

import math
from typing import Any

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, DType, float64, int64, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.ops.books import Books
from minitransformer.ops.laws import Dims, Sums, dims, keep_dims, total, wide
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.tensors.convert import cast


class Reduction(Op):
    """What reductions share: over which dimensions, and whether these stay as size 1.

    Args:
        dim: dimensions, not negative unless called by hand.
        keepdim: whether the dimensions stay, with size 1.
    """

    def __init__(self, dim: tuple[int, ...], keepdim: bool = False):
        self.dim, self.keepdim = dim, keepdim

    def count(self, x: Array) -> int:
        """How many values become one.

        Args:
            x: the input.

        Returns:
            The number.
        """
        return math.prod(x.shape[d] for d in self.dim)

    def spread(self, g: Array, x: Array) -> Array:
        """The value of each group repeated for all its members.

        Args:
            g: an array of the output's shape.
            x: the input.

        Returns:
            The shape of x.
        """
        return namespace(x).broadcast_to(keep_dims(g, self.dim, self.keepdim), x.shape)


class Sum(Reduction, Sums):
    """y = sum of x over dimensions. Each x gets its share of the sum, R_i = x_i R / S(y)."""

    reads = "shapes"

    def forward(self, x: Array) -> Array:  # (.., n, ..) -> (.., ..)
        return total(x, self.dim, self.keepdim)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = 1
        return (self.spread(g, x),)


class Mean(Reduction, Sums):
    """y = mean of x over dimensions, NaN if there is none. Each x gets its share, R_i = x_i R / S(sum of x)."""

    reads = "shapes"

    def forward(self, x: Array) -> Array:
        if not self.count(x):
            return total(x, self.dim, self.keepdim) * math.nan
        return x.mean(axis=self.dim, keepdims=self.keepdim)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = 1 / n
        return (self.spread(g / (self.count(x) or math.nan), x),)


class Spread(Reduction):
    """What the variance and its root share.

    Args:
        dim: dimensions, not negative.
        keepdim: whether the dimensions stay, with size 1.
        correction: what n is reduced by: 1 for an unbiased estimate.
    """

    def __init__(self, dim: tuple[int, ...], keepdim: bool, correction: float):
        super().__init__(dim, keepdim)
        self.correction = correction

    def variance(self, x: Array) -> Array:  # in float64: a square may be too large where the root is not
        """The variance, in float64: a square may be too large for a dtype that holds the root.

        Args:
            x: the input.

        Returns:
            The output's shape, float64.
        """
        centred = self.centred(x.astype(float64, copy=False))
        sums = (centred * centred).sum(axis=self.dim, keepdims=self.keepdim)
        n = self.count(x) - self.correction
        return sums / n if n > 0 else namespace(x).where(sums > 0, math.inf, math.nan)

    def centred(self, x: Array) -> Array:
        """Each value less the mean of its group.

        Args:
            x: the input.

        Returns:
            The shape of x.
        """
        if not self.count(x):
            return x
        mean = x.mean(axis=self.dim, keepdims=True)
        # what rounding left: equal numbers have no variance
        return x - (mean + (x - mean).mean(axis=self.dim, keepdims=True))

    # dvariance/dx = 2 (x - mean) / (n - correction)
    def variance_vjp(self, g: Array, x: Array) -> Array:
        """The cotangent of x: that of the variance times 2 (x - mean) / (n - correction).

        Args:
            g: the cotangent of the variance.
            x: the input.

        Returns:
            The shape of x.
        """
        xp = namespace(x)
        n = self.count(x) - self.correction
        centred = self.centred(x)
        slope = (
            centred * (2 / n)
            if n
            else xp.where(centred == 0, math.nan, xp.copysign(math.inf, centred)).astype(x.dtype)
        )
        return self.spread(g, x) * slope


class Var(Spread):
    """y = sum (x - mean)^2 / (n - correction) over dimensions; 0 / 0 and infinity where n <= correction, as in PyTorch.

    Relevance: y is also the sum of x (x - mean) / (n - correction), of which each x gets its share.

    Args:
        dim: dimensions, not negative.
        keepdim: whether the dimensions stay, with size 1.
        correction: what n is reduced by: 1 for an unbiased estimate.
    """

    def forward(self, x: Array) -> Array:
        return self.variance(x).astype(x.dtype, copy=False)

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (self.variance_vjp(g, x),)

    # x (x - mean) / (n - correction) is half of x dy/dx
    def relprop(self, r: Array, books: Books, x: Array) -> Arrays:
        (share,) = self.vjp(books.ratio(r, 2 * self.forward(x)), x)
        return (x * share,)

    def modified(self, g: Array, books: Books, x: Array) -> Arrays:
        return self.vjp(g / 2, x)


class Std(Spread):
    """y = sqrt(variance): see `Var`. The slope at 0 is taken as 0, as in PyTorch.

    Relevance: y is also the sum of x dy/dx, of which each x gets its share.

    Args:
        dim: dimensions, not negative.
        keepdim: whether the dimensions stay, with size 1.
        correction: what n is reduced by: 1 for an unbiased estimate.
    """

    reads = "both"

    def forward(self, x: Array) -> Array:
        return namespace(x).sqrt(self.variance(x)).astype(x.dtype, copy=False)

    def vjp(self, g: Array, y: Array, x: Array) -> Arrays:  # dy/dx = dvar/dx / (2 y)
        xp = namespace(x)
        zero = y == 0
        return (self.variance_vjp(xp.where(zero, 0, g / xp.where(zero, 1, 2 * y)), x),)

    def relprop(self, r: Array, books: Books, y: Array, x: Array) -> Arrays:
        (share,) = self.vjp(books.ratio(r, y), y, x)
        return (x * share,)

    def modified(self, g: Array, books: Books, y: Array, x: Array) -> Arrays:
        return self.vjp(g, y, x)


class Cumsum(Sums):
    """y_i = x_1 + .. + x_i along a dimension. Each x gets its share of each sum.

    Args:
        dim: the dimension, not negative.
    """

    reads = "shapes"

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, x: Array) -> Array:
        return x.cumsum(axis=self.dim, dtype=wide(x)).astype(x.dtype, copy=False)

    def vjp(self, g: Array, x: Array) -> Arrays:  # x_i is in every sum from y_i on
        xp = namespace(g)
        return (xp.flip(self.forward(xp.flip(g, self.dim)), self.dim),)


def over(dim: Dims, ndim: int, keepdim: bool = False) -> tuple[int, ...]:
    """The dimensions to reduce.

    Args:
        dim: an int or several; None or none at all means all.
        ndim: the number of dimensions of the tensor.
        keepdim: checked to be True or False.

    Returns:
        The dimensions, not negative.

    Raises:
        TypeError: `keepdim` is neither True nor False, or a dimension is no integer.
        IndexError: a dimension is out of range.
        ValueError: a dimension is given twice.
    """
    if not isinstance(keepdim, bool):
        raise TypeError(
            f"expected keepdim True or False, got {keepdim!r}; several dimensions go in one tuple"
        )
    found = dims(None if isinstance(dim, (tuple, list)) and not dim else dim, ndim)
    if len(set(found)) < len(found):
        raise ValueError(f"expected each dimension once, got {dim}")
    return found


def _float(input: Tensor, name: str) -> Tensor:
    if input.dtype.kind not in FLOATS:
        raise TypeError(f"{name}: expected a floating-point tensor, got {input.dtype}; call .float() first")
    return input


@numpy_names
def sum_(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The sum over dimensions.

    Args:
        input: any shape; integers and booleans are added as int64.
        dim: an int or several; None means all dimensions.
        keepdim: whether the dimensions stay, with size 1.
        dtype: convert the input to this dtype first.

    Returns:
        The shape of `input` without `dim`.

    Raises:
        IndexError: a dimension is out of range.
    """
    input, dim = cast(input, dtype or input.dtype), over(dim, input.ndim, keepdim)
    if input.dtype.kind not in FLOATS:
        return Tensor(input.array.sum(axis=dim, keepdims=keepdim, dtype=dtype or int64))
    return Sum(dim, keepdim)(input)


@numpy_names
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The mean over dimensions.

    Args:
        input: any shape, floating-point.
        dim: an int or several; None means all dimensions.
        keepdim: whether the dimensions stay, with size 1.
        dtype: convert the input to this dtype first.

    Returns:
        The shape of `input` without `dim`; NaN for the mean of no elements.

    Raises:
        TypeError: the dtype is not a floating-point one.
        IndexError: a dimension is out of range.
    """
    return Mean(over(dim, input.ndim, keepdim), keepdim)(_float(cast(input, dtype or input.dtype), "mean"))


def _spread_arguments(dim: Any, unbiased: Any, correction: float | None) -> tuple[Any, float]:
    """Dimensions and correction of `var` and `std`, whose first argument is `unbiased` if it is a bool, as in PyTorch."""
    if isinstance(dim, bool) or (unbiased is not None and correction is not None):
        if unbiased is not None or correction is not None:
            raise TypeError(f"expected one of unbiased and correction, got {dim}, {unbiased}, {correction}")
        dim, unbiased = None, dim
    if not (unbiased is None or isinstance(unbiased, bool)):
        raise TypeError(
            f"expected unbiased True or False, got {unbiased!r}; several dimensions go in one tuple"
        )
    return dim, int(unbiased is not False) if correction is None else correction


@numpy_names
def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance over dimensions: the sum of squared differences from the mean, divided by n - correction.

    As in PyTorch, `var(x, False)` gives `unbiased` for all dimensions.

    Args:
        input: any shape, floating-point.
        dim: an int or several; None means all dimensions.
        unbiased: False means a correction of 0, True and None mean 1.
        keepdim: whether the dimensions stay, with size 1.
        correction: what is subtracted from the number of elements n; give this or `unbiased`.

    Returns:
        The shape of `input` without `dim`.

    Raises:
        TypeError: the dtype is not a floating-point one, or both `unbiased` and `correction` are given.
    """
    dim, correction = _spread_arguments(dim, unbiased, correction)
    return Var(over(dim, input.ndim, keepdim), keepdim, correction)(_float(input, "var"))


@numpy_names
def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The standard deviation over dimensions: the square root of `var`.

    Args:
        input: any shape, floating-point.
        dim: an int or several; None means all dimensions.
        unbiased: False means a correction of 0, True and None mean 1.
        keepdim: whether the dimensions stay, with size 1.
        correction: what is subtracted from the number of elements n; give this or `unbiased`.

    Returns:
        The shape of `input` without `dim`.

    Raises:
        TypeError: the dtype is not a floating-point one, or both `unbiased` and `correction` are given.
    """
    dim, correction = _spread_arguments(dim, unbiased, correction)
    return Std(over(dim, input.ndim, keepdim), keepdim, correction)(_float(input, "std"))


@numpy_names
def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """The running sums along a dimension: element i is the sum of the elements up to i.

    Args:
        input: any shape; integers and booleans are added as int64.
        dim: the dimension.
        dtype: convert the input to this dtype first.

    Returns:
        The same shape.
    """
    if not input.ndim:
        return cumsum(input.unsqueeze(0), dim, dtype=dtype).squeeze(0)
    along = Cumsum(*dims(dim, input.ndim))
    input = cast(input, dtype or input.dtype)
    if input.dtype.kind not in FLOATS:
        return Tensor(input.array.cumsum(axis=along.dim, dtype=dtype or int64))
    return along(input)


@numpy_names
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements are not 0.

    Args:
        input: any shape.
        dim: an int or several; None means all dimensions.

    Returns:
        int64, the shape of `input` without `dim`.
    """
    return Tensor((input.array != 0).sum(axis=over(dim, input.ndim), dtype=int64))
