"""Check an answer, or a stand-in for an answer in another process, against the properties of its exercise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from minitransformer.course.cell.telling import called, message, place
from minitransformer.course.exercise import Exercise, Failed
from minitransformer.course.report import Report

CRASHES = {  # a part of an error message of Python or NumPy -> what it usually means
    "NoneType": "Something is None: is there a `return`?",
    "broadcast": "Two shapes do not fit. A sum that has to keep its axis needs `keepdims=True`; print both shapes.",
    "generator": "There is a `yield` in it, which makes it a generator: `return` the result.",
    "matmul": "The shapes of a matrix product do not fit. `x.T` turns all axes round, np.swapaxes(x, -1, -2) the last two.",
    "truth value of an array": "`if` wants one answer, and an array has many: np.where chooses for each element.",
    "cannot be interpreted as an integer": "A size has to be whole: `//` divides so, `/` gives a float.",
    "boolean index did not match": "The mask has another shape than what it picks from: print both.",
    "only 0-dimensional arrays": "A function of the math module takes one number; that of np takes an array.",
    "can't multiply sequence": "A list times a number repeats the list: make an array of it, np.array(..).",
    "concatenation axis": "Arrays can be joined along an axis only if they agree in all others: print their shapes.",
}
UNWRITTEN = "Replace `raise NotImplementedError` by your code."


def judge(name: str, exercise: Exercise, answer: Any, file: str = "") -> Report:
    """Check the properties one after the other, up to the first that does not hold.

    Args:
        name: the exercise's name.
        exercise: the exercise.
        answer: the learner's function or class.
        file: the learner's file, whose lines the report may quote.

    Returns:
        The report.
    """
    held: list[str] = []
    for prop in exercise.properties:
        try:
            prop.holds(answer)
        except NotImplementedError as error:
            return Report(name, "unwritten", tuple(held), hint=_to_write(name, error, file))
        except Failed as failed:
            hint = exercise.likely_mistake(answer) or failed.hint or first_hint(exercise)
            return Report(name, "failed", tuple(held), prop.what, failed.details, hint)
        except Exception as error:
            return crashed(
                name, error, file, tuple(held), prop.what, exercise.likely_mistake(answer) or _meaning(error)
            )
        held.append(prop.what)
    return Report(name, "passed", tuple(held), why=exercise.why)


def crashed(
    name: str, error: BaseException, file: str, held: tuple[str, ...] = (), wrong: str = "", hint: str = ""
) -> Report:
    """The report on code that raised an exception.

    Args:
        name: the exercise's name.
        error: the exception.
        file: the learner's file, whose lines the report may quote.
        held: the properties that hold.
        wrong: the property that was being checked.
        hint: a sentence that may help.

    Returns:
        The report.
    """
    if type(error).__name__ == "SystemExit":
        return Report(name, "crashed", held, wrong, ("it called exit()",), "Return the result instead.")
    return Report(name, "crashed", held, wrong, describe(error, file), hint)


def _to_write(name: str, error: NotImplementedError, file: str) -> str:
    """The hint that says what is still to be written: the exercise itself, or another one of the file that it calls."""
    function = called(error, file)
    return UNWRITTEN if function in ("", name) else f"`{function}` is not written yet, and `{name}` calls it."


def _meaning(error: Exception) -> str:
    """What such an exception usually means, or ""."""
    return next((said for part, said in CRASHES.items() if part in message(error)), "")


def first_hint(exercise: Exercise) -> str:
    """The first hint of an exercise.

    Args:
        exercise: the exercise.

    Returns:
        The hint, or "" if it has none.
    """
    return exercise.hints[0] if exercise.hints else ""


def describe(error: BaseException, file: str) -> tuple[str, ...]:
    """An exception in words for the learner.

    Args:
        error: the exception.
        file: the learner's file.

    Returns:
        A line with class and message, and the last line of the learner's file in the traceback, if there is one.
    """
    where = place(error, file)
    return f"{type(error).__name__}: {message(error)}", *([where] if where else [])


def load(path: Path, name: str) -> Callable:
    """Run a learner's file in this process, and take an object from it.

    Args:
        path: the file.
        name: the object's name.

    Returns:
        The object.

    Raises:
        Failed: if the file defines no such name. Exceptions of the file itself are passed on.
    """
    module = sys.modules["learner"] = ModuleType("learner")  # dataclasses look up their module there
    module.__file__ = str(path)
    exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), vars(module))
    if name not in vars(module):
        raise Failed(
            f"there is no `{name}` in {path.name}", hint="The name is part of the task: keep it as it was."
        )
    return getattr(module, name)
