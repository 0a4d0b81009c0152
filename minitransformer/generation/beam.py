"""Beam search: not the likeliest token at each step, but the likeliest text of several that are followed at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from minitransformer.generation.reading import best, ends, last_logits, numbers


@dataclass(frozen=True)
class Draft:
    """New tokens so far, and the sum of their log-probabilities."""

    tokens: tuple[int, ...]
    log_probability: float

    def score(self, length_penalty: float) -> float:
        """log p / length^penalty: 0 favours short texts, 1 takes the mean, more favours long ones."""
        return self.log_probability / max(len(self.tokens), 1) ** length_penalty


def beam_search(
    model,
    ids: Sequence[int],
    max_new_tokens: int,
    beams: int = 4,
    length_penalty: float = 1.0,
    stop_id: int | Sequence[int] | None = None,
) -> list[Draft]:
    """The best `beams` texts found to go on after `ids`, best first, by log-probability per length (Wu et al., 2016, section 7).

    A text ends with `stop_id`, or one of several, which its tokens then include, or after `max_new_tokens`. The search ends
    when no text that goes on scores better than the worst of `beams` that ended. There are fewer texts where the model rules
    all others out by logits of -inf. Raises ValueError for no tokens, no beams, more tokens than `model.config.max_len`, and
    logits that are NaN, inf, or all -inf.
    """
    _check(model, ids, max_new_tokens, beams)
    stops = ends(stop_id)
    # unread: (beams, T)
    cache, going, ended, unread = model.new_cache(), [Draft((), 0.0)], [], numpy.array([numbers(ids)])
    for _ in range(max_new_tokens):
        found = _continued(going, last_logits(model, unread, cache), (1 + max(len(stops), 1)) * beams)
        ended += [draft for draft, _ in found[:beams] if draft.tokens[-1] in stops]
        kept = [(draft, parent) for draft, parent in found if draft.tokens[-1] not in stops][:beams]
        going = [draft for draft, _ in kept]
        ended = sorted(ended, key=lambda draft: -draft.score(length_penalty))[:beams]
        if (
            not going
            or len(ended) == beams
            and ended[-1].score(length_penalty) >= going[0].score(length_penalty)
        ):
            return ended
        cache.select([parent for _, parent in kept])
        unread = numpy.array([[draft.tokens[-1]] for draft in going])
    return sorted(ended + going, key=lambda draft: -draft.score(length_penalty))[:beams]


def _continued(going: list[Draft], logits: numpy.ndarray, count: int) -> list[tuple[Draft, int]]:
    """The `count` likeliest drafts of one token more, best first, each with the row it goes on from. Logits (beams, V)."""
    shifted = logits - best(logits)
    sums = (
        shifted
        - numpy.log(numpy.exp(shifted).sum(-1, keepdims=True))
        + [[draft.log_probability] for draft in going]
    )
    likeliest = numpy.argsort(-sums, axis=None, kind="stable")[:count]
    places = zip(*numpy.unravel_index(likeliest, sums.shape), strict=True)
    possible = ((row, token) for row, token in places if sums[row, token] > -numpy.inf)
    return [
        (Draft((*going[row].tokens, int(token)), float(sums[row, token])), int(row))
        for row, token in possible
    ]


def _check(model, ids: Sequence[int], max_new_tokens: int, beams: int) -> None:
    if not len(ids) or beams < 1:
        raise ValueError(f"beam_search: expected at least one token and one beam, got {len(ids)} and {beams}")
    if len(ids) + max_new_tokens > model.config.max_len:
        raise ValueError(
            f"beam_search: {len(ids)} and {max_new_tokens} new tokens exceed max_len={model.config.max_len}"
        )
