"""Elements and slices picked along a dimension."""

from __future__ import annotations

from typing import Literal, overload

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, int64, namespace
from minitransformer.ops.index.bounds import check_range
from minitransformer.ops.index.parts import getitem
from minitransformer.ops.laws import Moves, dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.shape.fitting import broadcast_shapes
from minitransformer.ops.shape.layout import expand


class Gather(Moves):
    """y[i][j] = x[index[i][j]][j] for dim 0, and so on: one pick along `dim` for each element of `index`.

    Args:
        dim: the dimension, not negative.
    """

    reads = "others"

    def __init__(self, dim: int):
        self.dim = dim

    def _coordinates(self, index: Array) -> Arrays:
        grid = namespace(index).ogrid[tuple(slice(n) for n in index.shape)]
        return tuple(index if d == self.dim else places for d, places in enumerate(grid))

    def forward(self, x: Array, index: Array) -> Array:
        return x[self._coordinates(index)]

    def vjp(self, g: Array, x: Array, index: Array) -> Arrays:
        return kernels.of(x).index_vjp(g, x, self._coordinates(index)), None


@numpy_names
def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """One element along a dimension for each entry of an index.

    Args:
        input: any shape.
        dim: the dimension.
        index: integers, with as many dimensions as `input`.

    Returns:
        The shape of `index`; for dim 0, y[i][j] = input[index[i][j]][j]. On a GPU the check of the index waits for the
        device.

    Raises:
        IndexError: an index is out of range.
        ValueError: the shapes do not fit, or the index is not of integers.
    """
    (d,) = dims(dim, max(input.ndim, 1))
    if not index.array.size:
        return input.reshape(-1)[index.long().reshape(-1)].reshape(index.shape)
    if max(index.ndim, 1) != max(input.ndim, 1) or index.dtype.kind not in "iu":
        raise ValueError(
            f"gather: expected integers of {input.ndim} dimensions, got {index.dtype} {index.shape}"
        )
    if not input.ndim or not index.ndim:
        return gather(input.reshape(-1), dim, index.reshape(-1)).reshape(index.shape)
    if any(i > n for k, (i, n) in enumerate(zip(index.shape, input.shape, strict=True)) if k != d):
        raise ValueError(
            f"gather: index {index.shape} is larger than input {input.shape} in another dimension than {dim}"
        )
    check_range(index.array, 0, input.shape[d] - 1, "gather: index {} is outside 0..{}", input.shape[d] - 1)
    return Gather(d)(input, index)


@numpy_names
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices at some indices along a dimension.

    Args:
        input: any shape.
        dim: the dimension.
        index: integers (n,).

    Returns:
        A copy, with size n along `dim`.

    Raises:
        IndexError: an index is out of range.
        ValueError: the index is no row of integers.
    """
    if index.ndim > 1 or index.dtype.kind not in "iu":
        raise ValueError(
            f"index_select: expected a row of integers as index, got {index.dtype} {index.shape}"
        )
    if not input.ndim:
        return index_select(input.reshape(1), dim, index).reshape(())
    (d,) = dims(dim, input.ndim)
    check_range(
        index.array, 0, input.shape[d] - 1, "index_select: index {} is outside 0..{}", input.shape[d] - 1
    )
    return getitem(input, (slice(None),) * d + (index.long().reshape(-1),))


@numpy_names
def repeat_interleave(
    input: Tensor, repeats: int | Tensor, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each slice along a dimension repeated, copies side by side.

    Args:
        input: any shape.
        repeats: how often: a number, or a tensor with one for each slice.
        dim: the dimension; None repeats each of all elements in order.
        output_size: accepted as in PyTorch; it follows from the others.

    Returns:
        A copy.
    """
    if dim is None:
        return repeat_interleave(input.reshape(-1), repeats, 0)
    xp = namespace(input.array)
    n = input.shape[dim]
    repeats = repeats.array if isinstance(repeats, Tensor) else xp.full(n, repeats)
    return index_select(input, dim, Tensor(xp.repeat(xp.arange(n), xp.broadcast_to(repeats, (n,)).tolist())))


@overload
def nonzero(input: Tensor, *, as_tuple: Literal[False] = False) -> Tensor: ...
@overload
def nonzero(input: Tensor, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]: ...
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """The coordinates of the elements that are not 0.

    Args:
        input: any shape.
        as_tuple: give one tensor for each dimension.

    Returns:
        int64, (n, ndim); with `as_tuple`, a tuple of ndim tensors (n,).
    """
    found = namespace(input.array).argwhere(
        input.array.reshape(-1) if as_tuple and not input.ndim else input.array
    )
    return tuple(Tensor(column) for column in found.T) if as_tuple else Tensor(found)


def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements by their numbers in the order of memory.

    Args:
        input: any shape.
        index: integers, any shape.

    Returns:
        The shape of `index`.

    Raises:
        TypeError: the index is not of int64.
        IndexError: a number is out of range.
    """
    if index.dtype != int64:
        raise TypeError(f"take: expected int64 as index, got {index.dtype}; call .long()")
    if not index.array.size:
        return input.reshape(-1)[index.reshape(-1)].reshape(index.shape)
    n = input.array.size
    check_range(index.array, -n, n - 1, "take: index {} is outside a tensor of {} elements", n)
    return getitem(input.reshape(-1), (index,))


def argwhere(input: Tensor) -> Tensor:
    """The coordinates of the elements that are not 0: `nonzero`.

    Args:
        input: any shape.

    Returns:
        int64, (n, ndim).
    """
    return nonzero(input)


@numpy_names
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """One element along a dimension for each entry of an index, as by `argsort`: `gather`, but the other dimensions broadcast.

    Args:
        input: any shape.
        indices: int64, with as many dimensions as `input`.
        dim: the dimension; None counts through all elements in order.

    Returns:
        The broadcast shape of both, besides `dim`.

    Raises:
        IndexError: an index is out of range.
        ValueError: the shapes do not fit.
        TypeError: the indices are no int64.
    """
    if indices.dtype != int64:
        raise TypeError(f"take_along_dim: expected int64 indices, got {indices.dtype}; call .long()")
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    if input.ndim != indices.ndim:
        raise ValueError(f"take_along_dim: expected {input.ndim} dimensions, got {indices.shape}")
    (d,) = dims(dim, input.ndim)
    shape = list(broadcast_shapes(*((*t.shape[:d], 1, *t.shape[d + 1 :]) for t in (input, indices))))
    values, at = (expand(t, shape[:d] + [t.shape[d]] + shape[d + 1 :]) for t in (input, indices))
    n = input.shape[d]
    check_range(at.array, -n, n - 1, "take_along_dim: index {} is outside a dimension of {}", n)
    return gather(values, d, Tensor(at.array % max(n, 1)))
