"""The library with a learner's own pieces in it. A piece that fails there is no longer used; the library's code takes over."""

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
    """Load the learner's pieces that pass their check now.

    Args:
        workspace: the learner's folder.

    Returns:
        The pieces.
    """
    passed = [name for name in catalogue.exercise_names() if workspace.check(name).passed]
    found = Pieces({})
    for name in passed:
        with found.guarded(name):
            found.answers[name] = piece(workspace, name)
    return found


def piece(workspace: Workspace, name: str) -> Callable:
    """Load one piece in this process. Exceptions of the learner's file are passed on.

    Args:
        workspace: the learner's folder.
        name: the exercise.

    Returns:
        The learner's function or class.
    """
    return load(workspace.file_of(catalogue.lesson_of(name)), name)


class Pieces:
    """The learner's pieces, and why some of them are no longer used.

    Args:
        answers: exercise -> the learner's function or class.

    Attributes:
        answers: the same.
        aside: exercise -> why its piece is no longer used.
        last: the exercise whose piece was used last; None if none was.
    """

    def __init__(self, answers: Mapping[str, Callable]):
        self.answers = dict(answers)
        self.aside: dict[str, str] = {}
        self.last: str | None = None

    def set_aside(self, name: str, error: BaseException) -> None:
        """Stop using a piece.

        Args:
            name: the exercise.
            error: what the piece raised; the reason that is shown.
        """
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, TooLong):
            reason = f"one call took longer than {PATIENCE} s"
        self.aside.setdefault(name, reason)

    def blame(self, error: BaseException) -> bool:
        """Stop using the piece that was used last, because the library raised an error after it.

        Args:
            error: the error.

        Returns:
            False if no piece was used.
        """
        if self.last is None:
            return False
        self.set_aside(self.last, error)
        self.last = None
        return True

    @contextlib.contextmanager
    def guarded(self, name: str) -> Iterator[None]:
        """If the block raises or takes too long, it ends without an exception, and the piece is no longer used.

        Args:
            name: the exercise.
        """
        try:
            with at_most(PATIENCE):
                yield
        except FAILURES as error:
            self.set_aside(name, error)

    @contextlib.contextmanager
    def in_the_library(self) -> Iterator[None]:
        """Inside this block the library uses the pieces that have a seam; afterwards its own code again."""
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
        """The function that replaces the library's `own`: it calls the learner's piece, or `own` where the piece cannot be used.

        A result gets the dtype of the library's: most exercises do not ask for one, so that float64 may come out of float32.
        """
        confirmed: dict[
            Any, Any
        ] = {}  # shapes and dtypes of arguments, shapes of the result -> dtypes of the library's result

        @wraps(own)
        def answer(*args: Any, **kwargs: Any) -> Any:
            found = NotImplemented
            if name not in self.aside:
                with self.guarded(name):
                    found = seam.fit(self.answers[name], own, *args, **kwargs)
            if found is NotImplemented:
                return own(*args, **kwargs)
            self.last = name
            given = args, tuple(kwargs.values())
            forms = form(given), dtypes(given), form(found)
            if not seam.pure:
                return found
            if forms not in confirmed or not is_finite(found):
                expected = own(*args, **kwargs)
                if wrong := difference(found, expected):
                    self.set_aside(name, ValueError(wrong))
                    return expected
                confirmed[forms] = dtypes(expected)
            return converted(found, confirmed[forms])

        return answer


def differences(pieces: Pieces) -> Iterator[tuple[str, float, str]]:
    """Compare each piece that a tour's models do not use with the library's own code.

    Args:
        pieces: the learner's pieces; those that fail are no longer used.

    Yields:
        (exercise, largest difference as a share of the largest number, why the piece has no seam in the library or "").
    """
    for name, answer in pieces.answers.items():
        alone = Pieces({name: answer})
        with alone.guarded(name):
            if name in BESIDE:
                found, own = BESIDE[name].compare(answer)
            elif name in TASKS:
                own = TASKS[name]()
                with alone.in_the_library():
                    found = TASKS[name]()
            else:
                continue
            size = largest_error(numpy.asarray(found, dtype=float), numpy.asarray(own, dtype=float))
        pieces.aside |= alone.aside
        if not alone.aside:
            yield name, size, BESIDE[name].why if name in BESIDE else ""


def form(value: Any) -> Any:
    """A description of a value by its shapes, to compare two results.

    Args:
        value: anything.

    Returns:
        The shape of an array or tensor; () for a number; a tuple of forms for a list or tuple; else the type.
    """
    if isinstance(value, (Tensor, numpy.ndarray)):
        return value.shape
    if isinstance(value, (list, tuple)):
        return tuple(map(form, value))
    return () if isinstance(value, (int, float, numpy.number)) else type(value)


def dtypes(value: Any) -> Any:
    """The dtypes of arrays and tensors.

    Args:
        value: anything.

    Returns:
        The dtype of an array or tensor; a tuple of them for a list or tuple; None for anything else.
    """
    if isinstance(value, (list, tuple)):
        return tuple(map(dtypes, value))
    return value.dtype if isinstance(value, (Tensor, numpy.ndarray)) else None


def converted(value: Any, wanted: Any) -> Any:
    """A result with the wanted dtypes where both are floating-point numbers.

    Args:
        value: an array, a tensor, or a list or tuple of these; anything else stays as it is.
        wanted: from `dtypes`.

    Returns:
        The result.
    """
    if isinstance(value, (list, tuple)) and isinstance(wanted, tuple) and len(value) == len(wanted):
        return type(value)(map(converted, value, wanted))
    if not isinstance(value, (Tensor, numpy.ndarray)) or not isinstance(wanted, numpy.dtype):
        return value
    if value.dtype == wanted or value.dtype.kind != "f" or wanted.kind != "f":
        return value
    return Tensor(value.array.astype(wanted)) if isinstance(value, Tensor) else value.astype(wanted)


def is_finite(value: Any) -> bool:
    """Whether a value contains neither NaN nor infinity.

    Args:
        value: an array, a tensor, a number, or a list or tuple of these; True for anything else.

    Returns:
        True or False.
    """
    if isinstance(value, (list, tuple)):
        return all(map(is_finite, value))
    array = value.array if isinstance(value, Tensor) else value
    if isinstance(array, (float, numpy.ndarray, numpy.number)):
        return bool(numpy.isfinite(array).all())
    return True


def fits(found: Any, expected: Any) -> bool:
    """Whether two forms are equal. Where None is expected, such as for a gradient that is not needed, anything fits.

    Args:
        found: from `form`.
        expected: from `form`.

    Returns:
        True or False.
    """
    if expected is type(None):
        return True
    if not isinstance(expected, tuple) or not isinstance(found, tuple) or len(found) != len(expected):
        return bool(found == expected)
    return all(map(fits, found, expected))


def difference(found: Any, expected: Any) -> str:
    """Compare the shapes of two results, and whether they are finite; their values may differ.

    Args:
        found: the learner's result.
        expected: the library's.

    Returns:
        What is wrong, in words, or "".
    """
    if not fits(form(found), form(expected)):
        return f"expected a result of shape {form(expected)}, got {form(found)}"
    wrong = is_finite(expected) and not is_finite(found)
    return "NaN or infinity in a result that should be finite" if wrong else ""
