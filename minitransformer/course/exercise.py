"""What an exercise is: a piece of the library to be written again, and what must be true of it.

The answer is nowhere in here. A learner's object is judged by what must hold of it, in the order in which a teacher would
look: the first property that fails is the one that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy


class Failed(AssertionError):
    """A property does not hold. `details` are lines of what was found; `hint` says what may help."""

    def __init__(self, *details: str, hint: str = ""):
        super().__init__("\n".join(details))
        self.details, self.hint = details, hint


@dataclass(frozen=True)
class Property:
    """Something that must be true: `what` says it in a sentence, `holds(object)` raises Failed, or whatever, if it is not."""

    what: str
    holds: Callable[[Any], None]


@dataclass(frozen=True)
class Exercise:
    """One exercise. `level` 1 (warm-up) to 3 (hard), `minutes` a beginner may need.

    `hints` are given one by one, on request. `mistakes` maps what a typical mistake is, said to the learner, to a function
    that makes it: an answer that fails and agrees with one on `examples` is told so by name.
    """

    minutes: int
    level: int
    hints: Sequence[str]
    why: str
    properties: Sequence[Property]
    examples: Callable[[numpy.random.Generator], Sequence[tuple]] = lambda rng: ()
    mistakes: Mapping[str, Callable] = field(default_factory=dict)

    def likely_mistake(self, answer: Callable) -> str:
        """The mistake that gives the same results as `answer`, or ""."""
        examples = self.examples(numpy.random.default_rng(7))
        for said, wrong in self.mistakes.items():
            if examples and all(_agree(answer, wrong, example) for example in examples):
                return said
        return ""


def _agree(answer: Callable, wrong: Callable, example: tuple) -> bool:
    try:
        got, expected = (call(*map(_copy, example)) for call in (answer, wrong))
        return _same(got, expected)
    except Exception:
        return False


def _copy(value):
    return value.copy() if isinstance(value, numpy.ndarray) else value


def _same(got, expected) -> bool:
    if isinstance(expected, tuple):
        return isinstance(got, tuple) and len(got) == len(expected) and all(map(_same, got, expected))
    got, expected = numpy.asarray(got), numpy.asarray(expected)
    return got.shape == expected.shape and numpy.allclose(got, expected, rtol=1e-6, atol=1e-9, equal_nan=True)
