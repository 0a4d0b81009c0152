"""How a result differs from the expected one: both numbers with enough digits, and how the arrays are related."""

from __future__ import annotations

import numpy

from minitransformer.course import derived
from minitransformer.course.derived import near as _near

Array = numpy.ndarray


def apart(expected: float, got: float) -> str:
    """Two numbers in words, with as many digits as are needed to see their difference.

    Args:
        expected: the right number.
        got: the learner's.

    Returns:
        The words.
    """
    digits = next((n for n in range(6, 17) if f"{expected:.{n}g}" != f"{got:.{n}g}"), 17)
    difference = f" (a difference of {got - expected:.2g})" if digits > 6 else ""
    return f"expected {expected:.{digits}g}, got {got:.{digits}g}{difference}"


def shapes(expected: tuple[int, ...], got: tuple[int, ...]) -> tuple[str, ...]:
    """How two different shapes are related.

    Args:
        expected: the right shape.
        got: the learner's.

    Returns:
        One sentence, or none.
    """
    if sorted(expected) == sorted(got):
        return ("The axes are in another order.",)
    if [n for n in expected if n != 1] == [n for n in got if n != 1]:
        missing = "missing" if len(got) < len(expected) else "too many"
        return (f"An axis of size 1 is {missing}.",) if len(got) != len(expected) else ()
    if numpy.prod(expected) == numpy.prod(got):
        return ("As many numbers are there, in another shape.",)
    return ()


def rounded(expected: Array, got: Array) -> str:
    """Whether all that is wrong with an array is that digits are missing: those of its dtype, or rounded off.

    Args:
        expected: the right array.
        got: the learner's, of the same shape, in the dtype it came in.

    Returns:
        A sentence for the learner, or "".
    """
    if got.dtype.kind == "f" and got.dtype.itemsize < 8:
        near = numpy.allclose(expected, got, rtol=(eps := 8 * float(numpy.finfo(got.dtype).eps)), atol=eps)
        return f"The result's dtype is {got.dtype}, which keeps too few digits here." if near else ""
    if got.dtype.kind == "f":
        return _cut_off(expected, got)
    if got.dtype.kind not in "iu" or not numpy.isfinite(expected).all() or (expected % 1 == 0).all():
        return ""
    if not (numpy.trunc(expected) == got).all():
        return ""
    return f"The result's dtype is {got.dtype}, which cuts off what stands after the point: make it with dtype=float."


def _cut_off(expected: Array, got: Array) -> str:
    """Whether numbers are rounded, or made whole as by `//`."""
    off = abs(got - expected)
    if not numpy.isfinite(off).all() or (off > 1e-9 * abs(expected).max(initial=0.0)).sum() < 3:
        return ""
    if numpy.array_equal(got, numpy.floor(expected)):
        return "The numbers are cut off to whole ones: `//` does that, and `/` does not."
    for places in range(7):
        if numpy.any(got) and numpy.allclose(got, numpy.round(expected, places), rtol=0, atol=1e-12):
            return f"The numbers are rounded to {places} places: return them as they are."
    return ""


def relation(expected: Array, got: Array, wrong: Array) -> tuple[str, ...]:
    """How the numbers of two arrays of one shape are related. Only what has been checked is said.

    Args:
        expected: the right array.
        got: the learner's.
        wrong: bool, where they differ, of the same shape.

    Returns:
        Sentences, or none.
    """
    if expected.size < 2:
        return _alone(float(expected.sum()), float(got.sum()))
    if bad := int((numpy.isnan(got) & ~numpy.isnan(expected)).sum()):
        return (f"{bad} of {got.size} numbers are NaN.",)
    if not numpy.isfinite(got).all() or not numpy.isfinite(expected).all():
        return _where(wrong)
    return _as_a_whole(expected, got) or _said_of(expected, got, wrong)


def _alone(expected: float, got: float) -> tuple[str, ...]:
    """How one number is related to another: its sign, or a small whole factor."""
    if (
        not expected
        or not numpy.isfinite(got)
        or (expected == round(expected) and got == round(got) and expected != -got)
    ):
        return ()
    for factor in (-1, *range(2, 13)):
        if numpy.isclose(got, factor * expected, rtol=1e-9):
            return ("It has the wrong sign." if factor < 0 else f"It is {factor} times what is expected.",)
        if numpy.isclose(got * factor, expected, rtol=1e-9):
            return (
                f"It is a {factor}th of what is expected."
                if factor > 3
                else f"It is {1 / factor:.3g} times what is expected.",
            )
    return ()


