"""Picking and placing: indexing, gathering, masking, and the embedding lookup."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, overload

import numpy

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, bool_, float16, int64, namespace, uint8
from minitransformer.ops.convert import cast
from minitransformer.ops.elementwise import Where
from minitransformer.ops.inplace import put
from minitransformer.ops.laws import Moves, dims
from minitransformer.settings import watcher


class GetItem(Moves):
    """y = x[index]. An element picked twice gets both gradients, added.

    Args:
        index: slices, integers, integer arrays and boolean masks, as in NumPy.
    """

    reads = "shapes"
    view = True

    def __init__(self, index: tuple[Any, ...]):
        self.index = index

    def forward(self, x: Array) -> Array:
        return x[self.index]

    def vjp(self, g: Array, x: Array) -> Arrays:  # an element picked twice gets both cotangents, added
        if not _picks_once(self.index):
            return (kernels.of(x).index_vjp(g, x, self.index),)
        dx = namespace(x).zeros_like(x)
        dx[self.index] = g
        return (dx,)


def _picks_once(index: tuple[Any, ...]) -> bool:
    return not any(_is_array(part) and part.dtype != bool_ for part in index)


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


class Embedding(Moves):
    """y = weight[ids]: each id picks its row, (V, C) and (..) to (.., C). A row picked twice gets both gradients, added."""

    reads = "others"

    def forward(self, weight: Array, ids: Array) -> Array:  # (V, C), (..) -> (.., C)
        return kernels.of(weight).embedding(weight, ids)

    # a row gets the cotangents of all its uses, added
    def vjp(self, g: Array, weight: Array, ids: Array) -> Arrays:
        return kernels.of(weight).index_vjp(g.reshape(-1, weight.shape[1]), weight, ids.reshape(-1)), None


def _steps(input: Tensor, index: Any) -> list[tuple[Any, ...]]:
    """`index` in one step, or two: PyTorch takes integers and slices first, arrays of integers and masks from what is left.

    Each step ends in an Ellipsis: with one, even a single element is a view.
    """
    parts = [_plain(input, part) for part in (index if isinstance(index, tuple) else (index,))]
    parts = [*_spelled_out(parts, input.ndim), ...]
    if namespace(input.array) is not numpy:
        _check_places(parts, input.shape)
    if not any(isinstance(part, int) for part in parts) or not any(_is_array(part) for part in parts):
        return [tuple(parts)]
    first = [p for part in parts for p in ([slice(None)] * _width(part) if _is_array(part) else [part])]
    then = [
        part if _is_array(part) or part is ... else slice(None) for part in parts if not isinstance(part, int)
    ]
    return [tuple(first), tuple(then)]


def _spelled_out(parts: list[Any], ndim: int) -> list[Any]:
    """Slices for Ellipsis: NumPy holds arrays apart that have one between them, even where it stands for no dimension."""
    at = next((i for i, part in enumerate(parts) if part is ...), len(parts))
    left = ndim - sum(_width(part) for part in parts if part is not ...)
    return [*parts[:at], *[slice(None)] * left, *parts[at + 1 :]]


def _check_places(parts: list[Any], shape: tuple[int, ...]) -> None:
    """Raise IndexError if an array of integers points outside. The program waits for a device, which would not raise it."""
    d = 0
    for part in parts[:-1]:
        if _is_array(part) and part.dtype != bool_ and d < len(shape):
            _check_range(
                part, -shape[d], shape[d] - 1, "index {} is out of bounds for a dimension of {}", shape[d]
            )
        d += _width(part)


def _plain(input: Tensor, part: Any) -> Any:
    """A part of an index as an integer, a slice, None, Ellipsis or an array."""
    if isinstance(part, Tensor):
        part = part.array.copy()  # later edits of it must not change the gradient
    if isinstance(part, (list, range, numpy.ndarray, bool)):
        part = namespace(input.array).asarray(part)  # an index must be on the device of the tensor
    if _is_array(part) and part.dtype == uint8:
        part = part.astype(bool_)  # a mask, as in PyTorch
    return int(part) if _is_array(part) and part.ndim == 0 and part.dtype.kind in "iu" else part


def _is_array(part: Any) -> bool:
    return hasattr(part, "dtype")


def _width(part: Any) -> int:
    """How many dimensions a part of an index takes."""
    return part.ndim if _is_array(part) and part.dtype == bool_ else int(part is not None)


def getitem(input: Tensor, index: Any) -> Tensor:
    """input[index]. With integer arrays in the index the program waits for the device.

    Args:
        input: any shape.
        index: integers, slices, None, Ellipsis, arrays or tensors of integers or booleans, or a tuple of these, as in PyTorch.

    Returns:
        The part.

    Raises:
        IndexError: an index is out of range.
    """
    for step in _steps(input, index):
        input = GetItem(step)(input)
    return input


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """input[index] = value, in place.

    Args:
        input: any shape.
        index: as in `getitem`.
        value: a number, an array or a tensor; it is broadcast to the part.

    Raises:
        IndexError: an index is out of range.
        RuntimeError: the tensor may not be edited, such as a leaf that requires grad while the tape is on.
    """
    *first, last = _steps(input, index)
    put(input, value, [GetItem(step) for step in first], last)


def iterate(input: Tensor) -> Iterator[Tensor]:
    """The slices along the first dimension, one by one.

    Args:
        input: at least one dimension.

    Returns:
        An iterator of tensors.
    """
    return (input[i] for i in range(len(input)))


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
    _check_range(index.array, 0, input.shape[d] - 1, "gather: index {} is outside 0..{}", input.shape[d] - 1)
    return Gather(d)(input, index)


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
    _check_range(
        index.array, 0, input.shape[d] - 1, "index_select: index {} is outside 0..{}", input.shape[d] - 1
    )
    return getitem(input, (slice(None),) * d + (index.long().reshape(-1),))


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


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """For each class id, a row of zeros with a 1 at that id.

    Args:
        tensor: integer ids (..), at least 0.
        num_classes: the length of a row; -1 means one more than the largest id.

    Returns:
        int64, (.., num_classes).

    Raises:
        TypeError: the ids are not integers.
        IndexError: an id is out of range.
    """
    if tensor.dtype.kind not in "iu":
        raise TypeError(f"one_hot: expected integer ids, got {tensor.dtype}; call .long()")
    n = int(tensor.array.max()) + 1 if num_classes == -1 else num_classes
    _check_range(tensor.array, 0, n - 1, "one_hot: id {} is outside 0..{}", n - 1)
    return Tensor((tensor.array[..., None] == namespace(tensor.array).arange(n)).astype(int64))


def masked_fill(input: Tensor, mask: Tensor, value: float | Tensor) -> Tensor:
    """A value where a mask holds, else the input.

    Args:
        input: any shape.
        mask: a boolean tensor; shapes broadcast.
        value: a number or a 0-d tensor.

    Returns:
        The broadcast shape, in the input's dtype.

    Raises:
        TypeError: the mask is not boolean.
        ValueError: the value has dimensions, or float16 cannot hold it.
    """
    if mask.dtype != bool_:
        raise TypeError(f"masked_fill: expected a bool mask, got {mask.dtype}; compare first, e.g. mask == 0")
    if not isinstance(value, Tensor):
        return Where()(mask, number_like(input, value), input)
    if value.ndim:
        raise ValueError(
            f"masked_fill: expected a number or a 0-d tensor as value, got {value.shape}; use where"
        )
    return Where()(mask, cast(value, input.dtype), input)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices; zeros elsewhere.

    Args:
        input: (.., rows, columns).
        diagonal: the first diagonal that is kept: 0 is the main one, 1 the one above.

    Returns:
        The same shape.

    Raises:
        ValueError: there are fewer than 2 dimensions.
    """
    return Where()(_triangle(input, diagonal), input, number_like(input, 0))


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices; zeros elsewhere.

    Args:
        input: (.., rows, columns).
        diagonal: the last diagonal that is kept: 0 is the main one, 1 the one above.

    Returns:
        The same shape.

    Raises:
        ValueError: there are fewer than 2 dimensions.
    """
    return Where()(_triangle(input, diagonal + 1), number_like(input, 0), input)


def _triangle(input: Tensor, diagonal: int) -> Tensor:
    if input.ndim < 2:
        raise ValueError(f"a triangle needs at least 2 dimensions, got {input.shape}")
    rows, columns = namespace(input.array).ogrid[: input.shape[-2], : input.shape[-1]]
    return Tensor(columns - rows >= diagonal)


def number_like(input: Tensor, value: Any) -> float | int | bool:
    """A value as the Python number that leaves the dtype of a tensor as it is.

    Args:
        input: the tensor.
        value: a number or a 0-d tensor.

    Returns:
        The number.

    Raises:
        ValueError: it would become infinite in that dtype.
    """
    number = {"f": float, "b": bool}.get(input.dtype.kind, int)(value)
    if input.dtype == float16 and 65504 < abs(number) < math.inf:
        raise ValueError(f"expected a number that float16 holds, got {value}; use -inf for a mask")
    return number


def embedding(input: Tensor, weight: Tensor) -> Tensor:
    """For each id the row of a matrix with that number.

    Args:
        input: integer ids (..).
        weight: (V, C).

    Returns:
        (.., C).

    Raises:
        TypeError: the ids are no tensor of integers.
        ValueError: the weight is no matrix.
        IndexError: an id is out of range; on a GPU only inside `detect_anomaly`.
    """
    if not isinstance(input, Tensor):
        raise TypeError(
            f"embedding: expected a tensor of ids, got {type(input).__name__}; make one with tensor(ids)"
        )
    if weight.ndim != 2:
        raise ValueError(f"embedding: expected a weight (V, C), got {weight.shape}")
    if input.dtype.kind not in "iu":
        raise TypeError(f"embedding: expected integer ids, got {input.dtype}; call .long()")
    check_ids(input.array, weight.shape[0], "embedding: id {} is outside the vocabulary 0..{}")
    return Embedding()(weight, input)


def check_ids(ids: Array, size: int, message: str) -> None:
    """Check that all ids are from 0 to size - 1.

    On a device this is done only inside `detect_anomaly`, since every step of training would have to wait for the device. Outside
    of it `embedding` and `cross_entropy` give NaN for an id out of range.

    Args:
        ids: integers, any shape.
        size: the number of ids that there are.
        message: of the error, with `{}` for the id and for size - 1.

    Raises:
        IndexError: an id is out of range.
    """
    if namespace(ids) is numpy or watcher.get() is not None:
        _check_range(ids, 0, size - 1, message, size - 1)


def _check_range(ids: Array, least: int, most: int, message: str, limit: int) -> None:
    """Raise IndexError with an id that is not from `least` to `most`, and the limit."""
    if not ids.size:
        return
    low = int(ids.min())
    high = int(ids.max())
    if low < least or high > most:
        raise IndexError(message.format(low if low < least else high, limit))
