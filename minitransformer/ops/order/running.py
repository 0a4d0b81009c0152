"""The largest and the smallest value so far, along a dimension."""

from __future__ import annotations

from collections.abc import Callable

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.ops.index.picking import Gather
from minitransformer.ops.laws import dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.order.extreme import Extreme


def running(x: Array, dim: int, stays: Callable[[Array, Array], Array]) -> Array:
    """Where the best value so far stands, found in steps of 1, 2, 4, .. places: log2(n) of them.

    Args:
        x: any shape.
        dim: the dimension, not negative.
        stays: `stays(earlier, later)`, whether the earlier of two values is the better one.

    Returns:
        Indices along `dim`, of the shape of x.
    """
    n, step = x.shape[dim], 1
    places = namespace(x).arange(n).reshape([-1 if d == dim else 1 for d in range(x.ndim)])
    at = namespace(x).broadcast_to(places, x.shape)
    while step < n:
        better = stays(*_pairs(x, dim, step))
        x, at = (_joined(a, better, dim, step) for a in (x, at))
        step *= 2
    return at


def _pairs(a: Array, dim: int, step: int) -> tuple[Array, Array]:
    """Each element but the last few, and the one `step` places after it."""
    return a[(slice(None),) * dim + (slice(None, -step),)], a[(slice(None),) * dim + (slice(step, None),)]


def _joined(a: Array, better: Array, dim: int, step: int) -> Array:
    xp = namespace(a)
    first = a[(slice(None),) * dim + (slice(None, step),)]
    return xp.concatenate([first, xp.where(better, *_pairs(a, dim, step))], axis=dim)


def _extremes(input: Tensor, dim: int, stays: Callable[[Array, Array], Array]) -> Extreme:
    if not input.ndim:
        return Extreme(*(found.reshape(()) for found in _extremes(input.reshape(1), dim, stays)))
    (d,) = dims(dim, input.ndim)
    at = Tensor(running(input.array, d, stays))
    return Extreme(Gather(d)(input, at), at)


def _above(earlier: Array, later: Array) -> Array:
    return (earlier > later) | ((earlier != earlier) & (later == later))


def _below(earlier: Array, later: Array) -> Array:
    return (earlier < later) | ((earlier != earlier) & (later == later))


@numpy_names
def cummax(input: Tensor, dim: int) -> Extreme:
    """The largest value so far along a dimension, and where it stands: of equal ones the last. From a NaN on all are NaN.

    Args:
        input: any shape.
        dim: the dimension.

    Returns:
        A pair (values, indices) of tensors of the input's shape; the indices are int64.
    """
    return _extremes(input, dim, _above)


@numpy_names
def cummin(input: Tensor, dim: int) -> Extreme:
    """The smallest value so far along a dimension, and where it stands: of equal ones the last. From a NaN on all are NaN.

    Args:
        input: any shape.
        dim: the dimension.

    Returns:
        A pair (values, indices) of tensors of the input's shape; the indices are int64.
    """
    return _extremes(input, dim, _below)
