"""One value by its place in the order: the median, the k-th smallest, and the most frequent one."""

from __future__ import annotations

import math
from typing import overload

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, int64, namespace
from minitransformer.ops.index.picking import Gather
from minitransformer.ops.laws import dims, total
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.order.extreme import Extreme, Max
from minitransformer.ops.order.running import running
from minitransformer.ops.order.sorting import argsort


class Median(Max):
    """y = the lower median of all x: see `Max`. NaN, if there is one that counts.

    Args:
        dim: all dimensions.
        ignore_nan: whether NaN counts for nothing.
    """

    def __init__(self, dim: tuple[int, ...], ignore_nan: bool):
        super().__init__(dim)
        self.ignore_nan = ignore_nan

    def forward(self, x: Array) -> Array:  # (..) -> ()
        if not x.size:
            return total(x) * math.nan
        row = namespace(x).sort(x.reshape(-1))
        return row[_middle(row, 0, self.ignore_nan)]


def _middle(x: Array, dim: int, ignore_nan: bool) -> Array:
    """Where the lower median stands among values in order, in which NaN come last; where the first NaN stands, if they count."""
    n = x.shape[dim]
    count = n - (x != x).sum(axis=dim)  # of numbers
    if ignore_nan:
        return namespace(x).maximum(count - 1, 0) // 2
    return namespace(x).where(count < n, count, (n - 1) // 2)


def _placed(input: Tensor, dim: int, keepdim: bool, at: Tensor) -> Extreme:
    """The values at indices (.., 1, ..) along `dim`."""
    values = Gather(dim)(input, at)
    return Extreme(values, at) if keepdim else Extreme(values.squeeze(dim), at.squeeze(dim))


def _medians(name: str, input: Tensor, dim: int | None, keepdim: bool, ignore_nan: bool) -> Tensor | Extreme:
    if dim is None:
        return Median(tuple(range(input.ndim)), ignore_nan)(input)
    if not input.ndim:
        return Extreme(input.reshape(()), Tensor(namespace(input.array).zeros((), int64)))
    (d,) = dims(dim, input.ndim)
    if not input.shape[d]:
        raise IndexError(f"{name}: expected values along dimension {dim}, got shape {input.shape}")
    order = argsort(input, d)
    place = _middle(Gather(d).forward(input.array, order.array), d, ignore_nan)
    at = Gather(d).forward(order.array, namespace(input.array).expand_dims(place, d))
    return _placed(input, d, keepdim, Tensor(at))


@overload
def median(input: Tensor, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def median(input: Tensor, dim: int, keepdim: bool = False) -> Extreme: ...
@numpy_names
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | Extreme:
    """The median, of all or along a dimension; of two in the middle the lower. NaN, if there is one.

    Args:
        input: any shape.
        dim: one dimension; None means all.
        keepdim: whether the dimension stays, with size 1.

    Returns:
        A 0-d tensor without `dim`, where equal values share the gradient; with it a pair (values, indices).

    Raises:
        IndexError: there are no values along `dim`.
    """
    return _medians("median", input, dim, keepdim, False)


@overload
def nanmedian(input: Tensor, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def nanmedian(input: Tensor, dim: int, keepdim: bool = False) -> Extreme: ...
@numpy_names
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | Extreme:
    """The median of the values that are no NaN: see `median`.

    Args:
        input: any shape.
        dim: one dimension; None means all.
        keepdim: whether the dimension stays, with size 1.

    Returns:
        A 0-d tensor without `dim`; with it a pair (values, indices). NaN where all are.

    Raises:
        IndexError: there are no values along `dim`.
    """
    return _medians("nanmedian", input, dim, keepdim, True)


@numpy_names
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Extreme:
    """The k-th smallest value along a dimension, counted from 1; NaN come last.

    Args:
        input: any shape.
        k: which.
        dim: the dimension.
        keepdim: whether the dimension stays, with size 1.

    Returns:
        A pair (values, indices) of tensors; the indices are int64.

    Raises:
        ValueError: there are fewer than `k` values, or `k` is below 1.
    """
    if not input.ndim:
        return Extreme(*(found.reshape(()) for found in kthvalue(input.reshape(1), k, dim)))
    (d,) = dims(dim, input.ndim)
    if not 1 <= k <= input.shape[d]:
        raise ValueError(f"kthvalue: expected k in 1..{input.shape[d]}, got {k}")
    return _placed(input, d, keepdim, argsort(input, d)[(slice(None),) * d + (slice(k - 1, k),)])


@numpy_names
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Extreme:
    """The most frequent value along a dimension, of several the smallest, and where it stands for the last time.

    Args:
        input: any shape.
        dim: the dimension.
        keepdim: whether the dimension stays, with size 1.

    Returns:
        A pair (values, indices) of tensors; the indices are int64.

    Raises:
        IndexError: there are no values along `dim`.
    """
    if not input.ndim:
        return Extreme(*(found.reshape(()) for found in mode(input.reshape(1), dim)))
    (d,) = dims(dim, input.ndim)
    if not input.shape[d]:
        raise IndexError(f"mode: expected values along dimension {dim}, got shape {input.shape}")
    order = argsort(input, d).array
    place = _end_of_longest_run(Gather(d).forward(input.array, order), d)
    return _placed(input, d, keepdim, Tensor(Gather(d).forward(order, place)))


def _end_of_longest_run(x: Array, dim: int) -> Array:
    """Where, along `dim`, the first of the longest runs of equal values ends. (.., n, ..) -> (.., 1, ..)."""
    xp, n = namespace(x), x.shape[dim]
    places = xp.arange(n).reshape([-1 if d == dim else 1 for d in range(x.ndim)])
    first = (slice(None),) * dim + (slice(0, 1),)
    new = xp.concatenate([x[first] == x[first], xp.diff(x, axis=dim) != 0], axis=dim)
    starts = xp.where(new, places, 0)
    last = Gather(dim).forward(starts, running(starts, dim, lambda earlier, later: earlier > later))
    return (places - last).argmax(axis=dim, keepdims=True)
