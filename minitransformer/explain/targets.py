"""What is explained of a model's logits: the forms that the argument `target` takes, and their checks.

| target | the explained output |
|---|---|
| None | the largest logit |
| 3 | logit 3 |
| (3, 5) | logit 3 less logit 5: why one class or token rather than the other |
| LogOdds(3) | the logit of the probability of class 3: why this class rather than any other |
| [3, (3, 5), ...] | one of these for each sequence of a batch |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy


@dataclass(frozen=True)
class LogOdds:
    """The target log p / (1 - p), where p is the softmax probability of a class among two or more.

    It equals the logit of the class less the logsumexp of the other logits. A single logit says little by itself; this
    target says why the class is chosen rather than any other. With two classes it is the pair (label, other class). The
    other logits share the logsumexp in proportion to their softmax probabilities. The entropy of these probabilities
    remains; no logit explains it, and the ledger lists it under "softmax".

    Args:
        label: index of the class.
    """

    label: int

    def __str__(self) -> str:
        return f"LogOdds({self.label})"


One = int | tuple[int, int] | LogOdds
Target = One | Sequence[One] | None


def listed_targets(target: One | Sequence[One], n: int, vocab: int) -> list[One]:
    """The explained output of each sequence.

    Args:
        target: one output for all sequences, or a list with one for each.
        n: the number of sequences.
        vocab: the number of logits.

    Returns:
        A list of n outputs.

    Raises:
        ValueError: the list does not have n entries, or a pair does not name two different logits.
        IndexError: an output is outside the logits.
    """
    single = isinstance(target, (int, numpy.integer, tuple, LogOdds))
    targets = [cast(One, target)] * n if single else list(cast(Sequence[One], target))
    if len(targets) != n:
        raise ValueError(
            f"target: expected one for each of {n} sequences, got {len(targets)}; "
            "a pair to compare is a tuple (a, b)"
        )
    return [_checked(one, vocab) for one in targets]


def _checked(one: One, vocab: int) -> One:
    """The output with plain integers, or an error that says what is wrong with it."""
    if isinstance(one, LogOdds):
        if vocab < 2:
            raise ValueError(f"target: {one} needs two logits or more, got {vocab}")
        return LogOdds(_in_range(one.label, vocab))
    if not isinstance(one, tuple):
        return _in_range(one, vocab)
    if len(one) != 2 or one[0] == one[1]:
        raise ValueError(
            f"target: expected a pair (a, b) of different logits, got {one}; one for each sequence is a list"
        )
    return _in_range(one[0], vocab), _in_range(one[1], vocab)


def _in_range(index: int, vocab: int) -> int:
    """The index as a plain integer; IndexError outside the logits."""
    if not 0 <= index < vocab:
        raise IndexError(f"target: {index} is outside the {vocab} logits")
    return int(index)
