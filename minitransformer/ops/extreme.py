"""The largest and the smallest: of all, along a dimension, and where they are."""

from __future__ import annotations

from typing import NamedTuple

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise import maximum, minimum
from minitransformer.ops.index import Gather
from minitransformer.ops.laws import Moves, dims, keep_dims
from minitransformer.ops.reduce import Reduction, over


class Max(Reduction, Moves):
    """y = the largest x; members that share the maximum share its gradient evenly, as PyTorch's `amax`."""

    reads = "both"

    def forward(self, x):
        return x.max(axis=self.dim, keepdims=self.keepdim)

    def vjp(self, g, y, x):
        y = keep_dims(y, self.dim, self.keepdim)
        winners = (x == y) | ((x != x) & (y != y))  # NaN, if there is one
        n = winners.sum(axis=self.dim, keepdims=True).astype(g.dtype)
        return (winners * (keep_dims(g, self.dim, self.keepdim) / n),)


class Min(Max):
    """y = the smallest x."""

    def forward(self, x):
        return x.min(axis=self.dim, keepdims=self.keepdim)


def amax(input: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    """The largest value over `dim`; ties share the gradient. Raises ValueError if there is nothing to choose from."""
    return Max(over(dim, input.ndim, keepdim), keepdim)(input)


def amin(input: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    """The smallest value over `dim`; ties share the gradient. Raises ValueError if there is nothing to choose from."""
    return Min(over(dim, input.ndim, keepdim), keepdim)(input)


class Extreme(NamedTuple):
    """The largest or smallest values along a dimension, and where each was found."""

    values: Tensor
    indices: Tensor


def _extreme(input: Tensor, dim, keepdim: bool, pair, overall, arg):
    if isinstance(dim, Tensor):
        return pair(input, dim)
    if dim is None:
        return overall(input)
    indices = arg(input, dim, keepdim)
    at = indices if keepdim or not input.ndim else indices.unsqueeze(dim)
    # right ones: no device need be asked
    values = Gather(*dims(dim, input.ndim))(input, at) if input.ndim else input.reshape(())
    return Extreme(values if at is indices else values.squeeze(dim), indices)


def max_(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
):
    """The largest value of all; with `dim`, the pair (values, indices) along it, the gradient going to that index.

    With a tensor for `dim` or `other`: `maximum`.
    """
    return _extreme(input, dim if other is None else other, keepdim, maximum, amax, argmax)


def min_(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
):
    """The smallest value of all; with `dim`, the pair (values, indices) along it, the gradient going to that index.

    With a tensor for `dim` or `other`: `minimum`.
    """
    return _extreme(input, dim if other is None else other, keepdim, minimum, amin, argmin)


def _where(name: str, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    along = over(dim, input.ndim, keepdim)
    if not (dim is None or len(along) == min(input.ndim, 1)):
        raise TypeError(f"{name}: expected one dimension, got {dim}")
    return Tensor(
        getattr(input.array, name)(axis=along[0] if along and dim is not None else None, keepdims=keepdim)
    )


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the first largest value, of all or along `dim`; int64."""
    return _where("argmax", input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the first smallest value, of all or along `dim`; int64."""
    return _where("argmin", input, dim, keepdim)
