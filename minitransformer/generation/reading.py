"""What a model expects next, of texts that grow."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation import tensor


def last_logits(model, ids, cache=None, padding: numpy.ndarray | None = None) -> numpy.ndarray:
    """The logits after the last of `ids` (B, T), in use rather than in training: (B, V) on the host.

    `padding` (B, S), if any, is True where a row has not yet begun; with a `cache`, `ids` are only what follows in it.
    """
    device = next(model.parameters()).device
    options = {} if padding is None else {"padding": tensor(padding, device=device)}
    with no_grad(), in_use(model):
        logits: Tensor = model(tensor(ids, device=device), cache=cache, **options)  # (B, T, V)
    return logits[:, -1].numpy()


def best(logits: numpy.ndarray) -> numpy.ndarray:
    """The largest logit of each row, (.., V) -> (.., 1) in float64. One of -inf is a token ruled out.

    Raises ValueError where there is nothing to choose by: a logit that is NaN or inf, or all of them -inf.
    """
    top = logits.max(-1, keepdims=True).astype(float)  # NaN, if one is
    if not numpy.isfinite(top).all():
        found = top[~numpy.isfinite(top)][0]
        what = "all of them -inf" if found < 0 else f"one that is {found}"
        raise ValueError(
            f"logits: expected finite numbers, or -inf for some tokens, got {what}; `detect_anomaly` names the op"
        )
    return top


def ends(stop_id: int | Iterable[int] | None) -> frozenset[int]:
    """The ids that end a text: none, one, or any of several."""
    if stop_id is None:
        return frozenset()
    return frozenset(index(i) for i in (numbers(stop_id) if isinstance(stop_id, Iterable) else [stop_id]))


def numbers(ids) -> list[int]:
    """Ids as Python's integers: those of a tensor in one copy, wherever it lives."""
    return ids.tolist() if isinstance(ids, Tensor) else list(ids)


class Reader:
    """Reads one growing text and tells the logits of what comes next."""

    def __init__(self, model, use_cache: bool):
        self.model = model
        self.cache = model.new_cache() if use_cache else None

    def logits(self, text: list[int]) -> numpy.ndarray:
        """(V,) after the last token of `text`, which begins with what was read before."""
        limit = self.model.config.max_len
        if self.cache is not None and len(text) > limit:
            self.cache = None  # the window moves on, and with it the position of every token kept
        unread = text[-limit:] if self.cache is None else text[len(self.cache) :]
        return last_logits(self.model, [unread], self.cache)[0]
