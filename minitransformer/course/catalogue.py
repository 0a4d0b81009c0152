"""The lessons in order, their exercises, and their files."""

from __future__ import annotations

import importlib
import re
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path

from minitransformer.course.exercise import Exercise

CHECKS = "minitransformer.course.checks"
GLOSSARY = "GLOSSARY.md"


@cache
def lessons() -> dict[str, tuple[str, ...]]:
    """All lessons and their exercises, in order.

    Returns:
        Lesson, such as "06_attention" -> the names of its exercises.
    """
    modules = sorted(
        p.stem for p in _folder("checks").iterdir() if re.fullmatch(r"lesson_\d\d_\w+(\.py)?", p.name)
    )
    return {module.removeprefix("lesson_"): _exercises_of(module) for module in modules}


def _exercises_of(module: str) -> tuple[str, ...]:
    space = vars(importlib.import_module(f"{CHECKS}.{module}"))
    return tuple(name for name, value in space.items() if isinstance(value, Exercise))


def exercise_names() -> tuple[str, ...]:
    """The names of all exercises, in the order of the lessons.

    Returns:
        The names.
    """
    return tuple(name for names in lessons().values() for name in names)


def named(asked: str) -> tuple[str, ...]:
    """Find the exercises that a name means.

    Args:
        asked: an exercise, a lesson ("06_attention", "06", "6"), the name of a lesson's file, or the beginning of a name that no
            other one shares. Upper and lower case are the same.

    Returns:
        The exercise, or all of the lesson.

    Raises:
        ValueError: if nothing or more than one thing is meant; the message names similar ones.
    """
    wanted = re.split(r"[/\\]", asked)[-1].removesuffix(".py").removesuffix(".ipynb").lower()
    number = wanted.zfill(2) if wanted.isdigit() else None
    meant = {lesson: names for lesson, names in lessons().items() if lesson[:2] == number}
    every = lessons() | {name: (name,) for name in exercise_names()}
    for fits in (str.__eq__, str.startswith):
        meant = meant or {each: every[each] for each in every if wanted and fits(each.lower(), wanted)}
    if len(meant) == 1:
        return next(iter(meant.values()))
    raise ValueError(f"exercise: expected {_one_of(list(meant) or _near(wanted))}; got {asked!r}")


def lesson_of(name: str) -> str:
    """Find the lesson of an exercise.

    Args:
        name: the exercise.

    Returns:
        The lesson, such as "06_attention".

    Raises:
        ValueError: if there is no such exercise; the message names similar ones.
    """
    for lesson, names in lessons().items():
        if name in names:
            return lesson
    raise ValueError(f"exercise: expected {_one_of(_near(name))}; got {name!r}")


def _near(name: str) -> list[str]:
    """The exercises and lessons with similar names."""
    names = {each.lower(): each for each in (*exercise_names(), *lessons())}
    return [names[close] for close in get_close_matches(name.lower(), names, 5)]


def _one_of(names: list[str]) -> str:
    """Words for an error: what may have been meant, or where to find all names."""
    if not names:
        return f"one of those that `minitransformer progress` lists, or a lesson, 01 to {list(lessons())[-1][:2]}"
    return f"one of {', '.join(names)}" if len(names) > 1 else f"another name (did you mean {names[0]}?)"


def exercise(name: str) -> Exercise:
    """Find an exercise by its name.

    Args:
        name: the exercise.

    Returns:
        The exercise.

    Raises:
        ValueError: if there is none.
    """
    return getattr(importlib.import_module(f"{CHECKS}.lesson_{lesson_of(name)}"), name)


def solutions_of(lesson: str) -> str:
    """Read the solutions of a lesson.

    Args:
        lesson: the lesson, such as "06_attention".

    Returns:
        Python source.
    """
    return _folder("solutions").joinpath(f"lesson_{lesson}.py").read_text(encoding="utf-8")


def tests() -> str:
    """Read the test file that is put beside the exercises, so that pytest can check them.

    Returns:
        Python source.
    """
    return _folder("pytest_exercises.py").read_text(encoding="utf-8")


def notebook_of(lesson: str) -> Path:
    """The path of a lesson's notebook: inside an installed package, or in `lessons/` of a clone.

    Args:
        lesson: the lesson, such as "06_attention".

    Returns:
        The path.
    """
    return _lessons_folder() / f"{lesson}.ipynb"


def glossary() -> str:
    """Read the glossary of all lessons.

    Returns:
        A page of Markdown.
    """
    return (_lessons_folder() / GLOSSARY).read_text(encoding="utf-8")


def _lessons_folder() -> Path:
    installed = _folder("lessons")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "lessons"


def _folder(name: str) -> Path:
    return Path(str(resources.files("minitransformer.course").joinpath(name)))
