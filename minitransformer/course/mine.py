"""The learner's own pieces in the library's place. A piece that fails there is set aside, and the library's own answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.course import catalogue
from minitransformer.course.beside import BESIDE
from minitransformer.course.judge import load
from minitransformer.course.seams import SEAMS, Seam
from minitransformer.course.tasks import TASKS
from minitransformer.course.timer import TooLong, at_most
from minitransformer.course.workspace import Workspace
from minitransformer.gradients import largest_error

PATIENCE = 20  # seconds for one call of a piece
FAILURES = (Exception, SystemExit, TooLong)


def pieces(workspace: Workspace) -> Pieces:
    """The learner's pieces that pass their check now."""
    passed = [name for name in catalogue.exercise_names() if workspace.check(name).passed]
    found = Pieces({})
    for name in passed:
        with found.guarded(name):
            found.answers[name] = piece(workspace, name)
    return found


def piece(workspace: Workspace, name: str) -> Callable:
    """The learner's object. Raises what running its file raises."""
    return load(workspace.file_of(catalogue.lesson_of(name)), name)


class Pieces:
    """The learner's pieces, and why some of them were set aside.

    Attributes:
        answers: the learner's objects, by exercise.
        aside: the exercises whose objects are no longer used, with the reason.
        last: the exercise whose object answered last; None if none did.
    """

    def __init__(self, answers: Mapping[str, Callable]):
        self.answers = dict(answers)
        self.aside: dict[str, str] = {}
        self.last: str | None = None

    def set_aside(self, name: str, error: BaseException) -> None:
        """Use this piece no more.

        Args:
            name: the exercise.
            error: what happened in its use; the reason that is told.
        """
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, TooLong):
            reason = f"one call took longer than {PATIENCE} s"
        self.aside.setdefault(name, reason)

    def blame(self, error: BaseException) -> bool:
        """Set aside the piece that answered last, for an error that the library raised after it. False if none answered."""
        if self.last is None:
            return False
        self.set_aside(self.last, error)
        self.last = None
        return True

    @contextlib.contextmanager
    def guarded(self, name: str) -> Iterator[None]:
        """Any failure inside this block, or one that takes too long, ends the block and sets the piece aside."""
        try:
            with at_most(PATIENCE):
                yield
        except FAILURES as error:
            self.set_aside(name, error)

    @contextlib.contextmanager
    def in_the_library(self) -> Iterator[None]:
        """Inside this block the library works with the pieces that have a seam, and afterwards with its own again."""
        with contextlib.ExitStack() as stack:
            for name in self.answers:
                for seam in SEAMS.get(name, ()):
                    stack.enter_context(self._swapped(name, seam))
            yield

    @contextlib.contextmanager
    def _swapped(self, name: str, seam: Seam) -> Iterator[None]:
        own = getattr(seam.owner, seam.name)
        inherited = seam.name not in vars(seam.owner)
        setattr(seam.owner, seam.name, self._at_the_seam(name, seam, own))
        try:
            yield
        finally:
            if inherited:
                delattr(seam.owner, seam.name)
            else:
                setattr(seam.owner, seam.name, own)

    def _at_the_seam(self, name: str, seam: Seam, own: Callable) -> Callable:
        """What stands in the library: the learner's piece where it can answer, else the library's own."""
        confirmed: set[Any] = set()

        @wraps(own)
        def answer(*args: Any, **kwargs: Any) -> Any:
            found = NotImplemented
            if name not in self.aside:
                with self.guarded(name):
                    found = seam.fit(self.answers[name], own, *args, **kwargs)
            if found is NotImplemented:
                return own(*args, **kwargs)
            self.last = name
            forms = form((args, tuple(kwargs.values()))), form(found)
            if not seam.pure or forms in confirmed and is_finite(found):
                return found
            expected = own(*args, **kwargs)
            if wrong := difference(found, expected):
                self.set_aside(name, ValueError(wrong))
                return expected
            confirmed.add(forms)
            return found

        return answer


def differences(pieces: Pieces) -> Iterator[tuple[str, float, str]]:
    """Compare the pieces that a tour's models do not use with the library's own, each by itself.

    Args:
        pieces: the learner's; those that fail are set aside.

    Yields:
        (exercise, largest difference as a share of the largest number, why it has no seam in the library or "").
    """
    for name, answer in pieces.answers.items():
        alone = Pieces({name: answer})
        with alone.guarded(name):
            if name in TASKS:
                own = TASKS[name]()
                with alone.in_the_library():
                    found = TASKS[name]()
            elif name in BESIDE:
                found, own = BESIDE[name].compare(answer)
            else:
                continue
            size = largest_error(numpy.asarray(found, dtype=float), numpy.asarray(own, dtype=float))
        pieces.aside |= alone.aside
        if not alone.aside:
            yield name, size, BESIDE[name].why if name in BESIDE else ""


def form(value: Any) -> Any:
    """The shape of an array or tensor, () for a number, a tuple of forms for a list or tuple, else the type."""
    if isinstance(value, (Tensor, numpy.ndarray)):
        return value.shape
    if isinstance(value, (list, tuple)):
        return tuple(map(form, value))
    return () if isinstance(value, (int, float, numpy.number)) else type(value)


def is_finite(value: Any) -> bool:
    """Whether no number in an array, a tensor, or a list or tuple of them is NaN or infinite."""
    if isinstance(value, (list, tuple)):
        return all(map(is_finite, value))
    array = value.array if isinstance(value, Tensor) else value
    if isinstance(array, (float, numpy.ndarray, numpy.number)):
        return bool(numpy.isfinite(array).all())
    return True


def fits(found: Any, expected: Any) -> bool:
    """Whether two forms are equal; where nothing is expected, such as a cotangent that nobody asked for, anything fits."""
    if expected is type(None):
        return True
    if not isinstance(expected, tuple) or not isinstance(found, tuple) or len(found) != len(expected):
        return bool(found == expected)
    return all(map(fits, found, expected))


def difference(found: Any, expected: Any) -> str:
    """What is wrong with a result whose values are not compared, or ""."""
    if not fits(form(found), form(expected)):
        return f"expected a result of shape {form(expected)}, got {form(found)}"
    wrong = is_finite(expected) and not is_finite(found)
    return "NaN or infinity in a result that should be finite" if wrong else ""
