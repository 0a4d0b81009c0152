"""Hold a learner's object against an exercise's properties, inside the process made for it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

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
        except SystemExit:
            return Report(name, "crashed", tuple(held), prop.what, ("it called exit()",), "Return the result instead.")
        except Exception as error:
            hint = exercise.likely_mistake(answer) or _meaning(error)
            return Report(name, "crashed", tuple(held), prop.what, describe(error, file), hint)
        held.append(prop.what)
    return Report(name, "passed", tuple(held), why=exercise.why)


def _to_write(name: str, error: NotImplementedError, file: str) -> str:
    """What is still to be written: the exercise itself, or one of the same file that it calls."""
    codes = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    called = [code.co_qualname.partition(".")[0] for code in codes if code.co_filename == file][-1:]
    return UNWRITTEN if called in ([], [name]) else f"`{called[0]}` is not written yet, and `{name}` calls it."


def _meaning(error: Exception) -> str:
    """What such an exception means as a rule, or ""."""
    return next((said for part, said in CRASHES.items() if part in _message(error)), "")


def first_hint(exercise: Exercise) -> str:
    return exercise.hints[0] if exercise.hints else ""


def describe(error: BaseException, file: str) -> tuple[str, ...]:
    """The exception, and the last line of the learner's file that led to it."""
    said = f"{type(error).__name__}: {_message(error)}"
    if isinstance(error, SyntaxError) and error.filename == file:
        return said, f"line {error.lineno}: {(error.text or '').strip()}"
    theirs = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return (said, f"line {theirs[-1].lineno}: {theirs[-1].line}") if theirs else (said,)


def _message(error: BaseException) -> str:
    """What an exception says, if it can: its class may be the learner's."""
    try:
        return str(error)
    except BaseException:
        return ""


def load(path: Path, name: str) -> Callable:
    """The object `name` of the learner's file. Raises whatever running the file raises, Failed if the name is missing."""
    module = sys.modules["learner"] = ModuleType("learner")  # where dataclasses, for one, look for it
    module.__file__ = str(path)
    exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), vars(module))
    if name not in vars(module):
        raise Failed(f"there is no `{name}` in {path.name}", hint="The name is part of the task: keep it as it was.")
    return getattr(module, name)
