"""Beam search: several texts are continued at once, so that the likeliest text is found, not the likeliest next token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from minitransformer.generation.reading import Ids, best, ends, last_logits, numbers
from minitransformer.generation.writer import Writer, require_writer


@dataclass(frozen=True)
class Draft:
    """A text that beam search follows.

    Attributes:
        tokens: the new tokens so far.
        log_probability: the sum of their log-probabilities, in nats.
    """

    tokens: tuple[int, ...]
    log_probability: float

    def score(self, length_penalty: float) -> float:
        """log p / length^length_penalty.

        Args:
            length_penalty: 0 favours short texts, 1 gives the mean log-probability, larger values favour long texts.

        Returns:
            The score, which is larger for a better text.
        """
        length: float = max(len(self.tokens), 1) ** length_penalty
        return self.log_probability / length


def beam_search(
    model: Writer,
    ids: Ids,
    max_new_tokens: int,
    beams: int = 4,
    length_penalty: float = 1.0,
    stop_id: int | Sequence[int] | None = None,
) -> list[Draft]:
    """Find the likeliest continuations of a text, by log-probability per length.

    The search ends when no unfinished text scores better than the worst of `beams` finished ones.

    Args:
        model: a `Writer`.
        ids: the tokens to continue.
        max_new_tokens: the largest number of new tokens.
        beams: how many texts are followed at once.
        length_penalty: see `Draft.score`.
        stop_id: the id, or several, that ends a text; the tokens of a finished text include it.

    Returns:
        At most `beams` drafts, best first; fewer where the model rules out all other tokens by logits of -inf.

    Raises:
        TypeError: if the model is no writer; the message names what it lacks.
        ValueError: if there are no tokens or no beams, if the tokens exceed `model.config.max_len`, or if the logits decide
            nothing (NaN, inf, all -inf).

    Source:
        Wu et al., arXiv 1609.08144, 2016, section 7.
    """
    require_writer(model, "beam_search")
    _check(model, ids, max_new_tokens, beams)
    stops = ends(stop_id)
    cache = model.new_cache()
    going = [Draft((), 0.0)]
    ended: list[Draft] = []
    unread = numpy.array([numbers(ids)])  # (beams, T)
    for _ in range(max_new_tokens):
        found = _continued(going, last_logits(model, unread, cache), (1 + max(len(stops), 1)) * beams)
        ended += [draft for draft, _ in found[:beams] if draft.tokens[-1] in stops]
        kept = [(draft, parent) for draft, parent in found if draft.tokens[-1] not in stops][:beams]
        going = [draft for draft, _ in kept]
        ended = sorted(ended, key=lambda draft: -draft.score(length_penalty))[:beams]
        if not going:
            return ended
        if len(ended) == beams and ended[-1].score(length_penalty) >= going[0].score(length_penalty):
            return ended
        cache.select([parent for _, parent in kept])
        unread = numpy.array([[draft.tokens[-1]] for draft in going])
    return sorted(ended + going, key=lambda draft: -draft.score(length_penalty))[:beams]


def _continued(going: list[Draft], logits: numpy.ndarray, count: int) -> list[tuple[Draft, int]]:
    """The `count` likeliest drafts with one more token, best first, each with the row it continues. Logits (beams, V)."""
    shifted = logits - best(logits)  # (beams, V)
    log_p = shifted - numpy.log(numpy.exp(shifted).sum(-1, keepdims=True))  # (beams, V)
    sums = log_p + [[draft.log_probability] for draft in going]  # (beams, V)
    likeliest = numpy.argsort(-sums, axis=None, kind="stable")[:count]
    places = zip(*numpy.unravel_index(likeliest, sums.shape), strict=True)
    possible = ((row, token) for row, token in places if sums[row, token] > -numpy.inf)
    return [
        (Draft((*going[row].tokens, int(token)), float(sums[row, token])), int(row))
        for row, token in possible
    ]


def _check(model: Writer, ids: Ids, max_new_tokens: int, beams: int) -> None:
    if not len(ids) or beams < 1:
        raise ValueError(f"beam_search: expected at least one token and one beam, got {len(ids)} and {beams}")
    if len(ids) + max_new_tokens > model.config.max_len:
        raise ValueError(
            f"beam_search: {len(ids)} and {max_new_tokens} new tokens exceed max_len={model.config.max_len}"
        )
