"""What to say of an exception that a learner's code has raised."""

from __future__ import annotations

import builtins
import traceback

LONGEST = 2000


def message(error: BaseException) -> str:
    """What an exception says, if it can: its class may be the learner's."""
    try:
        return str(error)[:LONGEST]
    except BaseException:
        return ""


def place(error: BaseException, file: str) -> str:
    """ "line N: code" of the last line of the learner's file that led to an exception, or ""."""
    if isinstance(error, Told):
        return error.place
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"line {error.lineno}: {(error.text or '').strip()}"
    theirs = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file][-1:]
    return "".join(f"line {frame.lineno}: {frame.line}" for frame in theirs)


def called(error: BaseException, file: str) -> str:
    """The outermost name of the last function of the learner's file that led to an exception, or ""."""
    if isinstance(error, Told):
        return error.called
    codes = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    return "".join([code.co_qualname.partition(".")[0] for code in codes if code.co_filename == file][-1:])


class Told(Exception):
    """An exception that was raised in another process, by what is told of it. Its class is also of the kind that Python has."""

    place = called = said = ""
    given: int | None  # its number, if this side has handed it over

    def __init__(self, told: dict):
        self.place, self.called, self.said = (
            str(told.get(what, ""))[:LONGEST] for what in ("place", "called", "said")
        )

    def __str__(self) -> str:
        return self.said


def retold(told: dict) -> Told:
    """The exception of another process, to be raised in this one: always an Exception, whose other kinds would end it."""
    name, *others = (str(name)[:100] for name in told["types"])
    own = (getattr(builtins, kind, None) for kind in (name, *others))
    kind = next(k for k in (*own, Exception) if isinstance(k, type) and issubclass(k, Exception))
    try:
        return type(name if name.isidentifier() else kind.__name__, (Told, kind), {})(told)
    except TypeError:  # a kind that wants more to be made of
        return Told(told)


def account(error: BaseException, file: str) -> dict:
    """What there is to tell of an exception; `given` is the number of one that the other side has handed over."""
    types, given = [kind.__name__ for kind in type(error).__mro__], vars(error).get("given")
    return {
        "types": types,
        "said": message(error),
        "place": place(error, file),
        "called": called(error, file),
        "given": given,
    }