def _as_a_whole(expected: Array, got: Array) -> tuple[str, ...]:
    if _near(got, expected):
        return ()
    if abs(got).max() <= 1e-12 * abs(expected).max():
        return ("All numbers that came are 0.",)
    if _near(got, -expected):
        return ("Each number has the wrong sign.",)
    factor = _factor(expected, got)
    if factor != "1" and _near(got, expected * float(factor)):
        return (f"Each number is {factor} times what is expected.",)
    if _near(got, expected + (step := float((got - expected).mean()))):
        return (f"Each number is {abs(step):.6g} {'more' if step > 0 else 'less'} than expected.",)
    return _moved(expected, got)


def _factor(expected: Array, got: Array) -> str:
    """The number that brings the expected array nearest to the one that came, in least squares, as it is said."""
    return f"{(got * expected).sum() / ((expected**2).sum() or 1.0):.6g}"


def _moved(expected: Array, got: Array) -> tuple[str, ...]:
    """Whether `got` contains the right numbers in another order."""
    if got.ndim == 2 and got.shape[0] == got.shape[1] and _near(got, expected.T):
        return ("Rows and columns are exchanged.",)
    for axis in range(got.ndim):
        if got.shape[axis] > 1 and _near(got, numpy.flip(expected, axis)):
            return (f"The numbers stand in the reverse order along axis {axis}.",)
    return derived.of_one_shape(expected, got) or _misplaced(expected, got)


def _misplaced(expected: Array, got: Array) -> tuple[str, ...]:
    moved = _near(numpy.sort(got, axis=None), numpy.sort(expected, axis=None))
    return ("The right numbers stand in the wrong places.",) if moved else ()


def _said_of(expected: Array, got: Array, wrong: Array) -> tuple[str, ...]:
    """How many numbers are wrong and where, and how these are related to the expected ones."""
    if how := _those(expected[wrong], got[wrong]):
        return (*_where(wrong), how)
    return _at_one_place(wrong) or derived.by_axis(expected, got) or _where(wrong)


def _those(expected: Array, got: Array) -> str:
    """How those numbers that are wrong are related to the expected ones, if at least two are."""
    if not got.any():
        return "0 came where they are wrong." if len(got) > 1 else "0 came there."
    if len(got) < 2 or not expected.any():
        return ""
    if _near(got, -expected):
        return "Those that are wrong have the wrong sign."
    if _near(got, expected**2):
        return "Those that are wrong are the squares of what is expected."
    factor = _factor(expected, got)
    return (
        f"Those that are wrong are {factor} times what is expected."
        if _near(got, expected * float(factor))
        else ""
    )


def _where(wrong: Array) -> tuple[str, ...]:
    """How many numbers are wrong, and whether all of them have the same index along an axis."""
    if wrong.all():
        return ()
    return _at_one_place(wrong) or _at_every_second(wrong) or (f"{_count(wrong)}.", *_right(~wrong))


def _at_one_place(wrong: Array) -> tuple[str, ...]:
    """The one place of an axis at which all numbers that are wrong stand, or none."""
    for axis, places in enumerate(numpy.argwhere(wrong).T):
        if wrong.sum() > 1 and wrong.shape[axis] > 1 and (places == places[0]).all():
            return (f"{_count(wrong)}, all of them at place {places[0]} of axis {axis}.",)
    return ()


def _at_every_second(wrong: Array) -> tuple[str, ...]:
    """The even or the odd places of an axis, if all numbers that are wrong stand there, or none."""
    for axis, places in enumerate(numpy.argwhere(wrong).T):
        if wrong.sum() > 2 and wrong.shape[axis] > 3 and (places % 2 == places[0] % 2).all():
            which = ("even", "odd")[places[0] % 2]
            return (f"{_count(wrong)}, all of them at {which} places of axis {axis}.",)
    return ()


def _right(right: Array) -> tuple[str, ...]:
    """Whether all that is right has the same index along an axis, and nothing there is wrong."""
    if right.sum() == 1 and right.size > 2:
        return (f"Only that at index {tuple(map(int, numpy.argwhere(right)[0]))} is right.",)
    for axis, places in enumerate(numpy.argwhere(right).T):
        if right.shape[axis] > 2 and len(set(places.tolist())) == 1 and right.take(places[0], axis).all():
            return (f"Only those at place {places[0]} of axis {axis} are right.",)
    return ()


def _count(wrong: Array) -> str:
    return f"{int(wrong.sum())} of {wrong.size} numbers are wrong"
