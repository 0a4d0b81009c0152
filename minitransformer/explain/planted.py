"""A task whose right explanation is known: in a sequence of noise, one token decides the class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from minitransformer.autograd import no_grad
from minitransformer.explain.renamed import renamed
from minitransformer.nn import Module
from minitransformer.nn import functional as F
from minitransformer.nn.modes import begin_training
from minitransformer.ops.creation.from_data import tensor
from minitransformer.optim import Adam

Array = numpy.ndarray
FIRST = 2  # ids 0 and 1 are padding and the unknown token


@dataclass(frozen=True)
class PlantedTask:
    """Sequences of noise with one token, at a random position, that belongs to one of the classes 1, 2, ...

    Class 0 is nothing but noise. Without it, a model could learn the tokens of one class only and take their absence as
    evidence for the other; the noise would then be a right explanation. Ids count from 2: the tokens of class 1, those of
    class 2, ..., then the noise.

    Args:
        length: the number of tokens in a sequence.
        classes: the number of classes, without class 0.
        signals: the number of tokens that belong to each class.
        noise: the number of tokens that mean nothing.
    """

    length: int = 12
    classes: int = 2
    signals: int = 3
    noise: int = 20

    @property
    def vocab_size(self) -> int:
        """The number of ids."""
        return FIRST + self.classes * self.signals + self.noise

    @property
    def num_classes(self) -> int:
        """The number of logits that a model needs: `classes`, and one for class 0."""
        return self.classes + 1

    def sample(self, n: int, seed: int = 0, least: int = 1) -> tuple[Array, Array, Array]:
        """Draw sequences.

        Args:
            n: the number of sequences.
            seed: of the draws.
            least: the lowest class, 0 or 1.

        Returns:
            (ids (n, length), classes (n,), the position of the deciding token (n,), which is -1 in class 0).
        """
        random = numpy.random.default_rng(seed)
        ids = random.integers(self.vocab_size - self.noise, self.vocab_size, (n, self.length))
        label = random.integers(least, self.num_classes, n)
        position = random.integers(0, self.length, n)
        evidence = FIRST + (label - 1) * self.signals + random.integers(0, self.signals, n)
        ids[label > 0, position[label > 0]] = evidence[label > 0]
        return ids, label, numpy.where(label > 0, position, -1)


def learn_planted(
    model: Module, task: PlantedTask, steps: int = 300, batch: int = 32, lr: float = 3e-3, seed: int = 1000
) -> float:
    """Train a classifier on new sequences of the task.

    Args:
        model: ids (B, T) -> logits (B, num_classes).
        task: the task.
        steps: the number of training steps.
        batch: the number of sequences in each step.
        lr: the learning rate of Adam.
        seed: of the sequences.

    Returns:
        The share of 200 other sequences that the model classifies right.
    """
    optimizer = Adam(model.parameters(), lr=lr)
    begin_training(model)
    for step in range(steps):
        ids, label, _ = task.sample(batch, seed + step, least=0)
        optimizer.zero_grad()
        F.cross_entropy(model(tensor(ids)), tensor(label)).backward()
        optimizer.step()
    model.eval()
    ids, label, _ = task.sample(200, seed - 1, least=0)
    with no_grad():
        return float((model(tensor(ids)).numpy().argmax(axis=1) == label).mean())


@renamed(place="position")
def evidence_found(relevance: Array, position: Array) -> float:
    """The share of sequences whose most relevant token is the deciding one.

    Args:
        relevance: (B, T).
        position: the position of the deciding token, (B,).

    Returns:
        A number from 0 to 1. Where n tokens share the highest relevance, the deciding one among them counts 1 / n.
    """
    relevance = numpy.asarray(relevance)
    best = relevance == relevance.max(axis=1, keepdims=True)  # (B, T)
    return float((best[numpy.arange(len(position)), position] / best.sum(axis=1)).mean())
