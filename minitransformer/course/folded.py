"""What is still to be done with a result of a wrong shape: its sum, its mean or a part of it would be right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from minitransformer.course.derived import near

Array = numpy.ndarray


def folded(expected: Array, got: Array) -> tuple[str, ...]:
    """What became of the expected numbers, or is still to be done with those that came.

    Args:
        expected: the right array.
        got: the learner's, of another shape.

    Returns:
        One sentence, or none.
    """
    if not (got.size and expected.size and numpy.isfinite(got).all() and numpy.isfinite(expected).all()):
        return ()
    return _row(expected, got) or _lost(expected, got) or _left(expected, got)


def _lost(expected: Array, got: Array) -> tuple[str, ...]:
    """Whether the result is one number, made of all that are expected, or has kept the axis of a sum as one of size 1."""
    how = next((how for how, value in _folds(expected) if _alike(value, got)), "")
    return (f"What came is the expected array, {how}.",) if how else ()


def _left(expected: Array, got: Array) -> tuple[str, ...]:
    """Whether the result, folded along an axis, would be right."""
    how = next((how for how, value in _folds(got) if _alike(value, expected)), "")
    return (f"What came, {how}, would be right.",) if how else ()


def _folds(x: Array) -> Iterator[tuple[str, Array]]:
    """In words, how an array is folded along each axis and over all of them, and to what."""
    for axis in (axis for axis, size in enumerate(x.shape) if size > 1):
        yield f"summed over axis {axis}", x.sum(axis)
        yield f"averaged over axis {axis}", x.mean(axis)
        yield f"only the first along axis {axis}", x.take(0, axis)
        yield f"only the last along axis {axis}", x.take(-1, axis)
    if x.ndim > 1:
        yield "summed over everything", x.sum(keepdims=True)
        yield "averaged over everything", x.mean(keepdims=True)


def _row(expected: Array, got: Array) -> tuple[str, ...]:
    """Whether one array has one row more than the other, at the beginning or at the end of an axis."""
    more = got.size > expected.size
    small, large = (expected, got) if more else (got, expected)
    for axis in range(expected.ndim if expected.ndim == got.ndim else 0):
        places = numpy.arange(large.shape[axis])
        found = [
            what
            for what, rest in (("first", places[1:]), ("last", places[:-1]))
            if _near(large.take(rest, axis), small)
        ]
        if found:
            which = f"The {found[0]}" if len(found) == 1 else "One"
            return (
                f"{which} along axis {axis} is {'too many' if more else 'missing'}; the others are right.",
            )
    return ()


def _alike(a: Array, b: Array) -> bool:
    """Whether two arrays have the same numbers, and the same shape but for axes of size 1."""
    return _near(a.squeeze(), b.squeeze())


def _near(a: Array, b: Array) -> bool:
    return a.shape == b.shape and near(a, b)
