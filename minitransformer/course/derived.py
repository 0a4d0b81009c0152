"""Whether an array is the expected one after one simple step: signs lost, squared, moved by a place, summed along an axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations

import numpy

Array = numpy.ndarray

OF_EACH: dict[str, Callable[[Array], Array]] = {
    "Each number is the absolute value of what is expected: the signs are lost.": abs,
    "The right numbers, but all below 0 became 0.": lambda x: numpy.maximum(x, 0),
    "The right numbers, but all above 0 became 0.": lambda x: numpy.minimum(x, 0),
    "Each number is the square of what is expected.": numpy.square,
    "Each number is the square root of what is expected.": numpy.sqrt,
    "Each number is 1 divided by what is expected.": lambda x: 1 / x,
    "Each number is exp of what is expected.": numpy.exp,
    "Each number is the logarithm of what is expected.": numpy.log,
}
ALONG: dict[str, Callable[[Array, int], Array]] = {
    "Along axis {0} the right numbers stand one place too late.": lambda x, axis: numpy.roll(x, 1, axis),
    "Along axis {0} the right numbers stand one place too early.": lambda x, axis: numpy.roll(x, -1, axis),
    "These are the expected numbers divided by their sum along axis {0}.": lambda x, axis: (
        x / x.sum(axis, keepdims=True)
    ),
    "These are the expected numbers less their mean along axis {0}.": lambda x, axis: (
        x - x.mean(axis, keepdims=True)
    ),
    "These are the expected numbers added up, step by step, along axis {0}.": numpy.cumsum,
}
WITHOUT: dict[str, Callable[[Array, int], Array]] = {
    "These are the expected numbers, summed along axis {0}.": numpy.sum,
    "These are the expected numbers, averaged along axis {0}.": numpy.mean,
    "These are only the expected numbers at place 0 of axis {0}.": lambda x, axis: x.take(0, axis),
    "These are only the expected numbers at the last place of axis {0}.": lambda x, axis: x.take(-1, axis),
}


def of_one_shape(expected: Array, got: Array) -> tuple[str, ...]:
    """The step from the expected numbers to those of the same shape that came.

    Args:
        expected: the right array, of finite numbers.
        got: the learner's, of finite numbers and the same shape.

    Returns:
        One sentence, or none.
    """
    if len(numpy.unique(expected)) < 3:  # of two numbers, many steps lead to the same
        return ()
    steps = ((said, step(expected)) for said, step in OF_EACH.items())
    return _first(got, steps) or _first(got, _each_axis(ALONG, expected))


def of_other_shape(expected: Array, got: Array) -> tuple[str, ...]:
    """The step from the expected numbers to those of another shape that came.

    Args:
        expected: the right array.
        got: the learner's.

    Returns:
        One sentence, or none.
    """
    turned = (
        (f"The right numbers are there, with the axes in the order {order}.", expected.transpose(order))
        for order in permutations(range(min(expected.ndim, 4)))
        if expected.ndim <= 4
    )
    return _first(got, turned) or _first(got, _each_axis(WITHOUT, expected))


def by_axis(expected: Array, got: Array) -> tuple[str, ...]:
    """Whether all numbers along an axis differ by one factor, or by one amount, another one for each place of the other axes.

    Args:
        expected: the right array, of finite numbers.
        got: the learner's, of finite numbers and the same shape.

    Returns:
        One sentence, or none.
    """
    for axis in range(expected.ndim - 1, -1, -1):
        if expected.shape[axis] < 3 or expected.size == expected.shape[axis]:
            continue
        squares = (expected**2).sum(axis, keepdims=True)
        factor = (got * expected).sum(axis, keepdims=True) / numpy.where(squares == 0, 1, squares)
        if near(got, factor * expected):
            return (
                f"Along axis {axis} each number is the right one times the same factor, {factor.flat[0]:.4g} at first.",
            )
        if near(got, expected + (step := (got - expected).mean(axis, keepdims=True))):
            return (f"Along axis {axis} all numbers differ by the same amount, {step.flat[0]:.4g} at first.",)
    return ()


def _each_axis(steps: dict[str, Callable[[Array, int], Array]], x: Array) -> Iterator[tuple[str, Array]]:
    for axis in (axis for axis in range(x.ndim) if x.shape[axis] > 1):
        for said, step in steps.items():
            yield said.format(axis), step(x, axis)


def _first(got: Array, made: Iterator[tuple[str, Array]]) -> tuple[str, ...]:
    """The sentence of the first array that agrees."""
    with numpy.errstate(all="ignore"):
        return next(((said,) for said, x in made if x.shape == got.shape and _agree(got, x)), ())


def _agree(got: Array, x: Array) -> bool:
    return bool(numpy.isfinite(x).all()) and near(got, x)


def near(a: Array, b: Array) -> bool:
    """Whether two arrays of one shape agree.

    Args:
        a: one.
        b: the other.

    Returns:
        Whether they do, up to rounding.
    """
    return numpy.allclose(a, b, rtol=1e-5, atol=1e-9 * (abs(b).max(initial=0.0) or 1.0))
