"""Whether a wrong result is one of the given arrays, or the right result with one of them too often or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy

from minitransformer.course.derived import near

Array = numpy.ndarray


def ingredient(expected: Array, got: Array, given: Mapping[str, Any]) -> tuple[str, ...]:
    """What one of the given arrays has to do with a wrong result. Only what has been compared is said.

    Args:
        expected: the right result.
        got: the learner's, of the same shape.
        given: arrays by their names, such as the arguments.

    Returns:
        One sentence, or none.
    """
    if got.size < 2 or not numpy.isfinite(expected).all() or not numpy.isfinite(got).all():
        return ()
    arrays = {name: a for name, value in given.items() if (a := _fitting(value, got.shape)) is not None}
    for name, array in arrays.items():
        if said := _said(expected, got, array):
            return (said.format(name=name),)
    return _pair(got, arrays)


def _pair(got: Array, arrays: Mapping[str, Array]) -> tuple[str, ...]:
    """Whether the result is made of two of the arrays, number by number."""
    for (left, a), (right, b) in itertools.permutations(arrays.items(), 2):
        quotient = [("/", a / b)] if b.all() else []
        for sign, made in (("*", a * b), ("+", a + b), ("-", a - b), *quotient):
            if near(got, made):
                return (f"It is {left} {sign} {right}, number by number.",)
    return ()


def _fitting(value: Any, shape: tuple[int, ...]) -> Array | None:
    """An array that can be stretched to a shape; None if it is no array of finite numbers, or does not fit, or does not vary."""
    if not isinstance(value, numpy.ndarray) or value.dtype.kind not in "fiu" or value.size < 2:
        return None
    if not numpy.isfinite(value).all() or (value == value.flat[0]).all():
        return None
    try:
        return numpy.broadcast_to(value, shape).astype(float)
    except ValueError:
        return None


def _said(expected: Array, got: Array, array: Array) -> str:
    """What one array has to do with the result, with {name} for its name; "" if nothing."""
    if near(got, array):
        return "It is {name} itself."
    for sign, minus in ((1, ""), (-1, ", with the wrong sign")):
        for made, what in _made(expected, array):
            if near(got, sign * made):
                return f"Each number is the expected one {what}{minus}."
    return ""


def _made(expected: Array, array: Array) -> list[tuple[Array, str]]:
    """The expected result with one array in excess, and in words."""
    made = [
        (expected * array, "times {name}"),
        (expected + array, "plus {name}"),
        (expected - array, "less {name}"),
    ]
    return [*made, (expected / array, "divided by {name}")] if array.all() else made
