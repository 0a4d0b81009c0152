"""Shapes brought together: that of another tensor, one that all broadcast to, a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.ops.shape.layout import expand, reshape


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`expand` to the shape of another tensor.

    Args:
        input: any shape.
        other: gives the shape.

    Returns:
        A read-only view.
    """
    return expand(input, other.shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """`view` in the shape of another tensor.

    Args:
        input: any shape.
        other: gives the shape.

    Returns:
        A view where the memory allows it, else a copy.

    Raises:
        ValueError: the shape has another number of elements.
    """
    return reshape(input, other.shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`reshape` to the shape of another tensor.

    Args:
        input: any shape.
        other: gives the shape.

    Returns:
        A view where the memory allows it, else a copy.

    Raises:
        ValueError: the shape has another number of elements.
    """
    return reshape(input, other.shape)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`expand` to a shape.

    Args:
        input: any shape.
        size: the sizes, as one tuple; -1 keeps that of the input.

    Returns:
        A read-only view.
    """
    return expand(input, size)


def broadcast_shapes(*shapes: int | Sequence[int]) -> tuple[int, ...]:
    """The shape to which shapes broadcast.

    Args:
        *shapes: one or more; a number counts as a shape of one size.

    Returns:
        The shape.

    Raises:
        RuntimeError: two sizes of one dimension differ, and neither is 1.
    """
    size: list[int] = []
    for shape in map(_sizes, shapes):
        size = [1] * (len(shape) - len(size)) + size
        for i, n in enumerate(shape, len(size) - len(shape)):
            if n != size[i] and 1 not in (n, size[i]):
                raise RuntimeError(f"broadcast_shapes: {', '.join(map(str, shapes))} do not broadcast")
            size[i] = n if size[i] == 1 else size[i]
    return tuple(size)


def _sizes(shape: int | Sequence[int]) -> Sequence[int]:
    return (shape,) if isinstance(shape, int) else shape


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors expanded to the shape to which all broadcast.

    Args:
        *tensors: one or more, or all in one list.

    Returns:
        A read-only view of each.

    Raises:
        RuntimeError: the shapes do not broadcast.
    """
    given = _listed(tensors)
    shape = broadcast_shapes(*(t.shape for t in given))
    return tuple(expand(t, shape) for t in given)


def _listed(tensors: Sequence[Any]) -> Sequence[Tensor]:
    """Tensors that were given one by one or as one list."""
    return tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors


def meshgrid(*tensors: Tensor, indexing: str | None = None) -> tuple[Tensor, ...]:
    """A grid from the coordinates along its axes.

    Args:
        *tensors: coordinates (n,) or (), one tensor an axis, or all in one list.
        indexing: "ij": the first axis is that of rows; "xy": the first axis is that of columns. None means "ij".

    Returns:
        For each axis its coordinate at every place of the grid, as a read-only view.

    Raises:
        ValueError: a tensor has more dimensions, `indexing` is another word, or there are no tensors.
        TypeError: the dtypes differ.
    """
    given = _listed(tensors)
    if not given or any(t.ndim > 1 for t in given) or indexing not in (None, "ij", "xy"):
        raise ValueError(
            f"meshgrid: expected rows of numbers, and indexing 'ij' or 'xy', got {[t.shape for t in given]}, {indexing!r}"
        )
    if len({t.dtype for t in given}) > 1:
        raise TypeError(f"meshgrid: expected one dtype, got {[t.dtype.name for t in given]}")
    places = list(range(len(given)))
    if indexing == "xy":
        places[:2] = places[:2][::-1]
    shape = [given[i].array.size for i in sorted(places, key=places.__getitem__)]
    return tuple(
        expand(t.reshape([-1 if i == place else 1 for i in range(len(given))]), shape)
        for t, place in zip(given, places, strict=True)
    )


def atleast_1d(*tensors: Tensor) -> Tensor | tuple[Tensor, ...]:
    """Tensors with one dimension at least.

    Args:
        *tensors: one or more, or all in one list.

    Returns:
        The tensor, or a tuple of them; numbers as (1,).
    """
    given = tuple(t if t.ndim else t.reshape(1) for t in _listed(tensors))
    return given[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else given


def atleast_2d(*tensors: Tensor) -> Tensor | tuple[Tensor, ...]:
    """Tensors with two dimensions at least.

    Args:
        *tensors: one or more, or all in one list.

    Returns:
        The tensor, or a tuple of them; numbers as (1, 1), rows as (1, n).
    """
    given = tuple(t if t.ndim > 1 else t.reshape(1, -1) for t in _listed(tensors))
    return given[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else given


def atleast_3d(*tensors: Tensor) -> Tensor | tuple[Tensor, ...]:
    """Tensors with three dimensions at least.

    Args:
        *tensors: one or more, or all in one list.

    Returns:
        The tensor, or a tuple of them; numbers as (1, 1, 1), rows as (1, n, 1), matrices as (n, m, 1).
    """
    given = tuple(t if t.ndim > 2 else _deep(t) for t in _listed(tensors))
    return given[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else given


def _deep(t: Tensor) -> Tensor:
    return t.reshape(*t.shape, 1) if t.ndim == 2 else t.reshape(1, -1, 1)
