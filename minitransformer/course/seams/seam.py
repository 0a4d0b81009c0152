"""What a seam is: a public name of the library at which a learner's piece can stand."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy

Array = numpy.ndarray
Function = Callable[..., Any]


class Seam(NamedTuple):
    """A law of an op, a method of a layer, or a function of a module, looked up there at each call.

    Attributes:
        owner: the class or module.
        name: a public name in it.
        fit: `fit(mine, own, *arguments)` returns what the library's `own` does, by the learner's `mine`; NotImplemented for
            arguments that the exercise did not ask for, such as other masks: then `own` answers.
        pure: whether `own` may be called as well, to compare the shapes of both results.
    """

    owner: ModuleType | type
    name: str
    fit: Function = lambda mine, own, *arguments: mine(*arguments)
    pure: bool = True


Seams = dict[str, tuple[Seam, ...]]


def shaped(found: Any, like: Array) -> Array:
    """What was found, as an array. Raises ValueError unless it has the shape of `like`."""
    array = numpy.asarray(found)
    if array.shape != like.shape:
        raise ValueError(f"expected a result of shape {like.shape}, got {array.shape}")
    return array
