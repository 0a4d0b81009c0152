"""Build the starters, their tests and the notebooks from their sources: `python -m minitransformer.course.build [LESSON ...]`."""

from __future__ import annotations

import sys
from pathlib import Path

from minitransformer.course import catalogue
from minitransformer.course.lesson_file import starter_of
from minitransformer.course.notebook import build, execute
from minitransformer.course.workspace import TESTS

ROOT = Path(__file__).parents[2]
LESSONS = ROOT / "lessons"
SOURCES = ROOT / "lessons" / "sources"
EXERCISES = ROOT / "exercises"


def write(lesson: str) -> None:
    """Write the starter and the notebook of a lesson; the notebook is run, so that it contains its outputs.

    Args:
        lesson: the lesson, such as "06_attention".
    """
    import nbformat

    (EXERCISES / f"{lesson}.py").write_text(starter_of(lesson), encoding="utf-8")
    source = (SOURCES / f"{lesson}.py").read_text(encoding="utf-8")
    nbformat.write(execute(build(lesson, source), str(LESSONS)), LESSONS / f"{lesson}.ipynb")


if __name__ == "__main__":
    (EXERCISES / TESTS).write_text(catalogue.tests(), encoding="utf-8")
    for name in sys.argv[1:] or catalogue.lessons():
        write(name)
        print(name)
