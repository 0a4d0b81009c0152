"""The losses of a training, and the result of the classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from minitransformer.data.reviews import Review
from minitransformer.explain import Explanation, Ledger

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


def place(layer: int, head: int) -> str:
    """The name of a head of attention, as people count.

    Args:
        layer: its layer, from 0.
        head: its number in that layer, from 0.

    Returns:
        Text such as "layer 1, head 2".
    """
    return f"layer {layer + 1}, head {head + 1}"


@dataclass(frozen=True)
class ClassifierResult:
    """The classifier: its training, its accuracy, and one of its decisions explained.

    Attributes:
        learned: the losses of the first of the models whose outputs are averaged.
        accuracy: on test reviews, from 0 to 1, of the classifier ("Transformer") and of simpler methods.
        reviews: the number of test reviews.
        cross_validated: what cross-validation says of this accuracy, in words.
        review: the review whose decision is explained. A text of the user's own has the label that the classifier gave it.
        label: its decision for that review, an index of `NAMES`.
        probability: the probability that it gave this label.
        explanations: of that decision; the first is LRP's.
        attention: the attention weights of the first model on that review, (H, T, T) for each layer.
        mistakes: test reviews that it got wrong, with the probability that it gave the wrong label.
        without: the probability of `label` without each token, and without each pair, (T, T), as `leaving_out.without` has it.
    """

    learned: Learned
    accuracy: dict[str, float]
    reviews: int
    cross_validated: str
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
