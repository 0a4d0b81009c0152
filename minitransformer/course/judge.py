"""Check an answer, or a stand-in for an answer in another process, against the properties of its exercise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from minitransformer.course.cell.telling import called, caller, message, place
from minitransformer.course.crashes import meaning
from minitransformer.course.exercise import LEAVES, Exercise, Failed, Nothing, Property, Stopped
from minitransformer.course.first_round import ended_at_once
from minitransformer.course.not_finite import source_of
from minitransformer.course.nothing import none_within, why_none
from minitransformer.course.report import Report

UNWRITTEN = "Replace `raise NotImplementedError` by your code."
A_FIRST_HINT = "a first hint: "  # before what is said because nothing more is known
ENDLESS = "Is there a loop that never ends?"


def judge(name: str, exercise: Exercise, answer: Any, file: str = "", source: str = "") -> Report:
    """Check the properties one after the other, up to the first that does not hold.

    Args:
        name: the exercise's name.
        exercise: the exercise.
        answer: the learner's function or class.
        file: the learner's file, whose lines the report may quote.
        source: the learner's code, in which a `return` that is missing, or in a loop, is looked for; "" if it is not at hand.

    Returns:
        The report.

    Raises:
        Stopped: if the code is ended by force. It then has the property during which that happened.
    """
    if not callable(answer):
        says = f"expected a function or class, got {type(answer).__name__}"
        hint = f"`{name}` itself is judged, without brackets behind it: not what a call of it returns."
        return Report(name, "refused", details=(says,), hint=hint)
    held: list[str] = []
    for prop in exercise.properties:
        try:
            report = _failing(prop, tuple(held), name, exercise, answer, file, source)
        except Stopped as stopped:
            stopped.held = tuple(held)
            stopped.during = prop
            raise
        if report:
            return report
        held.append(prop.what)
    return Report(name, "passed", tuple(held), why=exercise.why)


def _failing(
    prop: Property, held: tuple[str, ...], name: str, exercise: Exercise, answer: Any, file: str, source: str
) -> Report | None:
    """The report on a property that does not hold, None if it holds."""
    try:
        prop.holds(answer)
    except NotImplementedError as error:
        return Report(name, "unwritten", held, hint=_to_write(name, error, file))
    except Nothing as failed:
        return Report(name, "failed", held, prop.what, failed.details, why_none(source, name))
    except Failed as failed:
        where, why = source_of(failed, prop, answer, file)
        known = (
            exercise.likely_mistake(answer)
            or failed.hint
            or why
            or ended_at_once(source, name)
            or _changed_inputs(prop, exercise, answer)
        )
        hint = known or _first_hint(exercise, failed.first or prop.hint, held)
        return Report(name, "failed", held, prop.what, (*failed.details, *([where] if where else [])), hint)
    except Exception as error:
        known = exercise.likely_mistake(answer) or _meaning(error, file, name, source)
        hint = known or _first_hint(exercise, prop.hint, held)
        return crashed(name, error, file, held, prop.what, hint)
    return None


def _changed_inputs(prop: Property, exercise: Exercise, answer: Any) -> str:
    """What to say of an answer that gives wrong values and also changes its inputs, which may be the reason; "" if it does not."""
    for other in exercise.properties:
        if LEAVES.match(other.what) and other is not prop:
            try:
                other.holds(answer)
            except Failed as failed:
                if not failed.hint or "changed" not in failed.details[0]:
                    return ""
                return f"{failed.details[0].capitalize()}, which may be the reason: {failed.hint}"
            except Exception:
                return ""
    return ""


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
    return Report(
        name, "crashed", held, wrong, describe(error, file), hint or meaning(error, place(error, file))
    )


def too_long(name: str, seconds: float, stopped: Stopped, file: str = "") -> Report:
    """The report on code that was stopped at its time limit.

    Args:
        name: the exercise's name.
        seconds: the limit.
        stopped: what stopped it.
        file: the learner's file, if its code ran in this process.

    Returns:
        The report.
    """
    prop = stopped.during
    hint = (prop.slow if prop else "") or ENDLESS
    where = stopped.place or place(stopped, file)
    details = (
        f"it was not finished after {seconds:g} seconds",
        *([f"it was then in {where}"] if where else []),
    )
    return Report(name, "stopped", stopped.held, prop.what if prop else "", details, hint)


def _to_write(name: str, error: NotImplementedError, file: str) -> str:
    """The hint that says what is still to be written: the exercise itself, or another one of the file that it calls."""
    function = called(error, file)
    return UNWRITTEN if function in ("", name) else f"`{function}` is not written yet, and `{name}` calls it."


def _meaning(error: Exception, file: str, name: str, source: str) -> str:
    """What such an exception usually means, or ""."""
    of_none = none_within(source, name) if "NoneType" in message(error) else ""
    return of_none or meaning(error, place(error, file))


def _first_hint(exercise: Exercise, own: str, held: tuple[str, ...]) -> str:
    """The property's own hint, or the exercise's first one if no property holds yet; labelled as a first hint."""
    hint = own or ("" if held else "".join(exercise.hints[:1]))
    return hint and A_FIRST_HINT + hint


def describe(error: BaseException, file: str) -> tuple[str, ...]:
    """An exception in words for the learner.

    Args:
        error: the exception.
        file: the learner's file.

    Returns:
        A line with class and message, the last line of the learner's file in the traceback, and the line that called its function.
    """
    above = caller(error, file)
    lines = (place(error, file), above and f"called in {above}")
    return f"{type(error).__name__}: {message(error)}", *filter(None, lines)


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
