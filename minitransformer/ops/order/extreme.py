"""The largest and the smallest: of all, along a dimension, and where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, overload

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays
from minitransformer.ops.elementwise.choice import maximum, minimum
from minitransformer.ops.index.picking import Gather
from minitransformer.ops.laws import Dims, Moves, dims, keep_dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.reduce.sums import Reduction, over


class Max(Reduction, Moves):
    """y = the largest x over dimensions. Relevance goes where the gradient goes.

    Members that share the maximum share its gradient evenly, as in PyTorch's `amax`.
    """

    reads = "both"

    def forward(self, x: Array) -> Array:
        return x.max(axis=self.dim, keepdims=self.keepdim)

    def vjp(self, g: Array, y: Array, x: Array) -> Arrays:
        y = keep_dims(y, self.dim, self.keepdim)
        winners = (x == y) | ((x != x) & (y != y))  # NaN, if there is one
        n = winners.sum(axis=self.dim, keepdims=True).astype(g.dtype)
        return (winners * (keep_dims(g, self.dim, self.keepdim) / n),)


class Min(Max):
    """y = the smallest x over dimensions: see `Max`."""

    def forward(self, x: Array) -> Array:
        return x.min(axis=self.dim, keepdims=self.keepdim)


@numpy_names
def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The largest value over dimensions; equal ones share the gradient.

    Args:
        input: any shape.
        dim: an int or several; None means all dimensions.
        keepdim: whether the dimensions stay, with size 1.

    Returns:
        The shape of `input` without `dim`.

    Raises:
        ValueError: there are no elements to choose from.
    """
    return Max(over(dim, input.ndim, keepdim), keepdim)(input)


@numpy_names
def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The smallest value over dimensions; equal ones share the gradient.

    Args:
        input: any shape.
        dim: an int or several; None means all dimensions.
        keepdim: whether the dimensions stay, with size 1.

    Returns:
        The shape of `input` without `dim`.

    Raises:
        ValueError: there are no elements to choose from.
    """
    return Min(over(dim, input.ndim, keepdim), keepdim)(input)


class Both(NamedTuple):
    """The smallest and the largest values.

    Attributes:
        min: the smallest.
        max: the largest.
    """

    min: Tensor
    max: Tensor


@numpy_names
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Both:
    """The smallest and the largest value, of all or along a dimension; equal ones share the gradient.

    Args:
        input: any shape.
        dim: one dimension; None means all.
        keepdim: whether the dimension stays, with size 1.

    Returns:
        A pair (min, max) of tensors of the shape of `input` without `dim`.

    Raises:
        ValueError: there are no elements to choose from.
    """
    return Both(amin(input, dim, keepdim), amax(input, dim, keepdim))


class Extreme(NamedTuple):
    """The largest or smallest values along a dimension, and where each was found.

    Attributes:
        values: the values.
        indices: the index of each along the dimension.
    """

    values: Tensor
    indices: Tensor


def _extreme(
    input: Tensor,
    dim: int | Tensor | None,
    keepdim: bool,
    pair: Callable[[Tensor, Tensor], Tensor],
    overall: Callable[[Tensor], Tensor],
    arg: Callable[[Tensor, int, bool], Tensor],
) -> Tensor | Extreme:
    if isinstance(dim, Tensor):
        return pair(input, dim)
    if dim is None:
        return overall(input)
    indices = arg(input, dim, keepdim)
    at = indices if keepdim or not input.ndim else indices.unsqueeze(dim)
    # these are inside, so that no check need wait for a device
    values = Gather(*dims(dim, input.ndim))(input, at) if input.ndim else input.reshape(())
    return Extreme(values if at is indices else values.squeeze(dim), indices)


@overload
def max_(
    input: Tensor, dim: Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
) -> Tensor: ...
@overload
def max_(input: Tensor, dim: int, keepdim: bool = False) -> Extreme: ...
@numpy_names
def max_(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
) -> Tensor | Extreme:
    """The largest value, of all or along a dimension; or, with a tensor as `dim` or `other`, `maximum`.

    Args:
        input: any shape.
        dim: None, one dimension, or a tensor to compare with.
        keepdim: whether the dimension stays, with size 1.
        other: a tensor to compare with.

    Returns:
        A 0-d tensor without `dim`; with it a pair (values, indices), where the gradient flows to the element at each index.

    Raises:
        ValueError: there are no elements to choose from.
    """
    return _extreme(input, dim if other is None else other, keepdim, maximum, amax, argmax)


@overload
def min_(
    input: Tensor, dim: Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
) -> Tensor: ...
@overload
def min_(input: Tensor, dim: int, keepdim: bool = False) -> Extreme: ...
@numpy_names
def min_(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None
) -> Tensor | Extreme:
    """The smallest value, of all or along a dimension; or, with a tensor as `dim` or `other`, `minimum`.

    Args:
        input: any shape.
        dim: None, one dimension, or a tensor to compare with.
        keepdim: whether the dimension stays, with size 1.
        other: a tensor to compare with.

    Returns:
        A 0-d tensor without `dim`; with it a pair (values, indices), where the gradient flows to the element at each index.

    Raises:
        ValueError: there are no elements to choose from.
    """
    return _extreme(input, dim if other is None else other, keepdim, minimum, amin, argmin)


def _where(name: str, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    along = over(dim, input.ndim, keepdim)
    if not (dim is None or len(along) == min(input.ndim, 1)):
        raise TypeError(f"{name}: expected one dimension, got {dim}")
    return Tensor(
        getattr(input.array, name)(axis=along[0] if along and dim is not None else None, keepdims=keepdim)
    )


@numpy_names
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest value, of all or along a dimension; the first of equal ones.

    Args:
        input: any shape.
        dim: one dimension; None counts through all elements in order.
        keepdim: whether the dimension stays, with size 1.

    Returns:
        int64; the shape of `input` without `dim`.

    Raises:
        TypeError: several dimensions are given.
    """
    return _where("argmax", input, dim, keepdim)


@numpy_names
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest value, of all or along a dimension; the first of equal ones.

    Args:
        input: any shape.
        dim: one dimension; None counts through all elements in order.
        keepdim: whether the dimension stays, with size 1.

    Returns:
        int64; the shape of `input` without `dim`.

    Raises:
        TypeError: several dimensions are given.
    """
    return _where("argmin", input, dim, keepdim)
