"""An answer that passes in a notebook is written into the learner's file, and counts in the progress."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from minitransformer.course.cells import Cells
from minitransformer.course.lesson_file import LessonFile
from minitransformer.course.report import Report
from minitransformer.course.sandbox import check_file
from minitransformer.course.where import command, here, is_learners
from minitransformer.course.workspace import Workspace


def keep(name: str, answer: Any, cells: Cells) -> str:
    """Keep an answer that passes.

    It is first checked in a copy of the learner's file: if it does not pass there, that file stays as it is. An answer that
    cannot be written there counts nevertheless.

    Args:
        name: the exercise.
        answer: the learner's function or class.
        cells: the notebook.

    Returns:
        A sentence that says what became of it.
    """
    folder = here()
    if not is_learners(folder):
        return f"Not kept: there is no folder of yours here. In a terminal, `{command('start')}` creates one."
    workspace = Workspace.open(folder)
    said = _kept(name, answer, cells, workspace)
    return f"{said} {workspace.trouble}".strip()


def _kept(name: str, answer: Any, cells: Cells, workspace: Workspace) -> str:
    file = workspace.lesson_file(name)
    try:
        code = cells.code_of(name, answer, file.shared())
        if not code:
            raise ValueError("the cell in which it was written is not found")
        report = _report_in_a_copy(name, file, code)
        if not report.passed:
            return (
                f"Not kept: it passes here, but not in {file.path}. {' '.join(report.details)} {report.hint}"
            )
        backup = workspace.keep_answer(name, code)
    except (OSError, ValueError) as error:
        workspace.pass_elsewhere(name)
        counts = "passes" if workspace.trouble else "counts as passed"
        reason = error.strerror if isinstance(error, OSError) else error
        return f"It {counts}, but could not be written to {file.path}: {reason}."
    return f"Kept in {file.path}" + (f"; your file as it was is {backup}." if backup else ".")


def _report_in_a_copy(name: str, file: LessonFile, code: dict[str, str]) -> Report:
    """The report on the learner's file with the answer in it. Raises OSError, ValueError."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.path.name
        copy.write_text(file.with_answer(name, code), encoding="utf-8")
        return check_file(name, copy)
