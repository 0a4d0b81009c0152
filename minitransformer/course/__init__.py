"""The course: exercises, what must be true of them, and a judge that nothing a learner writes can bring down."""

from __future__ import annotations

from typing import Any

from minitransformer.course import catalogue
from minitransformer.course.judge import crashed, judge
from minitransformer.course.report import Report
from minitransformer.course.sandbox import SECONDS, too_long
from minitransformer.course.timer import TooLong, at_most

__all__ = ["check"]


def check(name: str, answer: Any) -> Report:
    """Judge what was just written in a notebook. Raises ValueError if there is no exercise `name`."""
    exercise = catalogue.exercise(name)
    try:
        with at_most(SECONDS):
            return judge(name, exercise, answer)
    except SystemExit as error:
        return crashed(name, error, "")
    except TooLong:
        return too_long(name, SECONDS)
