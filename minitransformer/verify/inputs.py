"""Makers of test inputs: functions of a random generator that return an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
from numpy.typing import ArrayLike

Maker = Callable[[numpy.random.Generator], numpy.ndarray[Any, Any]]


def normal(*shape: int) -> Maker:
    """Normal random numbers with mean 0 and variance 1.

    Args:
        *shape: The shape of the array.

    Returns:
        The maker of such an array.
    """
    return lambda random: numpy.asarray(random.standard_normal(shape))


def positive(*shape: int) -> Maker:
    """Uniform random numbers from 1/2 to 2.

    Args:
        *shape: The shape of the array.

    Returns:
        The maker of such an array.
    """
    return lambda random: numpy.asarray(random.uniform(0.5, 2, shape))


def uniform(low: float, high: float, *shape: int) -> Maker:
    """Uniform numbers between two limits.

    Args:
        low: The lower limit.
        high: The upper limit.
        *shape: The shape.

    Returns:
        The maker.
    """
    return lambda random: random.uniform(low, high, shape)


def ids(below: int, *shape: int) -> Maker:
    """Random integers from 0 to `below` - 1.

    Args:
        below: The number of different integers.
        *shape: The shape of the array.

    Returns:
        The maker of such an array.
    """
    return lambda random: random.integers(0, below, shape)


def given(values: ArrayLike) -> Maker:
    """Fixed values.

    Args:
        values: The values.

    Returns:
        A maker that always returns them.
    """
    return lambda random: numpy.array(values)
