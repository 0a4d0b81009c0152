"""A task whose right explanation is known: noise, and one token that decides. Whoever explains has to point at that token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from minitransformer.autograd import no_grad
from minitransformer.nn import Module
from minitransformer.nn import functional as F
from minitransformer.nn.modes import begin_training
from minitransformer.ops.creation import tensor
from minitransformer.optim import Adam

Array = numpy.ndarray
FIRST = 2  # ids 0 and 1 pad and stand for the unknown


@dataclass(frozen=True)
class PlantedTask:
    """Sequences of `length` tokens: noise, and at a random place one of `signals` tokens that belong to a class, 1 or above.

    Class 0 is nothing but noise. Without it a model could learn one class's tokens, take their absence for the other class,
    and be right to point at the noise. Ids count from 2: the tokens of class 1, those of class 2, ..., then the noise.
    """

    length: int = 12
    classes: int = 2
    signals: int = 3
    noise: int = 20

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        return FIRST + self.classes * self.signals + self.noise

    @property
    def num_classes(self) -> int:
        """How many logits a model needs, that of class 0 included."""
        return self.classes + 1

    def sample(self, n: int, seed: int = 0, least: int = 1) -> tuple[Array, Array, Array]:
        """ids (n, length), classes (n,) from `least` up, and where each one's evidence stands (n,), -1 in class 0."""
        random = numpy.random.default_rng(seed)
        ids = random.integers(self.vocab_size - self.noise, self.vocab_size, (n, self.length))
        label, place = random.integers(least, self.num_classes, n), random.integers(0, self.length, n)
        evidence = FIRST + (label - 1) * self.signals + random.integers(0, self.signals, n)
        ids[label > 0, place[label > 0]] = evidence[label > 0]
        return ids, label, numpy.where(label > 0, place, -1)


def learn_planted(
    model: Module, task: PlantedTask, steps: int = 300, batch: int = 32, lr: float = 3e-3, seed: int = 1000
) -> float:
    """Train a classifier, ids (B, T) -> logits (B, num_classes), on fresh sequences; returns the share of others it gets right."""
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


def evidence_found(relevance: Array, place: Array) -> float:
    """The share of sequences whose most relevant token is the evidence. relevance (B, T), place (B,) -> 0 to 1.

    Where others are as relevant, one of them is taken at random on average: 1 / (how many).
    """
    relevance = numpy.asarray(relevance)
    best = relevance == relevance.max(axis=1, keepdims=True)  # (B, T)
    return float((best[numpy.arange(len(place)), place] / best.sum(axis=1)).mean())
