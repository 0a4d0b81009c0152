"""What a tour finds out: the figures behind its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy

from minitransformer.cli.verify import Result
from minitransformer.data.reviews import Review
from minitransformer.explain import Explanation

TOP = 3  # words that two methods are compared on


@dataclass(frozen=True)
class Learned:
    """The loss of each step and (step, loss) on held-out data, in nats."""

    losses: list[float]
    held_out: list[tuple[int, float]]


@dataclass(frozen=True)
class Speech:
    """What the language model writes before and after training, and where its heads look, (H, T, T) for each layer."""

    learned: Learned
    before: str
    after: str
    tokens: list[str]
    attention: list[numpy.ndarray]


@dataclass(frozen=True)
class Judgement:
    """How often the classifier is right on reviews it never saw, beside simpler ways; and one review explained."""

    learned: Learned
    accuracy: dict[str, float]
    reviews: int
    review: Review
    probability: float
    explanations: list[Explanation]


@dataclass(frozen=True)
class Story:
    """The whole tour. `seconds` says how long each part took."""

    gradients: list[Result]
    speech: Speech
    judgement: Judgement
    seconds: dict[str, float]


def is_word(token: str) -> bool:
    return any(c.isalnum() for c in token)


def top_words(explanation: Explanation) -> list[str]:
    """The words that speak loudest for or against, each once."""
    order = numpy.argsort(-numpy.abs(explanation.relevance), kind="stable")
    words = [explanation.tokens[i].strip().lower() for i in order if is_word(explanation.tokens[i])]
    return list(dict.fromkeys(words))[:TOP]


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's: the correlation of ranks, 1 for the same order, 0 for none. NaN if either is constant."""
    ra, rb = (numpy.argsort(numpy.argsort(v, kind="stable"), kind="stable").astype(float) for v in (a, b))
    return float(numpy.corrcoef(ra, rb)[0, 1]) if numpy.ptp(a) and numpy.ptp(b) else float("nan")


def agreement(explanations: Sequence[Explanation]) -> list[tuple[str, str, float, list[str]]]:
    """For each pair of methods: their names, the rank correlation over words, and the top words they share."""
    words = [i for i, token in enumerate(explanations[0].tokens) if is_word(token)]
    correlation = {(a, b): rank_correlation(a.relevance[words], b.relevance[words]) for a, b in combinations(explanations, 2)}
    return [(a.method, b.method, r, [w for w in top_words(a) if w in top_words(b)]) for (a, b), r in correlation.items()]
