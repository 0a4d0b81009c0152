"""The solution of an exercise as a terminal or a notebook shows it: code that runs, and the reason for it."""

from __future__ import annotations

from minitransformer.course import catalogue
from minitransformer.course.definitions import definition, gathered, spaced


class Shown(str):
    """A text that a notebook displays as it is, line by line."""

    __repr__ = str.__str__


def solution_of(name: str) -> str:
    """The solution of an exercise, after the imports and helpers that it needs.

    Args:
        name: the exercise.

    Returns:
        Python code; other exercises that it calls are not in it, as they are tasks of their own.
    """
    source = catalogue.solutions_of(catalogue.lesson_of(name))
    others = _others(name)
    return spaced(gathered(name, lambda wanted: definition(source, wanted), others))


def why(name: str) -> str:
    """The reason for a solution, and the other exercises that it calls.

    Args:
        name: the exercise.

    Returns:
        A sentence or more.
    """
    source = catalogue.solutions_of(catalogue.lesson_of(name))
    found = gathered(name, lambda wanted: definition(source, wanted), ())
    called = [f"`{other}`" for other in found if other in _others(name)]
    return catalogue.exercise(name).why + (
        f" It calls {', '.join(called)} of the same file." if called else ""
    )


def _others(name: str) -> set[str]:
    """The other exercises of the lesson."""
    return set(catalogue.lessons()[catalogue.lesson_of(name)]) - {name}
