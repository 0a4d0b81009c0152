"""What a tour finds out: the figures behind its page, and what can be read from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy

from minitransformer import statistics
from minitransformer.data.reviews import Review
from minitransformer.explain import Explanation, Ledger
from minitransformer.explain.rendering import scale_of
from minitransformer.verify import Result

AUDIBLE = 0.1  # of the loudest word: less is not counted as a contradiction
# a piece, how far it is from the library's own, and why it has no seam there or ""
Difference = tuple[str, float, str]
TOP = 3  # words that methods are compared on
NAMES = ("blame", "praise")
JUDGES = {  # the field of a Result that holds the error, and the dtype
    "differences": ("finite_difference_error", "float64"),
    "PyTorch": ("torch_error", "float64"),
    "float32": ("torch_error", "float32"),
}


@dataclass(frozen=True)
class Learned:
    """The loss of each step and (step, loss) on held-out data, in nats."""

    losses: list[float]
    held_out: list[tuple[int, float]]


@dataclass(frozen=True)
class Speech:
    """What the language model writes before and after training, and where its heads look, (H, T, T) for each layer."""

    learned: Learned
    vocab_size: int
    before: str
    after: str
    tokens: list[str]
    attention: list[numpy.ndarray]

    @property
    def guessing(self) -> float:
        """The loss of one who takes every token for equally likely, in nats."""
        return math.log(self.vocab_size)


@dataclass(frozen=True)
class Judgement:
    """How often the classifier is right on reviews it never saw, beside simpler ways; and one review explained.

    `label` and `probability`: its answer for that review; `attention`: where its heads look there, (H, T, T) for each
    layer; `mistakes`: reviews it judged wrongly, with the probability it gave its answer.
    """

    learned: Learned
    accuracy: dict[str, float]
    reviews: int
    review: Review
    label: int
    probability: float
    explanations: list[Explanation]
    attention: list[numpy.ndarray]
    mistakes: list[tuple[Review, float]]

    @property
    def ledger(self) -> Ledger:
        """The ledger of the first explanation: LRP has one."""
        ledger = self.explanations[0].ledger
        assert ledger is not None
        return ledger


@dataclass(frozen=True)
class Story:
    """The whole tour.

    Attributes:
        gradients: the results of all gradient checks.
        speech: the language model.
        judgement: the classifier, and one decision explained.
        seconds: how long each part took.
        mine: the exercises whose learner's piece stood in the library.
        beside: the learner's pieces that were compared with the library's own.
        aside: the exercises whose piece failed in its use and was set aside, with the reason.
    """

    gradients: list[Result]
    speech: Speech
    judgement: Judgement
    seconds: dict[str, float]
    mine: list[str] = field(default_factory=list)
    beside: list[Difference] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether every gradient is right and the ledger accounts for all relevance."""
        return all(r.passed for r in self.gradients) and self.judgement.ledger.closes


def is_word(token: str) -> bool:
    return any(c.isalnum() for c in token)


def loudest(explanation: Explanation) -> dict[str, float]:
    """Each word with its relevance, that of its loudest occurrence; the loudest word first."""
    found: dict[str, float] = {}
    for i in numpy.argsort(-numpy.abs(explanation.relevance), kind="stable"):
        if is_word(token := explanation.tokens[i].strip().lower()):
            found.setdefault(token, float(explanation.relevance[i]))
    return found


def top_words(explanation: Explanation) -> list[str]:
    """The words that speak loudest for or against, each once."""
    return list(loudest(explanation))[:TOP]


def agreement(explanations: Sequence[Explanation]) -> list[tuple[str, str, float, list[str]]]:
    """For each pair of methods: their names, the rank correlation over words, and the top words they share."""
    words = [i for i, token in enumerate(explanations[0].tokens) if is_word(token)]
    correlation = {
        (a, b): statistics.rank_correlation(a.relevance[words], b.relevance[words])
        for a, b in combinations(explanations, 2)
    }
    return [
        (a.method, b.method, r, [w for w in top_words(a) if w in top_words(b)])
        for (a, b), r in correlation.items()
    ]


def consensus(explanations: Sequence[Explanation]) -> tuple[list[str], list[str]]:
    """The words that are loud for every method, all with one sign; and those loud for one that have another sign for another."""
    # 1 is the loudest
    said = [{w: v / scale_of(e.relevance) for w, v in loudest(e).items()} for e in explanations]
    tops = [top_words(e) for e in explanations]
    every = list(dict.fromkeys(word for top in tops for word in top))
    disputed = [w for w in every if min(s[w] for s in said) < -AUDIBLE and max(s[w] for s in said) > AUDIBLE]
    return [w for w in every if all(w in top for top in tops) and w not in disputed], disputed


def verdict(explanations: Sequence[Explanation]) -> str:
    """Where the methods agree, in words."""
    agreed, disputed = consensus(explanations)
    yes = (
        f"Every method counts {listed(agreed)} among its {TOP} loudest words, with the same sign."
        if agreed
        else ""
    )
    no = f"They do not agree whether {listed(disputed)} spoke for or against." if disputed else ""
    return " ".join(
        filter(None, [yes or f"No word is among the {TOP} loudest of every method with the same sign.", no])
    )


def listed(words: Sequence[str]) -> str:
    """'a', 'b' and 'c'."""
    *most, last = [f"'{word}'" for word in words]
    return f"{', '.join(most)} and {last}" if most else last


def luck(accuracy: float, reviews: int) -> float:
    """The standard error of an accuracy on so many reviews: how far luck alone moves it, as a rule."""
    return math.sqrt(accuracy * (1 - accuracy) / reviews)


def errors(results: Sequence[Result]) -> list[tuple[str, str, list[tuple[str, float]]]]:
    """What was held against which judge, and (name, error) of each check, for all that was measured."""
    found = []
    for kind in ("op", "layer", "model"):
        for judge, (error_in, dtype) in JUDGES.items():
            of = [(r.name, getattr(r, error_in)) for r in results if (r.kind, r.dtype) == (kind, dtype)]
            if known := [(name, error) for name, error in of if error is not None]:
                found.append((kind, judge, known))
    return found
