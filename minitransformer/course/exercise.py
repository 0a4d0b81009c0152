"""What an exercise is: a part of the library that a learner writes again, and the properties that a right answer has.

A check does not contain the answer. It tests the properties of the learner's function or class one after the other, the basic ones
first, and reports the first one that does not hold.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy

# the properties that inputs are not changed: an answer that does not have one may spoil its own values
LEAVES = re.compile(r"it leaves|(?!it )[\w` ]+ stays? as")


class Failed(AssertionError):
    """Raised by a check when a property does not hold.

    Args:
        *details: lines that say what was expected and what was found.
        hint: what is wrong, where the check knows it for sure.
        first: what may help in this case if nothing more is known; "" leaves it to the property's hint.
    """

    def __init__(self, *details: str, hint: str = "", first: str = ""):
        super().__init__("\n".join(details))
        self.details = details
        self.hint = hint
        self.first = first


class Nothing(Failed):
    """A result is None where something was expected.

    Args:
        what: the result, in words.
    """

    def __init__(self, what: str):
        super().__init__(f"{what}: got None")


class Stopped(BaseException):
    """The learner's code was ended by force. This is not an Exception, so that no check takes it for one of the answer's.

    Attributes:
        held: the properties that were found to hold before.
        during: the property that was being checked; None if none was.
        place: "line N: code" of the learner's line that was running; "" if it is not known.
    """

    held: tuple[str, ...] = ()
    during: Property | None = None
    place: str = ""


@dataclass(frozen=True)
class Property:
    """A property that a right answer has.

    Args:
        what: the property in words.
        holds: `holds(answer)` raises Failed if the answer does not have it; any other exception counts as a crash.
        hint: what may help if the property does not hold and nothing more is known. It is about this property, and true whatever
            the answer is.
        slow: what may help if the time limit is reached during this check; "" if only an endless loop can be the reason.
    """

    what: str
    holds: Callable[[Any], None]
    hint: str = ""
    slow: str = ""


class Beside(NamedTuple):
    """An exercise whose answer cannot take the place of a part of the library, and is compared with the library's own.

    Args:
        why: the reason, in words.
        compare: `compare(answer)` returns what the answer gives and what the library gives, as numbers or arrays of one shape.
    """

    why: str
    compare: Callable[[Callable], tuple[Any, Any]]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        minutes: the time that a beginner may need.
        level: from 1, a warm-up, to 3, hard.
        hints: sentences for the learner, shown one by one on request.
        why: a sentence about where this piece is used, shown when the answer passes.
        properties: what must be true of an answer, in the order of the checks.
        examples: makes tuples of arguments from a random generator, to compare an answer with `mistakes`.
        mistakes: description of a typical mistake -> a function that makes it, or several that make it in different ways. The
            report on a failing answer that gives the same results on `examples` as one of them contains the description.
        beside: for a piece that cannot take the place of the library's in `tour --mine`: why not, and a comparison of both.
            The exercises of the first fourteen lessons have theirs in `course/beside.py`.
    """

    minutes: int
    level: int
    hints: Sequence[str]
    why: str
    properties: Sequence[Property]
    examples: Callable[[numpy.random.Generator], Sequence[tuple]] = lambda rng: ()
    mistakes: Mapping[str, Callable | tuple[Callable, ...]] = field(default_factory=dict)
    beside: Beside | None = None

    def likely_mistake(self, answer: Callable) -> str:
        """Find the typical mistake that gives the same results as an answer.

        Args:
            answer: an answer that failed.

        Returns:
            Its description, or "".
        """
        examples = self.examples(numpy.random.default_rng(7))
        found = [_outcome(self.tried(answer), example) for example in examples]
        if not examples or CRASHED in map(type, found):
            return ""
        for said, wrong in self.ways():
            if all(
                _agree(got, self.tried(wrong), example) for got, example in zip(found, examples, strict=True)
            ):
                return said
        return ""

    def tried(self, answer: Callable) -> Callable:
        """What is compared of two answers.

        Args:
            answer: an answer.

        Returns:
            A function of an example.
        """
        return answer

    def ways(self) -> list[tuple[str, Callable]]:
        """Each description of a typical mistake with each function that makes it.

        Returns:
            The pairs, in the order of `mistakes`.
        """
        return [
            (said, wrong)
            for said, made in self.mistakes.items()
            for wrong in (made if isinstance(made, tuple) else (made,))
        ]


class CRASHED:
    """What stands for the result of a call that raised an exception."""


def _outcome(call: Callable, example: tuple) -> Any:
    try:
        with numpy.errstate(all="ignore"):  # a wrong answer may make NaN
            return call(*map(_copy, example))
    except Exception:
        return CRASHED()


def _agree(got: Any, wrong: Callable, example: tuple) -> bool:
    expected = _outcome(wrong, example)
    try:
        return not isinstance(expected, CRASHED) and _same(got, expected)
    except Exception:
        return False


def _copy(value):
    return copy.deepcopy(value) if isinstance(value, numpy.ndarray | list | dict) else value


def _same(got, expected) -> bool:
    if isinstance(expected, tuple):
        return isinstance(got, tuple) and len(got) == len(expected) and all(map(_same, got, expected))
    got = numpy.asarray(got)
    expected = numpy.asarray(expected)
    return got.shape == expected.shape and numpy.allclose(got, expected, rtol=1e-6, atol=1e-9, equal_nan=True)
