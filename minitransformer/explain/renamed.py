"""Arguments that had another name: a call with the old name raises TypeError, which names the new one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: raise TypeError for an argument by its old name, and say the new one.

    Args:
        names: old name = new name.

    Returns:
        The decorator; it leaves the function's signature as it is.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            for old in names.keys() & kwargs.keys():
                raise TypeError(f"{function.__name__}: the argument {old!r} is called {names[old]!r} now")
            return function(*args, **kwargs)

        return checked

    return decorate
