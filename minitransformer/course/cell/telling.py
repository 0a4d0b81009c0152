"""Exceptions of a learner's code: their messages, and how they are sent to another process."""

from __future__ import annotations

import builtins
import traceback

LONGEST = 2000


def message(error: BaseException) -> str:
    """The message of an exception, shortened.

    Args:
        error: an exception, whose class may be the learner's.

    Returns:
        The message; "" if the exception's own `__str__` fails.
    """
    try:
        return str(error)[:LONGEST]
    except BaseException:
        return ""


def place(error: BaseException, file: str) -> str:
    """The last line of the learner's file in the traceback of an exception.

    Args:
        error: the exception.
        file: the learner's file.

    Returns:
        "line N: code", or "".
    """
    if isinstance(error, Told):
        return error.place
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"line {error.lineno}: {(error.text or '').strip()}"
    theirs = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file][-1:]
    return "".join(f"line {frame.lineno}: {frame.line}" for frame in theirs)


def caller(error: BaseException, file: str) -> str:
    """The line from which the function was called whose line `place` gives.

    Args:
        error: the exception.
        file: the learner's file.

    Returns:
        "line N: code"; "" if no function of the file has called it.
    """
    if isinstance(error, Told):
        return error.caller
    theirs = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    here = theirs[-1:] and theirs[-1].lineno
    above = [f for f in theirs[:-1] if f.name not in (theirs[-1].name, "<module>") and f.lineno != here][-1:]
    return "".join(f"line {frame.lineno}: {frame.line}" for frame in above)


def called(error: BaseException, file: str) -> str:
    """The last function of the learner's file in the traceback of an exception.

    Args:
        error: the exception.
        file: the learner's file.

    Returns:
        Its name; for a method or an inner function that of the class or outer function; or "".
    """
    if isinstance(error, Told):
        return error.called
    codes = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    return "".join([code.co_qualname.partition(".")[0] for code in codes if code.co_filename == file][-1:])


class Told(Exception):
    """An exception that was raised in another process. `retold` makes subclasses that are also of Python's matching class.

    Args:
        told: from `account`.
    """

    place = caller = called = said = ""
    given: int | None  # its number, if this side has handed it over

    def __init__(self, told: dict):
        self.place, self.caller, self.called, self.said = (
            str(told.get(what, ""))[:LONGEST] for what in ("place", "caller", "called", "said")
        )

    def __str__(self) -> str:
        return self.said


def retold(told: dict) -> Told:
    """The exception of another process, to be raised in this one.

    Args:
        told: from `account`.

    Returns:
        A subclass of Python's matching class of exceptions. It is always an Exception: SystemExit and the like would end this
        process.
    """
    name, *others = (str(name)[:100] for name in told["types"])
    own = (getattr(builtins, kind, None) for kind in (name, *others))
    kind = next(k for k in (*own, Exception) if isinstance(k, type) and issubclass(k, Exception))
    try:
        return type(name if name.isidentifier() else kind.__name__, (Told, kind), {})(told)
    except TypeError:  # a class whose constructor needs more arguments
        return Told(told)


def account(error: BaseException, file: str) -> dict:
    """An exception as plain data, for another process.

    Args:
        error: the exception.
        file: the learner's file.

    Returns:
        The names of its classes, its message, place and function; "given" is its number if it came from the other process.
    """
    types = [kind.__name__ for kind in type(error).__mro__]
    given = vars(error).get("given")
    return {
        "types": types,
        "said": message(error),
        "place": place(error, file),
        "caller": caller(error, file),
        "called": called(error, file),
        "given": given,
    }
