"""What a tour returns: the figures behind its page."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy

from minitransformer.data.reviews import Review
from minitransformer.explain import Explanation, Ledger
from minitransformer.tour.published import PublishedResult
from minitransformer.verify import Result

# (exercise, its largest difference from the library's own piece, why it has no seam in the library or "")
Difference = tuple[str, float, str]
NAMES = ("blame", "praise")  # of the classifier's labels 0 and 1


@dataclass(frozen=True)
class Learned:
    """The losses of a training, in nats.

    Attributes:
        losses: of each step.
        held_out: (step, loss) on held-out data.
    """

    losses: list[float]
    held_out: list[tuple[int, float]]


@dataclass(frozen=True)
class LanguageModelResult:
    """The language model: its training, and what it writes.

    Attributes:
        learned: the losses of its training.
        vocab_size: the number of tokens in its vocabulary.
        before: a text that it generated before training.
        after: the same after training.
        tokens: the T tokens that it read for `attention`.
        attention: its attention weights on these tokens, (H, T, T) for each layer.
    """

    learned: Learned
    vocab_size: int
    before: str
    after: str
    tokens: list[str]
    attention: list[numpy.ndarray]

    @property
    def guessing(self) -> float:
        """The loss in nats if all tokens are equally probable."""
        return math.log(self.vocab_size)


@dataclass(frozen=True)
class ClassifierResult:
    """The classifier: its training, its accuracy, and one of its decisions explained.

    Attributes:
        learned: the losses of its training.
        accuracy: on test reviews, from 0 to 1, of the classifier ("Transformer") and of simpler methods.
        reviews: the number of test reviews.
        review: the review whose decision is explained. A text of the user's own has the label that the classifier gave it.
        label: its decision for that review, an index of `NAMES`.
        probability: the probability that it gave this label.
        explanations: of that decision; the first is LRP's.
        attention: its attention weights on that review, (H, T, T) for each layer.
        mistakes: test reviews that it got wrong, with the probability that it gave the wrong label.
        without: the probability of `label` without each token, and without each pair, (T, T), as `leaving_out.without` has it.
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
    without: numpy.ndarray

    @property
    def ledger(self) -> Ledger:
        """The ledger of the first explanation: LRP has one."""
        ledger = self.explanations[0].ledger
        assert ledger is not None
        return ledger


@dataclass(frozen=True)
class TourResult:
    """The results of all parts of a tour.

    Attributes:
        classifier: the classifier, one of its decisions and its explanations.
        language_model: the language model.
        published: what published models say.
        gradients: of all gradient checks.
        seconds: the time of each part, by its name.
        mine: the exercises whose pieces, written by the learner, replaced the library's.
        beside: the learner's pieces that were only compared with the library's.
        aside: the exercises whose pieces failed while in use and were replaced by the library's own again, with the reason.
    """

    classifier: ClassifierResult
    language_model: LanguageModelResult
    published: PublishedResult
    gradients: list[Result]
    seconds: dict[str, float]
    mine: list[str] = field(default_factory=list)
    beside: list[Difference] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether every gradient is right and the ledger accounts for all relevance."""
        return all(r.passed for r in self.gradients) and self.classifier.ledger.closes
