"""Parts of a tensor by an index: `x[index]` and `x[index] = value`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, bool_, namespace, uint8
from minitransformer.ops.index.bounds import check_range
from minitransformer.ops.laws import Moves
from minitransformer.ops.tensors.inplace import put


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
            check_range(
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
