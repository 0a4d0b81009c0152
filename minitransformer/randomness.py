"""The random generator that the whole library uses; a rank that is a thread has its own.

Several ranks may share out the rows of one batch, or the channels or heads of one layer. All of them then draw the random numbers
of the whole, from generators in the same state, and each takes its own: what is drawn does not depend on the number of ranks.
"""

from __future__ import annotations

import copy
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeAlias

import numpy

from minitransformer.settings import Held, setting

Drawing: TypeAlias = (
    "numpy.random.Generator | None"  # of one call; text, since the import of `numpy.random` takes time
)
Shape: TypeAlias = tuple[int, ...]

# The generator behind every random number. It draws on the host, so that both backends see the same numbers.
# None until the first random number: the import of `numpy.random` takes time
_generator: Held[numpy.random.Generator | None] = Held("generator", None)


class Rows(NamedTuple):
    """The rows of a batch that this rank has.

    Attributes:
        first: the number of the first.
        mine: how many.
        total: how many the whole batch has.
    """

    first: int
    mine: int
    total: int


class Part(NamedTuple):
    """Which of equal parts along a dimension this rank has, where several compute one layer together.

    Attributes:
        dim: the dimension, counted from the end: below 0.
        place: the number of the part.
        size: how many parts there are.
    """

    dim: int
    place: int
    size: int


own_rows: ContextVar[Rows | None] = ContextVar("own rows", default=None)
own_part: ContextVar[Part | None] = ContextVar("own part", default=None)


def manual_seed(seed: int | None) -> None:
    """Start the random numbers of initial weights, dropout, shuffles and samples anew.

    Args:
        seed: equal seeds give equal numbers; None gives others each time.
    """
    _generator.set(numpy.random.default_rng(seed))


def use(generator: numpy.random.Generator) -> None:
    """Draw all random numbers from a given generator from now on.

    Args:
        generator: NumPy's.
    """
    _generator.set(generator)


def drawing(chosen: Drawing) -> numpy.random.Generator:
    """The source of the random numbers of one call.

    Args:
        chosen: the generator that was given; None means the one in use.

    Returns:
        NumPy's generator.
    """
    return generator() if chosen is None else chosen


def generator() -> numpy.random.Generator:
    """The generator in use; its `bit_generator.state` is part of a checkpoint.

    Returns:
        NumPy's generator.
    """
    found = _generator.get()
    if found is None:
        _generator.set(found := numpy.random.default_rng())
    return found


def apart() -> setting:
    """Inside this block, random numbers come from a copy of the generator in use: what is drawn here changes nothing outside.

    Returns:
        A context manager.
    """
    return _generator.apart(copy.deepcopy(generator()))


def whole(shape: Shape) -> Shape:
    """The shape of an array for the whole batch and layer, where this rank has some of its rows, or a part of its channels.

    Args:
        shape: (n, ..) of this rank's array, with one or more entries for each of its rows.

    Returns:
        (N, ..); `shape` itself where nothing is shared out.

    Raises:
        ValueError: the first dimension does not hold this rank's rows.
    """
    rows, part = own_rows.get(), own_part.get()
    if part is not None:
        dim = len(shape) + part.dim
        shape = (*shape[:dim], shape[dim] * part.size, *shape[dim + 1 :])
    if rows is None:
        return shape
    if not shape or shape[0] % max(rows.mine, 1) or (shape[0] and not rows.mine):
        what = f"expected this rank's {rows.mine} rows along the first dimension, got shape {shape}"
        raise ValueError(f"a batch that is shared out: {what}; use batch_first=True")
    return (shape[0] // max(rows.mine, 1) * rows.total, *shape[1:])


def own(drawn: Any) -> Any:
    """What of an array for the whole batch and layer is this rank's.

    Args:
        drawn: (N, ..), of the shape that `whole` gave.

    Returns:
        (n, ..); `drawn` itself where nothing is shared out.
    """
    rows, part = own_rows.get(), own_part.get()
    if rows is not None:
        each = len(drawn) // rows.total  # entries for each row
        drawn = drawn[rows.first * each : (rows.first + rows.mine) * each]
    if part is not None:
        n = drawn.shape[part.dim] // part.size
        behind = (slice(None),) * (-part.dim - 1)
        drawn = drawn[(..., slice(part.place * n, (part.place + 1) * n), *behind)]
    return drawn
