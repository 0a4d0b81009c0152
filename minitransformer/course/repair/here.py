"""A report on an answer of this process, as in a notebook, is told the line too: its code is tried in another process."""

from __future__ import annotations

import inspect
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from minitransformer.course.cells import Cells
from minitransformer.course.definitions import first_line, spaced
from minitransformer.course.repair.located import is_open, located
from minitransformer.course.report import Report


def located_here(report: Report, answer: Any, cells: Cells | None) -> Report:
    """Add to a report where the mistake is, as `located` does for a file. Lines are counted from the first of the answer's cell.

    Args:
        report: the report.
        answer: the learner's function or class.
        cells: where it was written, None if that is not known.

    Returns:
        The report; unchanged if the answer is no function or class that is defined there under the exercise's name.
    """
    if cells is None or not is_open(report):
        return report
    name = report.name
    code = cells.code_of(name, answer, known=())
    if not code or _is_older(answer, code[name]):
        return report
    source = spaced(code)
    above = first_line(source, name) - cells.first_line(name)
    with tempfile.TemporaryDirectory() as folder:
        return located(report, source, Path(folder) / "cell.py", above=above)


def _is_older(answer: Any, text: str) -> bool:
    """Whether an answer was made by other code than the last that defines its name."""
    try:
        return textwrap.dedent(inspect.getsource(answer)).split() != text.split()
    except (OSError, TypeError):  # a class of a notebook, say, whose source Python may not find
        return False
