"""Build the starters, their tests, the notebooks and the glossary from their sources.

`python -m minitransformer.course.build` builds all; `.. build 06_attention glossary` a lesson and the glossary.
"""

from __future__ import annotations

import sys
from pathlib import Path

from minitransformer.course import catalogue, glossary
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
    nbformat.write(execute(build(lesson, source_of(lesson)), str(LESSONS)), LESSONS / f"{lesson}.ipynb")


def source_of(lesson: str) -> str:
    """Read the source of a lesson's notebook.

    Args:
        lesson: the lesson, such as "06_attention".

    Returns:
        Python in cells.
    """
    return (SOURCES / f"{lesson}.py").read_text(encoding="utf-8")


def glossary_page() -> str:
    """The glossary, from the tables of words in the sources.

    Returns:
        A page of Markdown.
    """
    return glossary.page(
        term for lesson in catalogue.lessons() for term in glossary.terms_of(lesson, source_of(lesson))
    )


if __name__ == "__main__":
    (EXERCISES / TESTS).write_text(catalogue.tests(), encoding="utf-8")
    for name in sys.argv[1:] or [*catalogue.lessons(), "glossary"]:
        if name == "glossary":
            (LESSONS / catalogue.GLOSSARY).write_text(glossary_page(), encoding="utf-8")
        else:
            write(name)
        print(name)
