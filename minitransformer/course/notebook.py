"""Notebooks from their sources: the same source, the same notebook, byte for byte.

A source is a Python file in cells (jupytext's percent format). A cell that says `# %% exercise NAME` stands for two: the
task as a stub, or solved, and the check of it.
"""

from __future__ import annotations

import re

from minitransformer.course import catalogue
from minitransformer.course.starters import solution, starter

EXERCISE = re.compile(r"^# %% exercise (\w+)\n", re.MULTILINE)
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def build(lesson: str, source: str, solved: bool = False):
    """The notebook (nbformat's NotebookNode) of a lesson, without outputs."""
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
    """Run every cell, the results written into the notebook. Raises CellExecutionError, CellTimeoutError."""
    from nbclient import NotebookClient

    NotebookClient(
        notebook,
        resources={"metadata": {"path": folder}},
        timeout=seconds,
        kernel_name="python3",
        coalesce_streams=True,  # what is printed, in one piece
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook
