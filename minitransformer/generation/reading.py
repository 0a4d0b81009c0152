"""The logits of the next token of texts that grow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import cast

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.generation.writer import Writer
from minitransformer.nn import Module, TransformerCache
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.from_data import tensor

Ids = Sequence[int] | Tensor  # of one text


def last_logits(
    model: Writer,
    ids: Sequence[Sequence[int]] | numpy.ndarray,
    cache: TransformerCache | None = None,
    padding: numpy.ndarray | None = None,
) -> numpy.ndarray:
    """The logits of the token after the last one of each row. The model runs in evaluation mode; its mode is restored.

    Args:
        model: a writer.
        ids: (B, T) integers: all tokens so far, or with a cache those that are not yet in it.
        cache: from `model.new_cache()`; the T tokens are added to it.
        padding: (B, S) booleans for all S tokens so far, True where a row has not yet begun; None if there is no padding.

    Returns:
        (B, V) in NumPy.
    """
    module = cast(Module, model)  # a protocol cannot say that a writer is a Module
    device = next(module.parameters()).device
    options = {} if padding is None else {"padding": tensor(padding, device=device)}
    with no_grad(), in_use(module):
        logits: Tensor = module(tensor(ids, device=device), cache=cache, **options)  # (B, T, V)
    return logits[:, -1].numpy()  # (B, V)


def best(logits: numpy.ndarray) -> numpy.ndarray:
    """The largest logit of each row. A logit of -inf rules its token out.

    Args:
        logits: (.., V).

    Returns:
        (.., 1) in float64.

    Raises:
        ValueError: if a logit is NaN or inf, or all of a row are -inf, so that no token can be chosen.
    """
    top: numpy.ndarray = logits.max(-1, keepdims=True).astype(float)  # NaN if one of them is
    if not numpy.isfinite(top).all():
        found = top[~numpy.isfinite(top)][0]
        what = "all of them -inf" if found < 0 else f"one that is {found}"
        raise ValueError(
            f"logits: expected finite numbers, or -inf for some tokens, got {what}; `detect_anomaly` names the op"
        )
    return top


def ends(stop_id: int | Iterable[int] | None) -> frozenset[int]:
    """The ids that end a text, as a set.

    Args:
        stop_id: None, one id, or several.

    Returns:
        The set.
    """
    if stop_id is None:
        return frozenset()
    return frozenset(index(i) for i in (numbers(stop_id) if isinstance(stop_id, Iterable) else [stop_id]))


def numbers(ids: Iterable[int] | Tensor) -> list[int]:
    """Ids as Python integers. A tensor is copied from its device once, not once for each id.

    Args:
        ids: integers, or a tensor (T,).

    Returns:
        The list.
    """
    return cast(list[int], ids.tolist()) if isinstance(ids, Tensor) else list(ids)


class Reader:
    """Gives the logits of the next token of one text that grows.

    Args:
        model: a writer.
        use_cache: whether to keep the keys and values of earlier tokens.
    """

    def __init__(self, model: Writer, use_cache: bool):
        self.model = model
        self.cache = model.new_cache() if use_cache else None

    def logits(self, text: list[int]) -> numpy.ndarray:
        """The logits of the token after a text.

        Args:
            text: its tokens; they begin with those of the call before.

        Returns:
            (V,).
        """
        limit = self.model.config.max_len
        if self.cache is not None and len(text) > limit:
            # Only the last `limit` tokens are read from now on: each cached position would be wrong.
            self.cache = None
        unread = text[-limit:] if self.cache is None else text[len(self.cache) :]
        row: numpy.ndarray = last_logits(self.model, [unread], self.cache)[0]
        return row
