"""Makers of test inputs: functions of a random generator that return an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
from numpy.typing import ArrayLike

Maker = Callable[[numpy.random.Generator], numpy.ndarray[Any, Any]]


def normal(*shape: int) -> Maker:
    """Normal random numbers with mean 0 and variance 1."""
    return lambda random: numpy.asarray(random.standard_normal(shape))


def positive(*shape: int) -> Maker:
    """Uniform random numbers from 1/2 to 2."""
    return lambda random: numpy.asarray(random.uniform(0.5, 2, shape))


def ids(below: int, *shape: int) -> Maker:
    """Random integers from 0 to `below` - 1."""
    return lambda random: random.integers(0, below, shape)


def given(values: ArrayLike) -> Maker:
    """These values, whatever the generator."""
    return lambda random: numpy.array(values)
