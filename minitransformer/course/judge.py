"""Hold a learner's object, or what stands for it, against an exercise's properties."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from minitransformer.course.cell.telling import called, message, place
from minitransformer.course.exercise import Exercise, Failed
from minitransformer.course.report import Report

CRASHES = {  # part of what Python or NumPy says: what it means, as a rule
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
    """Check one property after the other; the first that does not hold is told."""
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
    """The report on code that could not run."""
    if type(error).__name__ == "SystemExit":
        return Report(name, "crashed", held, wrong, ("it called exit()",), "Return the result instead.")
    return Report(name, "crashed", held, wrong, describe(error, file), hint)


def _to_write(name: str, error: NotImplementedError, file: str) -> str:
    """What is still to be written: the exercise itself, or one of the same file that it calls."""
    function = called(error, file)
    return UNWRITTEN if function in ("", name) else f"`{function}` is not written yet, and `{name}` calls it."


def _meaning(error: Exception) -> str:
    """What such an exception means as a rule, or ""."""
    return next((said for part, said in CRASHES.items() if part in message(error)), "")


def first_hint(exercise: Exercise) -> str:
    return exercise.hints[0] if exercise.hints else ""


def describe(error: BaseException, file: str) -> tuple[str, ...]:
    """The exception, and the last line of the learner's file that led to it."""
    where = place(error, file)
    return f"{type(error).__name__}: {message(error)}", *([where] if where else [])


def load(path: Path, name: str) -> Callable:
    """The object `name` of the learner's file. Raises whatever running the file raises, Failed if the name is missing."""
    module = sys.modules["learner"] = ModuleType("learner")  # where dataclasses, for one, look for it
    module.__file__ = str(path)
    exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), vars(module))
    if name not in vars(module):
        raise Failed(
            f"there is no `{name}` in {path.name}", hint="The name is part of the task: keep it as it was."
        )
    return getattr(module, name)
