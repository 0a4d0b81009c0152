"""Values in order, and where they were."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import namespace
from minitransformer.ops.index.picking import Gather
from minitransformer.ops.laws import dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.order.extreme import Extreme


def _order(input: Tensor, dim: int, descending: bool) -> Tensor:
    """Indices along `dim` from the smallest value on, or from the largest; those of equal values stay in order."""
    xp = namespace(input.array)
    x = input.array
    if not descending:
        return Tensor(xp.argsort(x, axis=dim, kind="stable"))
    backwards = xp.flip(xp.argsort(xp.flip(x, dim), axis=dim, kind="stable"), dim)
    return Tensor(x.shape[dim] - 1 - backwards)


@numpy_names
def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = True) -> Extreme:
    """The values in order along a dimension, and the index of each; equal values keep their order.

    Args:
        input: any shape.
        dim: the dimension.
        descending: from the largest on, not from the smallest.
        stable: accepted as in PyTorch; the order is always stable.

    Returns:
        A pair (values, indices) of tensors, both of the input's shape; the indices are int64.
    """
    if not input.ndim:
        return Extreme(*(found.reshape(()) for found in sort(input.reshape(1), dim)))
    (d,) = dims(dim, input.ndim)
    order = _order(input, d, descending)
    return Extreme(Gather(d)(input, order), order)


@numpy_names
def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = True) -> Tensor:
    """The indices that put the values in order along a dimension; equal values keep their order.

    Args:
        input: any shape.
        dim: the dimension.
        descending: from the largest on, not from the smallest.
        stable: accepted as in PyTorch; the order is always stable.

    Returns:
        int64, of the input's shape.
    """
    return sort(input.detach(), dim, descending).indices


@numpy_names
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Extreme:
    """The `k` largest values along a dimension, in order, and the index of each.

    Args:
        input: any shape.
        k: how many.
        dim: the dimension.
        largest: False takes the smallest values.
        sorted: accepted as in PyTorch; the values always come in order.

    Returns:
        A pair (values, indices) of tensors, with size `k` along `dim`; the indices are int64.

    Raises:
        ValueError: there are fewer than `k` values.
    """
    if not input.ndim:
        return Extreme(*(found[0] if k else found for found in topk(input.reshape(1), k, dim, largest)))
    (d,) = dims(dim, input.ndim)
    if not 0 <= k <= input.shape[d]:
        raise ValueError(f"topk: expected k in 0..{input.shape[d]}, got {k}")
    order = _order(input, d, largest)[(slice(None),) * d + (slice(k),)]
    return Extreme(Gather(d)(input, order), order)


def msort(input: Tensor) -> Tensor:
    """The values in order along the first dimension.

    Args:
        input: any shape.

    Returns:
        The same shape.
    """
    return sort(input, 0).values
