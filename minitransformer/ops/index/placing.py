"""Writing at places along a dimension, or adding to what is there: each op anew, and in place under its name with `_`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, int64, namespace
from minitransformer.ops.index.bounds import check_ids, check_range
from minitransformer.ops.index.parts import getitem
from minitransformer.ops.laws import Sums, dims
from minitransformer.ops.tensors.convert import cast
from minitransformer.ops.tensors.inplace import Overwrite

Source = TypeVar("Source")


class AddAt(Sums):
    """y = x, and y[places] += new: a place named twice gets both. Each term gets its share of the sum.

    Args:
        places: an index into x, of arrays and slices.
    """

    reads = "shapes"

    def __init__(self, places: tuple[Any, ...]):
        self.places = places

    def forward(self, x: Array, new: Array) -> Array:
        return x + (kernels.of(x).index_vjp(new, x, self.places) if x.ndim else new)

    def vjp(self, g: Array, x: Array, new: Array) -> Arrays:
        return g, g[self.places]


def _rows(name: str, input: Tensor, dim: int, index: Tensor) -> tuple[Any, ...]:
    """Where `index` (n,) stands along `dim`, for all of the other dimensions. Raises IndexError if out of range, ValueError."""
    if index.ndim > 1 or index.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected a row of integers as index, got {index.dtype} {index.shape}")
    (d,) = dims(dim, max(input.ndim, 1))
    check_ids(index.array, input.shape[d] if input.ndim else 1, name + ": index {} is outside 0..{}")
    if not input.ndim:
        return (...,)
    return (slice(None),) * d + (index.array.copy(),)


def _cells(
    name: str, input: Tensor, dim: int, index: Tensor, src: Tensor | float
) -> tuple[tuple[Any, ...], Tensor | float]:
    """Where each entry of `index`, of as many dimensions as `input`, stands; and as much of `src` as there are entries."""
    (d,) = dims(dim, max(input.ndim, 1))
    if index.ndim != input.ndim or index.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: expected integers of {input.ndim} dimensions as index, got {index.dtype} {index.shape}"
        )
    sizes = [m for i, (n, m) in enumerate(zip(index.shape, input.shape, strict=True)) if i != d and n > m]
    if sizes or isinstance(src, Tensor) and any(n > m for n, m in zip(index.shape, src.shape, strict=True)):
        raise ValueError(
            f"{name}: index {index.shape} is larger than {input.shape}, besides dimension {dim}, or than its source"
        )
    check_ids(index.array, input.shape[d] if input.ndim else 1, name + ": index {} is outside 0..{}")
    if not input.ndim:
        return (...,), src
    grid = namespace(index.array).ogrid[tuple(slice(n) for n in index.shape)]
    places = tuple(index.array.copy() if i == d else at for i, at in enumerate(grid))
    return places, src[tuple(slice(n) for n in index.shape)] if isinstance(src, Tensor) else src


def _fitting(name: str, input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """`source`, with as many rows along `dim` as `index` names. Raises ValueError for another shape, TypeError."""
    (d,) = dims(dim, max(input.ndim, 1))
    expected = input.shape[:d] + index.shape + input.shape[d + 1 :]
    if input.ndim and index.ndim and source.ndim and source.shape != expected:
        raise ValueError(f"{name}: expected a source of shape {expected}, got {source.shape}")
    return _alike(name, input, source)


def _alike(name: str, input: Tensor, source: Source) -> Source:
    """`source`, of the dtype of `input`. Raises TypeError for another, as PyTorch does."""
    if isinstance(source, Tensor) and source.dtype != input.dtype:
        raise TypeError(f"{name}: expected a source of {input.dtype}, got {source.dtype}; convert it first")
    return source


def index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | float) -> Tensor:
    """A value in the slices at some indices along a dimension.

    Args:
        input: any shape.
        dim: the dimension.
        index: integers (n,).
        value: a number or a 0-d tensor.

    Returns:
        A copy of `input` with the value written.

    Raises:
        ValueError: the value has dimensions.
        IndexError: an index is out of range.
    """
    if isinstance(value, Tensor) and value.ndim:
        raise ValueError(
            f"index_fill: expected a number or a 0-d tensor, got shape {value.shape}; use index_copy"
        )
    value = cast(value, input.dtype) if isinstance(value, Tensor) else value
    once = Tensor(namespace(index.array).unique(index.array)) if index.ndim else index
    return Overwrite((), _rows("index_fill", input, dim, once))(input, value)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """The slices of a source written at some indices along a dimension.

    Args:
        input: any shape.
        dim: the dimension.
        index: integers (n,).
        source: as `input`, with size n along `dim`.

    Returns:
        A copy of `input` with the slices written.

    Raises:
        ValueError: the source has another shape.
        IndexError: an index is out of range.
    """
    return Overwrite((), _rows("index_copy", input, dim, index))(
        input, _fitting("index_copy", input, dim, index, source)
    )


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """The slices of a source added at some indices along a dimension; an index given twice gets both.

    Args:
        input: any shape.
        dim: the dimension.
        index: integers (n,).
        source: as `input`, with size n along `dim`.
        alpha: what the source is multiplied by first.

    Returns:
        A copy of `input` with the slices added.

    Raises:
        ValueError: the source has another shape.
        IndexError: an index is out of range.
    """
    source = _fitting("index_add", input, dim, index, source)
    return AddAt(_rows("index_add", input, dim, index))(input, source if alpha == 1 else source * alpha)


def scatter(input: Tensor, dim: int, index: Tensor, src: Tensor | float) -> Tensor:
    """Values written at the places that an index names: for dim 0, y[index[i][j]][j] = src[i][j].

    Args:
        input: any shape.
        dim: the dimension.
        index: integers, with as many dimensions as `input`.
        src: a tensor at least as large as the index, or a number.

    Returns:
        A copy of `input` with the values written.

    Raises:
        ValueError: the shapes do not fit.
        TypeError: the source has another dtype.
        IndexError: an index is out of range.
    """
    places, values = _cells("scatter", input, dim, index, _alike("scatter", input, src))
    return Overwrite((), places)(input, values)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Values added at the places that an index names: for dim 0, y[index[i][j]][j] += src[i][j].

    Args:
        input: any shape.
        dim: the dimension.
        index: integers, with as many dimensions as `input`.
        src: a tensor at least as large as the index.

    Returns:
        A copy of `input` with the values added.

    Raises:
        ValueError: the shapes do not fit.
        TypeError: the source has another dtype.
        IndexError: an index is out of range.
    """
    places, values = _cells("scatter_add", input, dim, index, _alike("scatter_add", input, src))
    return AddAt(places)(input, values)


