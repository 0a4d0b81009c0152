"""The solution of an exercise as it is shown, in a terminal and in a notebook: code that runs, and beside it why it is so."""

from __future__ import annotations

from minitransformer.course import catalogue
from minitransformer.course.definitions import definition, gathered, spaced


def solution_of(name: str) -> str:
    """The code of a solution after the imports and helpers that it needs, but not after other exercises, which stay tasks."""
    source, others = catalogue.solutions_of(catalogue.lesson_of(name)), _others(name)
    return spaced(gathered(name, lambda wanted: definition(source, wanted), others))


def why(name: str) -> str:
    """Why the solution is so, and which other exercises it calls."""
    source = catalogue.solutions_of(catalogue.lesson_of(name))
    found = gathered(name, lambda wanted: definition(source, wanted), ())
    called = [f"`{other}`" for other in found if other in _others(name)]
    return catalogue.exercise(name).why + (
        f" It calls {', '.join(called)} of the same file." if called else ""
    )


def _others(name: str) -> set[str]:
    """The other exercises of the lesson."""
    return set(catalogue.lessons()[catalogue.lesson_of(name)]) - {name}
