"""Masks of attention, in PyTorch's forms, and how several masks become one.

A mask that is given to a module says what is *not* allowed. Boolean: True where attention is not allowed. Floating-point: numbers
that are added to the scores, -inf where attention is not allowed. (For `F.scaled_dot_product_attention`, a boolean mask means the
opposite: True where attention is allowed.)
"""

from __future__ import annotations

import math
import operator
from functools import reduce
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import bool_
from minitransformer.devices import CPU
from minitransformer.ops.creation.filled import arange, full
from minitransformer.ops.creation.likes import zeros_like
from minitransformer.ops.elementwise.compare import equal, logical_not
from minitransformer.ops.index.masks import masked_fill, triu


def generate_square_subsequent_mask(sz: int, device: str | None = None, dtype: Any = None) -> Tensor:
    """The causal mask: each token may attend to itself and to earlier tokens.

    Args:
        sz: the number of tokens T.
        device: where the mask lives; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Returns:
        (T, T): 0 on and below the diagonal, -inf above it.
    """
    return triu(full((sz, sz), -math.inf, dtype=dtype, device=device), diagonal=1)


def later_keys(n_queries: int, n_keys: int, device: str | None = None) -> Tensor:
    """The causal mask as booleans, where the queries are the last of the keys.

    Args:
        n_queries: the number of queries T.
        n_keys: the number of keys S, at least T.
        device: where the mask lives; None means the default device.

    Returns:
        (T, S) bool: True where the key comes after the query.
    """
    query = arange(n_keys - n_queries, n_keys, device=device)  # (T,)
    return arange(n_keys, device=device) > query.unsqueeze(1)


def far_keys(n_queries: int, n_keys: int, window: int, device: str | None = None) -> Tensor:
    """The mask of a sliding window as booleans, where the queries are the last of the keys.

    Args:
        n_queries: the number of queries T.
        n_keys: the number of keys S, at least T.
        window: how many keys a query may attend to: itself and those just before it.
        device: where the mask lives; None means the default device.

    Returns:
        (T, S) bool: True where the key is `window` or more positions before the query.

    Source:
        Beltagy et al., arXiv 2004.05150, 2020, section 3.1.
    """
    query = arange(n_keys - n_queries, n_keys, device=device)  # (T,)
    return arange(n_keys, device=device) <= query.unsqueeze(1) - window


def hidden_tokens(attention_mask: Tensor | None, batch: int, length: int) -> Tensor | None:
    """Which tokens are padding, from a mask as tokenizers give it.

    Args:
        attention_mask: (B, S) of numbers or booleans: 1 for a token, 0 for padding; None if there is no padding.
        batch: B.
        length: S, the number of tokens in a row, those in a cache included.

    Returns:
        (B, S) bool, True for padding; None for None.

    Raises:
        ValueError: if the mask has another shape.
    """
    if attention_mask is None:
        return None
    if attention_mask.shape != (batch, length):
        raise ValueError(
            f"attention_mask: expected 1 for each real token and 0 for padding, of shape {(batch, length)}, got "
            f"{attention_mask.shape}"
        )
    return attention_mask == 0


def looks_causal(mask: Tensor | None) -> bool:
    """Whether a mask is exactly the causal one: attention then computes only half of the scores.

    Args:
        mask: (T, T), boolean or floating-point, or None.

    Returns:
        False also for a mask on a device, whose values the host would have to wait for, and for one that requires a gradient.
    """
    if mask is None or mask.device != CPU or mask.requires_grad or mask.ndim != 2:
        return False
    if mask.dtype == bool_:
        return equal(mask, later_keys(len(mask), len(mask), CPU))
    return equal(mask, generate_square_subsequent_mask(len(mask), CPU, mask.dtype))


def check_mask(name: str, mask: Tensor, *shapes: tuple[int, ...]) -> None:
    """Check the dtype and the shape of a mask.

    Args:
        name: what to call the mask in an error.
        mask: the mask.
        shapes: the shapes that it may have.

    Raises:
        ValueError: if the mask has another shape.
        TypeError: if it is neither boolean nor floating-point.
    """
    if mask.dtype.kind not in "bfV":
        raise TypeError(
            f"{name}: expected bool (True: not allowed) or float (added), got {mask.dtype}; call .bool()"
        )
    if mask.shape not in shapes:
        raise ValueError(f"{name}: expected shape {' or '.join(map(str, shapes))}, got {mask.shape}")


def each_broadcast(
    q: Tensor, n_keys: int, key_padding_mask: Tensor | None, attn_mask: Tensor | None
) -> list[Tensor]:
    """The two masks that attention by heads takes, checked, each of a shape that broadcasts to that of the scores.

    Args:
        q: the queries, (B, H, T, d) or (H, T, d).
        n_keys: the number of keys S.
        key_padding_mask: (B, S) or (S,), or None.
        attn_mask: (T, S) or (B H, T, S), or None.

    Returns:
        Those that are given.

    Raises:
        ValueError: if a mask has another shape.
        TypeError: if it is neither boolean nor floating-point.
    """
    *batch, heads, n_queries, _ = q.shape
    masks = []
    if attn_mask is not None:
        each_head = (math.prod(batch) * heads, n_queries, n_keys)
        check_mask("attn_mask", attn_mask, (n_queries, n_keys), each_head)
        masks.append(attn_mask if attn_mask.ndim == 2 else attn_mask.view(*q.shape[:-1], n_keys))
    if key_padding_mask is not None:
        check_mask("key_padding_mask", key_padding_mask, (*batch, n_keys))
        masks.append(key_padding_mask.view(*batch, 1, 1, n_keys))
    return masks


def merge(masks: list[Tensor], dtype: Any) -> Tensor | None:
    """Combine several masks into one for `F.scaled_dot_product_attention`.

    Args:
        masks: masks as modules take them, of shapes that broadcast.
        dtype: the dtype of the scores.

    Returns:
        If all are boolean, a boolean mask, True where all allow attention; else the sum of all masks as numbers. None if there
        are no masks.
    """
    if not masks:
        return None
    if all(mask.dtype == bool_ for mask in masks):
        return logical_not(reduce(operator.or_, masks))
    return reduce(operator.add, [_as_scores(mask, dtype) for mask in masks])


def _as_scores(mask: Tensor, dtype: Any) -> Tensor:
    """The mask as numbers to add: -inf where a boolean one is True."""
    if mask.dtype != bool_:
        return mask.to(dtype)
    return masked_fill(zeros_like(mask, dtype=dtype), mask, -math.inf)
