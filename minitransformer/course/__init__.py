"""The course: exercises, the properties that a right answer has, and a judge that no answer can crash or block."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from minitransformer.course import catalogue
from minitransformer.course.judge import crashed, judge, too_long
from minitransformer.course.report import Report
from minitransformer.course.sandbox import SECONDS
from minitransformer.course.timer import TooLong, at_most

__all__ = ["check"]


def check(name: str, answer: Any) -> Report:
    """Judge an answer that was written in a notebook, in this process.

    Args:
        name: the exercise.
        answer: the learner's function or class.

    Returns:
        The report, which a notebook displays.

    Raises:
        ValueError: if there is no such exercise.
    """
    exercise = catalogue.exercise(name)
    try:
        with at_most(SECONDS):
            return judge(name, exercise, answer, *written(answer))
    except SystemExit as error:
        return crashed(name, error, "")
    except TooLong as stopped:
        return too_long(name, SECONDS, stopped)


def written(answer: Any) -> tuple[str, str]:
    """Where an answer was written, and its source.

    Args:
        answer: the learner's function or class.

    Returns:
        The name of the notebook's cell, and the source; both "" if they are not known.
    """
    try:
        return inspect.getsourcefile(answer) or "", textwrap.dedent(inspect.getsource(answer))
    except (OSError, TypeError):  # not a function or class, or written where Python keeps no source
        return "", ""
