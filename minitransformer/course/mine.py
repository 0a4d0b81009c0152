"""The learner's own pieces in the library's place, for as long as it takes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from types import ModuleType

from minitransformer.course import catalogue
from minitransformer.course.judge import load
from minitransformer.course.places import PLACES, Place
from minitransformer.course.workspace import Workspace


def pieces(workspace: Workspace) -> dict[str, Callable]:
    """The learner's objects, by exercise, that pass their check now."""
    return {
        name: piece(workspace, name) for name in catalogue.exercise_names() if workspace.check(name).passed
    }


def piece(workspace: Workspace, name: str) -> Callable:
    """The learner's object; the errors of a function say that it is the learner's."""
    answer = load(workspace.file_of(catalogue.lesson_of(name)), name)
    if isinstance(answer, type):
        return answer

    @wraps(answer)
    def mine(*args, **kwargs):
        try:
            return answer(*args, **kwargs)
        except Exception as error:
            raise RuntimeError(
                f"your {name} passes its check but not its use here: {type(error).__name__}: {error}"
            ) from error

    return mine


@contextlib.contextmanager
def in_the_library(mine: Mapping[str, Callable]) -> Iterator[None]:
    """Inside this block the library works with these objects, by exercise, where they have a place; then with its own again."""
    with contextlib.ExitStack() as stack:
        for name, answer in mine.items():
            for place in PLACES.get(name, ()):
                stack.enter_context(_swapped(place, answer))
        yield


@contextlib.contextmanager
def _swapped(place: Place, answer: Callable) -> Iterator[None]:
    own = vars(place.owner)[place.name]
    new = place.fit(answer, own)
    holders = list(_holders(place, own))
    for holder, name in holders:
        setattr(holder, name, new)
    try:
        yield
    finally:
        for holder, name in holders:
            setattr(holder, name, own)


def _holders(place: Place, own: Callable) -> Iterator[tuple[ModuleType | type, str]]:
    """Everywhere the library knows a function by name; a method, in its class alone."""
    if isinstance(place.owner, type):
        yield place.owner, place.name
        return
    for module in [m for name, m in sys.modules.items() if name.partition(".")[0] == "minitransformer"]:
        yield from ((module, name) for name, value in list(vars(module).items()) if value is own)
