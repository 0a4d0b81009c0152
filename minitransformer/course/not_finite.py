"""Where a learner's code makes a NaN or an infinity that the result should not have: the line, and what usually makes one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy

from minitransformer.course.cell.telling import message, place
from minitransformer.course.exercise import Failed, Property

KINDS = ("invalid", "divide", "over")  # of NumPy's floating-point errors, those first that make NaN
REASONS = (
    ("invalid value encountered in (multiply|matmul|dot)", "0 times infinity is NaN: `np.where(mask, x, 0)` picks instead."),
    ("invalid value encountered in (add|subtract)",
     "Infinity less infinity is NaN. So it is where -inf is taken off -inf, as in a row of nothing but -inf."),
    ("invalid value encountered in (true_)?divide", "0 / 0 and inf / inf are NaN: print what stands above and below the line."),
    ("invalid value encountered in log", "A negative number has no logarithm."),
    ("invalid value encountered in (sqrt|power)", "A negative number has no root."),
    ("divide by zero encountered in log", "The logarithm of 0 is -inf."),
    ("divide by zero", "A number is divided by 0: what is to come out there?"),
    ("overflow encountered in exp", "exp of a large number is infinite: take the largest score of each row off before it."),
    ("overflow", "The number is too large for a float."),
)  # fmt: skip


def source_of(failed: Failed, prop: Property, answer: Any, file: str) -> tuple[str, str]:
    """Find the line of the learner's code that first makes a NaN or an infinity, if that is what is wrong with the result.

    Args:
        failed: how the property does not hold.
        prop: the property.
        answer: the learner's function.
        file: the learner's file.

    Returns:
        A line that says where, and a sentence that says why; ("", "") if nothing is found.
    """
    if re.search(r"got (nan|-?inf)|are NaN", "\n".join(failed.details)):
        found = [error for kind in KINDS if (error := _raised(prop, _strict(answer, kind)))]
        if len(found) > 1 and "divide" in message(found[0]):
            found.reverse()  # infinity / infinity: what made the infinity is the reason
        if found and (where := place(found[0], file)):
            return f"{message(found[0])} in {where}", _reason(message(found[0]))
    return "", ""


def _strict(answer: Callable, kind: str) -> Callable:
    """The answer, with floating-point errors of one kind as exceptions."""
    settings: dict[str, Any] = {"all": "ignore", kind: "raise"}

    def call(*args: Any, **kwargs: Any) -> Any:
        with numpy.errstate(**settings):
            return answer(*args, **kwargs)

    return call


def _raised(prop: Property, answer: Callable) -> FloatingPointError | None:
    try:
        prop.holds(answer)
    except FloatingPointError as error:
        return error
    except Exception:
        return None
    return None


def _reason(said: str) -> str:
    return next((why for pattern, why in REASONS if re.search(pattern, said)), "")
