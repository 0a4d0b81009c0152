"""Values in order, and where they were."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import namespace
from minitransformer.ops.extreme import Extreme
from minitransformer.ops.index import Gather
from minitransformer.ops.laws import dims


def _order(input: Tensor, dim: int, descending: bool) -> Tensor:
    """Indices along `dim` from the smallest value on, or from the largest; those of equal values stay in order."""
    xp, x = namespace(input.array), input.array
    if not descending:
        return Tensor(xp.argsort(x, axis=dim, kind="stable"))
    backwards = xp.flip(xp.argsort(xp.flip(x, dim), axis=dim, kind="stable"), dim)
    return Tensor(x.shape[dim] - 1 - backwards)


def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = True) -> Extreme:
    """The values in order along `dim`, and their indices; always stable."""
    if not input.ndim:
        return Extreme(*(found.reshape(()) for found in sort(input.reshape(1), dim)))
    (d,) = dims(dim, input.ndim)
    order = _order(input, d, descending)
    return Extreme(Gather(d)(input, order), order)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = True) -> Tensor:
    """The indices of the values in order along `dim`; always stable."""
    return sort(input.detach(), dim, descending).indices


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Extreme:
    """The `k` largest values along `dim` (or smallest), in order, and their indices. Raises ValueError if there are fewer."""
    if not input.ndim:
        return Extreme(*(found[0] if k else found for found in topk(input.reshape(1), k, dim, largest)))
    (d,) = dims(dim, input.ndim)
    if not 0 <= k <= input.shape[d]:
        raise ValueError(f"topk: expected k in 0..{input.shape[d]}, got {k}")
    order = _order(input, d, largest)[(slice(None),) * d + (slice(k),)]
    return Extreme(Gather(d)(input, order), order)
