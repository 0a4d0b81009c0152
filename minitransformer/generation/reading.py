"""What a model expects next, of texts that grow."""

from __future__ import annotations

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
