"""The random generator that the whole library uses."""

from __future__ import annotations

from typing import TypeAlias

import numpy

Drawing: TypeAlias = (
    "numpy.random.Generator | None"  # of one call; text, since the import of `numpy.random` takes time
)


class _Random:
    """The generator behind every random number. It draws on the host, so that both backends see the same numbers."""

    # None until the first random number: the import of `numpy.random` takes time
    generator: numpy.random.Generator | None = None


def manual_seed(seed: int | None) -> None:
    """Start the random numbers of initial weights, dropout, shuffles and samples anew.

    Args:
        seed: equal seeds give equal numbers; None gives others each time.
    """
    _Random.generator = numpy.random.default_rng(seed)


def use(generator: numpy.random.Generator) -> None:
    """Draw all random numbers from a given generator from now on.

    Args:
        generator: NumPy's.
    """
    _Random.generator = generator


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
    if _Random.generator is None:
        _Random.generator = numpy.random.default_rng()
    return _Random.generator
