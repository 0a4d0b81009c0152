"""NumPy's names of arguments, which PyTorch takes beside its own: `x.sum(axis=1, keepdims=True)`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")
NAMES = {"axis": "dim", "keepdims": "keepdim"}


def numpy_names(function: Callable[P, Result]) -> Callable[P, Result]:
    """Let a function take `axis` for `dim` and `keepdims` for `keepdim`.

    Args:
        function: a function with an argument `dim`.

    Returns:
        The function, with both names.
    """

    @wraps(function)
    def renamed(*args: P.args, **kwargs: P.kwargs) -> Result:
        for theirs in NAMES.keys() & kwargs.keys():
            if NAMES[theirs] in kwargs:
                raise TypeError(f"{function.__name__}: got {theirs} and {NAMES[theirs]}, which are the same")
            kwargs[NAMES[theirs]] = kwargs.pop(theirs)
        return function(*args, **kwargs)

    return renamed
