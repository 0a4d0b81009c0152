"""The course: exercises, the properties that a right answer has, and a judge that no answer can crash or block."""

from __future__ import annotations

import inspect
import textwrap
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

from minitransformer.course import catalogue
from minitransformer.course.beside_torch import beside_pytorch
from minitransformer.course.cells import of_module, running
from minitransformer.course.judge import crashed, judge, too_long
from minitransformer.course.keeping import keep
from minitransformer.course.printed import Printed
from minitransformer.course.repair.here import located_here
from minitransformer.course.report import Report, Reports
from minitransformer.course.sandbox import SECONDS
from minitransformer.course.shown import Shown, solution_of, why
from minitransformer.course.slider import slide
from minitransformer.course.timer import TooLong, at_most
from minitransformer.course.where import here
from minitransformer.course.workspace import Workspace

__all__ = ["beside_pytorch", "check", "hint", "saved", "slide", "solution"]
OF_THE_FILE = object()


def check(name: str, answer: Any = OF_THE_FILE) -> Report | Reports:
    """Judge an answer that was written in a notebook, in this process, or what the learner's file holds.

    In a notebook, an answer that passes is written into the learner's file, and counts in the progress.

    Args:
        name: the exercise; without an answer also a lesson, or the beginning of a name.
        answer: the learner's function or class; if left out, the file is judged, as `minitransformer check` does.

    Returns:
        The report, or the reports on all exercises of a lesson, which a notebook displays.

    Raises:
        TypeError: if the name is none.
        ValueError: if there is no such exercise.
    """
    if not isinstance(name, str):
        raise TypeError(
            f'name: expected that of an exercise in quotes, as in check("softmax", softmax), got {name!r}'
        )
    if answer is OF_THE_FILE:
        workspace = Workspace.open(here())
        reports = Reports(workspace.check(each) for each in catalogue.named(name))
        return reports[0] if len(reports) == 1 else reports
    with redirect_stdout(Printed()) as printed:
        report = replace(_judged(name, answer), printed=printed.lines())
    cells = running()
    if not report.passed:
        return located_here(report, answer, cells or of_module(answer))
    return replace(report, foot=keep(name, answer, cells)) if cells else report


def _judged(name: str, answer: Any) -> Report:
    exercise = catalogue.exercise(name)
    file, source = written(answer)
    try:
        with at_most(SECONDS):
            return judge(name, exercise, answer, file, source)
    except SystemExit as error:
        return crashed(name, error, "")
    except TooLong as stopped:
        return too_long(name, SECONDS, stopped, file)


def hint(name: str | None = None) -> Shown:
    """The next hint for an exercise, as `minitransformer hint` shows it.

    Args:
        name: the exercise; None for the next one that is not passed.

    Returns:
        The hint, which a notebook displays.

    Raises:
        ValueError: if there is no such exercise.
    """
    workspace = Workspace.open(here())
    (name,) = _named(name or workspace.next_exercise())
    number, count, text, again = workspace.next_hint(name)
    said = f"{name}, hint {number} of {count}" + (", the last, again" if again else "") + f": {text}"
    return Shown(said + (f'\nThere are no more. The solution: solution("{name}")' if again else ""))


def solution(name: str | None = None, yes: bool = False) -> Shown:
    """The solution of an exercise, as `minitransformer solution` shows it. The progress notes that it was seen.

    Args:
        name: the exercise; None for the next one that is not passed.
        yes: show it although the exercise is not passed yet.

    Returns:
        Python code with the reason as a comment, which a notebook displays; without `yes`, how to get it.

    Raises:
        ValueError: if there is no such exercise.
    """
    workspace = Workspace.open(here())
    (name,) = _named(name or workspace.next_exercise())
    if workspace.spoils(name) and not yes:
        ways = f'hint("{name}") helps; solution("{name}", yes=True) shows the solution.'
        return Shown(f"`{name}` is not passed yet. {ways}")
    workspace.give_up(name)
    return Shown(
        f"{solution_of(name)}\n{textwrap.fill(why(name), 100, initial_indent='# ', subsequent_indent='# ')}"
    )


def saved(name: str) -> Shown:
    """What the learner's file holds of an exercise.

    Args:
        name: the exercise.

    Returns:
        Python code, which a notebook displays.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if there is no such exercise, or the file is no Python.
    """
    (name,) = _named(name)
    return Shown(Workspace.open(here()).lesson_file(name).holds(name))


def _named(name: str | None) -> tuple[str]:
    """The one exercise that a name means. Raises ValueError for any other number of them."""
    names = catalogue.named(name) if name else ()
    if len(names) != 1:
        raise ValueError(
            f"exercise: expected the name of one, got {name!r}" if name else "all exercises are passed"
        )
    return (names[0],)


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