def put_at(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Values at places, numbered in the order of memory.

    Args:
        input: any shape.
        index: integers, any shape.
        source: as many values as places, of the dtype of `input`.
        accumulate: whether they are added to what is there.

    Returns:
        A copy of `input` with the values written.

    Raises:
        TypeError: the dtypes differ, or the index is not of int64.
        ValueError: there are other numbers of places than of values.
        IndexError: a place is out of range.
    """
    source, flat, places = _alike("put", input, source).reshape(-1), input.reshape(-1), index.reshape(-1)
    if index.dtype != int64:
        raise TypeError(f"put: expected int64 as index, got {index.dtype}; call .long()")
    if places.shape != source.shape:
        raise ValueError(f"put: expected {places.shape[0]} values, got {source.shape[0]}")
    n = input.array.size
    check_range(places.array, -n, n - 1, "put: index {} is outside a tensor of {} elements", n)
    where = (places.array.copy(),)
    op = AddAt(where) if accumulate else Overwrite((), where)
    return op(flat, source).reshape(input.shape)


def index_put(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """Values at the places that several indices name together, as in `input[indices] = values`.

    Args:
        input: any shape.
        indices: integers or masks, one for each of the first dimensions; they broadcast.
        values: what is written, of the dtype of `input`; broadcasts to the places.
        accumulate: whether it is added to what is there.

    Returns:
        A copy of `input` with the values written.

    Raises:
        TypeError: the dtypes differ.
        IndexError: a place is out of range.
    """
    at = tuple(indices)
    values = _alike("index_put", input, values).expand(getitem(input.detach(), at).shape)
    op = AddAt if accumulate else lambda places: Overwrite((), places)
    return op(_whole(at))(input, values)


def _whole(indices: tuple[Tensor, ...]) -> tuple[Any, ...]:
    """The arrays of indices, with the places of a mask in place of it."""
    return tuple(
        array.copy()
        for t in indices
        for array in (t.array.nonzero() if t.dtype.kind == "b" else (t.array.astype(int64),))
    )
