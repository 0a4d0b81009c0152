"""What a tour finds out: the figures behind its page."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy

from minitransformer.data.reviews import Review
from minitransformer.explain import Explanation, Ledger
from minitransformer.verify import Result

# a piece, how far it is from the library's own, and why it has no seam there or ""
Difference = tuple[str, float, str]
NAMES = ("blame", "praise")


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
