"""What a place in the library is."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple


class Place(NamedTuple):
    """The attribute `name` of a module or class of the library.

    `fit` makes of a learner's object, `mine`, what stands in the library, `own` being what stood there. Where the library asks
    for more than the exercise did (half precision, masks of another shape, a tape to be left), `own` answers.
    """

    owner: ModuleType | type
    name: str
    fit: Callable[[Callable, Callable], Callable]


Places = dict[str, tuple[Place, ...]]


def as_it_is(mine, own):
    """The exercise and the library ask for the same."""
    return mine
