"""Reductions: many values to one."""

from __future__ import annotations

import math
from typing import NamedTuple

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import int64, namespace
from minitransformer.ops.index import Gather
from minitransformer.ops.laws import Moves, Sums, dims, keep_dims, register, total, wide


class Reduction(Op):
    """What reductions share: over which dimensions, and whether these stay as size 1."""

    def __init__(self, dim: tuple[int, ...], keepdim: bool = False):
        self.dim, self.keepdim = dim, keepdim

    def count(self, x) -> int:
        """How many values become one."""
        return math.prod(x.shape[d] for d in self.dim)

    def spread(self, g, x):
        """A value for each group, seen by every member: shape of the output -> shape of `x`."""
        return namespace(x).broadcast_to(keep_dims(g, self.dim, self.keepdim), x.shape)


class Sum(Reduction, Sums):
    """y = sum of x."""

    saves = "nothing"

    def forward(self, x):  # (.., n, ..) -> (.., ..)
        return total(x, self.dim, self.keepdim)

    def vjp(self, g, x):  # dy/dx = 1
        return (self.spread(g, x),)


class Mean(Reduction, Sums):
    """y = mean of x, NaN if there is none."""

    saves = "nothing"

    def forward(self, x):
        if not self.count(x):
            return total(x, self.dim, self.keepdim) * math.nan
        return x.mean(axis=self.dim, keepdims=self.keepdim)

    def vjp(self, g, x):  # dy/dx = 1 / n
        return (self.spread(g / (self.count(x) or math.nan), x),)


class Var(Reduction):
    """y = sum (x - mean)^2 / (n - correction), NaN if that is no positive number."""

    def __init__(self, dim, keepdim, correction):
        super().__init__(dim, keepdim)
        self.correction = correction

    def forward(self, x):
        return self.variance(x).astype(x.dtype, copy=False)

    def variance(self, x):  # of float16 in float32: a square may be too large where the root is not
        centred = self.centred(x.astype(wide(x) or x.dtype, copy=False))
        return (centred * centred).sum(axis=self.dim, keepdims=self.keepdim) / self.degrees(x)

    def centred(self, x):
        if not self.count(x):
            return x
        mean = x.mean(axis=self.dim, keepdims=True)
        return x - (mean + (x - mean).mean(axis=self.dim, keepdims=True))  # what rounding left: equal numbers have no variance

    def degrees(self, x) -> float:
        n = self.count(x) - self.correction
        return n if n > 0 else math.nan

    def vjp(self, g, x):  # dy/dx = 2 (x - mean) / (n - correction)
        return (self.spread(g, x) * self.centred(x) * (2 / self.degrees(x)),)


class Std(Var):
    """y = sqrt(variance); the slope at 0 is taken as 0, as in PyTorch."""

    saves = "both"

    def forward(self, x):
        return namespace(x).sqrt(self.variance(x)).astype(x.dtype, copy=False)

    def vjp(self, g, x):  # dy/dx = dvar/dx / (2 y)
        xp = namespace(x)
        zero = self.y == 0
        return super().vjp(xp.where(zero, 0, g / xp.where(zero, 1, 2 * self.y)), x)


class Max(Reduction, Moves):
    """y = the largest x; members that share the maximum share its gradient evenly, as PyTorch's `amax`."""

    saves = "both"

    def forward(self, x):
        return x.max(axis=self.dim, keepdims=self.keepdim)

    def vjp(self, g, x):
        winners = x == keep_dims(self.y, self.dim, self.keepdim)
        n = winners.sum(axis=self.dim, keepdims=True).astype(g.dtype)
        return (winners * (keep_dims(g, self.dim, self.keepdim) / n),)


class Min(Max):
    """y = the smallest x."""

    def forward(self, x):
        return x.min(axis=self.dim, keepdims=self.keepdim)


