"""Notebooks, built from their sources. The same source always gives the same bytes.

A source is a Python file in cells (jupytext's percent format). A cell `# %% exercise NAME` is replaced by two cells: the stub of
the exercise, or its solution, and the check of it.
"""

from __future__ import annotations

import os
import re
import sys

from minitransformer.course import catalogue
from minitransformer.course.jupyter import BUILDING
from minitransformer.course.starters import solution, starter

EXERCISE = re.compile(r"^# %% exercise (\w+)\n", re.MULTILINE)
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def build(lesson: str, source: str, solved: bool = False):
    """Build the notebook of a lesson.

    Args:
        lesson: the lesson, such as "06_attention".
        source: its source.
        solved: whether the exercises contain their solutions, instead of stubs.

    Returns:
        The notebook, an nbformat `NotebookNode`, without outputs.
    """
    import jupytext

    notebook = jupytext.reads(
        EXERCISE.sub(lambda match: _cells(lesson, match[1], solved), source), fmt="py:percent"
    )
    notebook.metadata = KERNEL
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"{lesson.replace('_', '-')}-{i:03d}"
        cell.metadata = {}
    return notebook


def _cells(lesson: str, name: str, solved: bool) -> str:
    """The two cells of an exercise."""
    source = catalogue.solutions_of(lesson)
    code = solution(source if solved else starter(source, (name,)), name)
    return f'# %%\n{code}\n# %%\ncheck("{name}", {name})\n'


def execute(notebook, folder: str, seconds: int = 60):
    """Run every cell, and write its output into the notebook.

    Args:
        notebook: the notebook, which is changed.
        folder: the working folder of its code.
        seconds: the time limit of each cell.

    Returns:
        `notebook` itself.

    Raises:
        CellExecutionError: if a cell raises.
        CellTimeoutError: if a cell takes longer.
    """
    from nbclient import NotebookClient

    NotebookClient(
        notebook,
        resources={"metadata": {"path": folder}},
        timeout=seconds,
        kernel_name="python3",
        coalesce_streams=True,  # coalesce_streams: everything that a cell prints becomes one output
    ).execute(env=os.environ | {BUILDING: "1"})
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "text" in output:  # advice to install names the Python that runs, here that of the builder
                output["text"] = output["text"].replace(sys.executable, "python")
        cell.metadata.pop("execution", None)
    return notebook
