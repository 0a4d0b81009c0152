"""Why a language model goes on with one phrase, or with one phrase rather than another.

The explained output is the sum of the logits of the phrase's tokens, each after the text and the tokens before it. Of two phrases
it is the difference of their sums. Their texts are the same, so the relevance of each token of the text is the difference of
what it has for either; the tokens of the phrases are aligned in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.explain.explanation import Ledger, LRPExplanation, Row
from minitransformer.explain.targets import One
from minitransformer.explain.walk import lrp
from minitransformer.nn import Module
from minitransformer.ops.creation.from_data import tensor


def lrp_phrase(
    model: Module,
    ids: Sequence[int],
    phrase: Sequence[int],
    against: Sequence[int] | None = None,
    walk: Callable[..., Any] = lrp,
    *,
    tokens: Sequence[str],
    names: Callable[[int], str] = str,
) -> LRPExplanation:
    """Explain why a text is followed by a phrase, rather than by another.

    Args:
        model: a language model, (B, T) -> (B, T, V).
        ids: the text, T integers.
        phrase: N integers that follow it.
        against: M integers that might follow it instead; None explains the phrase by itself.
        walk: `lrp` with its options.
        tokens: T strings to show.
        names: an id -> what to show for it.

    Returns:
        An explanation with a ledger. Its relevance is of the T tokens, and of the tokens of the phrases but their last ones.

    Raises:
        ValueError: if a phrase is empty.
    """
    if not phrase or (against is not None and not against):
        raise ValueError("lrp_phrase: expected phrases of one token or more, got an empty one")
    mine = _one(model, ids, phrase, walk)
    if against is None:
        shown = [*tokens, *map(names, phrase[:-1])]
        return _explained(mine, mine.relevance, shown, mine.ledger, phrase[0])
    theirs = _one(model, ids, against, walk)
    length = max(len(mine.relevance), len(theirs.relevance))
    relevance = _wide(mine.relevance, length) - _wide(theirs.relevance, length)
    pairs = zip_longest(map(names, phrase[:-1]), map(names, against[:-1]), fillvalue="")
    shown = [*tokens, *(f"{a}/{b}" for a, b in pairs)]
    rows = [*mine.ledger.rows, *map(_negated, theirs.ledger.rows)]
    ledger = Ledger(mine.ledger["total"] - theirs.ledger["total"], rows, mine.ledger.dtype)
    return _explained(mine, relevance, shown, ledger, (phrase[0], against[0]))


class _Phrase(Module):
    """ids (1, T + N - 1) -> the sum of the logits of a phrase's N tokens, the last N ones that are predicted: (1, 1)."""

    def __init__(self, model: Module, phrase: Sequence[int]):
        super().__init__()
        self.model, self.phrase, self.training = model, list(phrase), model.training

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.model(ids)[0, -len(self.phrase) :]  # (N, V)
        which = tensor(numpy.arange(len(self.phrase)), device=ids.device)
        chosen = logits[which, tensor(self.phrase, device=ids.device)]  # (N,)
        return chosen.sum().view(1, 1)


def _one(
    model: Module, ids: Sequence[int], phrase: Sequence[int], walk: Callable[..., Any]
) -> LRPExplanation:
    explanation: LRPExplanation = walk(_Phrase(model, phrase), [*ids, *phrase[:-1]], 0)
    return explanation


def _explained(
    like: LRPExplanation, relevance: numpy.ndarray, tokens: list[str], ledger: Ledger, target: One
) -> LRPExplanation:
    """The explanation of another relevance by the same method."""
    ids = _wide(like.ids, len(relevance))
    return LRPExplanation(like.method, ids, relevance, [target], ledger["total"], tokens, ledger)


def _wide(relevance: numpy.ndarray, length: int) -> numpy.ndarray:
    return numpy.pad(relevance, (0, length - len(relevance)))


def _negated(row: Row) -> Row:
    passed = [(layer, -amount) for layer, amount in row.passed]
    absorbed = {sink: -amount for sink, amount in row.absorbed.items()}
    return Row(row.layer, row.op, -row.received, passed, absorbed, row.scale)