class Cumsum(Sums):
    """y_i = x_1 + .. + x_i."""

    saves = "nothing"

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, x):
        return x.cumsum(axis=self.dim, dtype=wide(x)).astype(x.dtype, copy=False)

    def vjp(self, g, x):  # x_i is in every sum from y_i on
        xp = namespace(g)
        return (xp.flip(self.forward(xp.flip(g, self.dim)), self.dim),)


def _float(input: Tensor, name: str) -> Tensor:
    if input.dtype.kind != "f":
        raise TypeError(f"{name}: expected a floating-point tensor, got {input.dtype}; call .float() first")
    return input


@register("sum")
def sum_(input: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    """The sum over `dim` (an int, several, or None for all). Integers and booleans are added as int64."""
    if input.dtype.kind != "f":
        return Tensor(input.array.sum(axis=dims(dim, input.ndim), keepdims=keepdim, dtype=int64))
    return Sum(dims(dim, input.ndim), keepdim)(input)


@register()
def mean(input: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    """The mean over `dim` (an int, several, or None for all). Raises TypeError for integers."""
    return Mean(dims(dim, input.ndim), keepdim)(_float(input, "mean"))


@register()
def var(input: Tensor, dim=None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None) -> Tensor:
    """The variance over `dim`, divided by n - correction, which is 1 if `unbiased`, else 0. Raises TypeError for integers."""
    return Var(dims(dim, input.ndim), keepdim, int(unbiased) if correction is None else correction)(_float(input, "var"))


@register()
def std(input: Tensor, dim=None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None) -> Tensor:
    """The standard deviation: the square root of `var`."""
    return Std(dims(dim, input.ndim), keepdim, int(unbiased) if correction is None else correction)(_float(input, "std"))


@register()
def amax(input: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    """The largest value over `dim`; ties share the gradient. Raises ValueError if there is nothing to choose from."""
    return Max(dims(dim, input.ndim), keepdim)(input)


@register()
def amin(input: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    """The smallest value over `dim`; ties share the gradient. Raises ValueError if there is nothing to choose from."""
    return Min(dims(dim, input.ndim), keepdim)(input)


class Extreme(NamedTuple):
    """The largest or smallest values along a dimension, and where each was found."""

    values: Tensor
    indices: Tensor


def _extreme(input: Tensor, dim: int | None, keepdim: bool, overall, arg):
    if dim is None:
        return overall(input)
    if not input.ndim:
        return Extreme(*(found.squeeze(0) for found in _extreme(input.unsqueeze(0), dim, False, overall, arg)))
    indices = arg(input, dim, keepdim=True)
    values = Gather(dims(dim, input.ndim)[0])(input, indices)  # which are right: a device need not be asked
    return Extreme(values, indices) if keepdim else Extreme(values.squeeze(dim), indices.squeeze(dim))


@register("max")
def max_(input: Tensor, dim: int | None = None, keepdim: bool = False):
    """The largest value of all; with `dim`, the pair (values, indices) along it, the gradient going to that index."""
    return _extreme(input, dim, keepdim, amax, argmax)


@register("min")
def min_(input: Tensor, dim: int | None = None, keepdim: bool = False):
    """The smallest value of all; with `dim`, the pair (values, indices) along it, the gradient going to that index."""
    return _extreme(input, dim, keepdim, amin, argmin)


@register()
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the first largest value, of all or along `dim`; int64."""
    return Tensor(input.array.argmax(axis=dim, keepdims=keepdim))


@register()
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the first smallest value, of all or along `dim`; int64."""
    return Tensor(input.array.argmin(axis=dim, keepdims=keepdim))


@register()
def cumsum(input: Tensor, dim: int) -> Tensor:
    """Running sums along `dim`. Integers and booleans are added as int64."""
    if not input.ndim:
        return cumsum(input.unsqueeze(0), dim).squeeze(0)
    return Cumsum(dims(dim, input.ndim)[0])(input if input.dtype.kind == "f" else input.long())
