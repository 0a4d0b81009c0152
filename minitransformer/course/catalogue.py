"""The lessons in order, their exercises, and where the files are."""

from __future__ import annotations

import importlib
import re
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path

from minitransformer.course.exercise import Exercise

CHECKS = "minitransformer.course.checks"


@cache
def lessons() -> dict[str, tuple[str, ...]]:
    """Lesson, such as "06_attention", and the names of its exercises in order."""
    modules = sorted(
        p.stem for p in _folder("checks").iterdir() if re.fullmatch(r"lesson_\d\d_\w+(\.py)?", p.name)
    )
    return {module.removeprefix("lesson_"): _exercises_of(module) for module in modules}


def _exercises_of(module: str) -> tuple[str, ...]:
    space = vars(importlib.import_module(f"{CHECKS}.{module}"))
    return tuple(name for name, value in space.items() if isinstance(value, Exercise))


def exercise_names() -> tuple[str, ...]:
    """Every exercise, in the order of the lessons."""
    return tuple(name for names in lessons().values() for name in names)


def lesson_named(name: str) -> str | None:
    """The lesson of this name or number ("06_attention", "06", "6"), None if there is none."""
    return next(
        (lesson for lesson in lessons() if name in (lesson, lesson[:2], lesson[:2].lstrip("0"))), None
    )


def lesson_of(name: str) -> str:
    """The lesson an exercise belongs to. Raises ValueError if there is none of this name."""
    for lesson, names in lessons().items():
        if name in names:
            return lesson
    raise ValueError(f"exercise: expected {_near(name)}; got {name!r}")


def _near(name: str) -> str:
    """What may have been meant."""
    if meant := get_close_matches(name, exercise_names(), 5):
        return f"one of {', '.join(meant)}"
    return f"one of those that `minitransformer progress` lists, or a lesson, 01 to {list(lessons())[-1][:2]}"


def exercise(name: str) -> Exercise:
    """What must be true of the exercise `name`. Raises ValueError if there is none."""
    return getattr(importlib.import_module(f"{CHECKS}.lesson_{lesson_of(name)}"), name)


def solutions_of(lesson: str) -> str:
    """The source in which the exercises of a lesson are solved."""
    return _folder("solutions").joinpath(f"lesson_{lesson}.py").read_text(encoding="utf-8")


def tests() -> str:
    """The file that lets pytest judge the exercises beside it."""
    return _folder("pytest_exercises.py").read_text(encoding="utf-8")


def notebook_of(lesson: str) -> Path:
    """A lesson's notebook: inside the package where it is installed, in `lessons/` of a clone."""
    installed = _folder("lessons")
    return (installed if installed.is_dir() else Path(__file__).parents[2] / "lessons") / f"{lesson}.ipynb"


def _folder(name: str) -> Path:
    return Path(str(resources.files("minitransformer.course").joinpath(name)))
