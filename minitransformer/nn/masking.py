"""Which key a query may look at: PyTorch's masks, and how several become one.

Masks of modules say what is *not* allowed: boolean, True where attention must not go, or floating-point, added to the
scores, with -inf where it must not go. (`F.scaled_dot_product_attention` asks the opposite: there True is allowed.)
"""

from __future__ import annotations

import math
import operator
from functools import reduce

from minitransformer.autograd import Tensor
from minitransformer.backends import bool_
from minitransformer.devices import CPU
from minitransformer.ops.compare import equal, logical_not
from minitransformer.ops.creation import arange, full, zeros_like
from minitransformer.ops.index import masked_fill, triu


def generate_square_subsequent_mask(sz: int, device: str | None = None, dtype=None) -> Tensor:
    """0 where a token may look, -inf where it may not: at those that follow it. (sz, sz), float32 unless told."""
    return triu(full((sz, sz), -math.inf, dtype=dtype, device=device), diagonal=1)


def later_keys(n_queries: int, n_keys: int, device: str | None = None) -> Tensor:
    """True where a key follows the query, the queries being the last of the keys. (T, S) bool."""
    query = arange(n_keys - n_queries, n_keys, device=device)  # (T,)
    return arange(n_keys, device=device) > query.unsqueeze(1)


def looks_causal(mask: Tensor | None) -> bool:
    """Whether a mask hides just what follows: then half of the scores need no computing.

    Only a mask on the host is looked at, for a device would have to be waited for, and none that is itself learned.
    """
    if mask is None or mask.device != CPU or mask.requires_grad or mask.ndim != 2:
        return False
    if mask.dtype == bool_:
        return equal(mask, later_keys(len(mask), len(mask), CPU))
    return equal(mask, generate_square_subsequent_mask(len(mask), CPU, mask.dtype))


def check_mask(name: str, mask: Tensor, *shapes: tuple[int, ...]) -> None:
    """Raise ValueError unless the mask has one of `shapes`, TypeError unless it is boolean or floating-point."""
    if mask.dtype.kind not in "bf":
        raise TypeError(
            f"{name}: expected bool (True: not allowed) or float (added), got {mask.dtype}; call .bool()"
        )
    if mask.shape not in shapes:
        raise ValueError(f"{name}: expected shape {' or '.join(map(str, shapes))}, got {mask.shape}")


def merge(masks: list[Tensor], dtype) -> Tensor | None:
    """Several masks as one for `F.scaled_dot_product_attention`: True where all allow, or the sum of their scores."""
    if not masks:
        return None
    if all(mask.dtype == bool_ for mask in masks):
        return logical_not(reduce(operator.or_, masks))
    return reduce(operator.add, [_as_scores(mask, dtype) for mask in masks])


def _as_scores(mask: Tensor, dtype) -> Tensor:
    return (
        masked_fill(zeros_like(mask, dtype=dtype), mask, -math.inf) if mask.dtype == bool_ else mask.to(dtype)
    )
