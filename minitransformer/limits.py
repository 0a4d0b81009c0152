"""The limits of dtypes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy

from minitransformer.backends import DType, float32
from minitransformer.brain_float import FLOATS, limits


@dataclass(frozen=True)
class finfo:
    """The limits of a floating-point dtype, as Python numbers.

    Args:
        type: the dtype; float32 unless given.

    Attributes:
        dtype: its name.
        bits: how many a number takes.
        eps: the distance from 1 to the next larger number.
        max: the largest number.
        min: the smallest, -max.
        tiny: the smallest positive number of full precision.
        smallest_normal: the same.
        resolution: about how exact a decimal number is held, such as 1e-6.

    Raises:
        TypeError: the dtype is another kind.
    """

    type: DType = field(default=float32, repr=False)
    dtype: str = field(init=False)
    bits: int = field(init=False)
    eps: float = field(init=False)
    max: float = field(init=False)
    min: float = field(init=False)
    tiny: float = field(init=False)
    smallest_normal: float = field(init=False)
    resolution: float = field(init=False)

    def __post_init__(self) -> None:
        if numpy.dtype(self.type).kind not in FLOATS:
            raise TypeError(f"finfo: expected a floating-point dtype, got {self.type}; iinfo has integers")
        found = limits(self.type)
        known = {"dtype": numpy.dtype(self.type).name, "bits": int(found.bits)}
        names = ("eps", "max", "min", "tiny", "smallest_normal", "resolution")
        for name, value in {**known, **{name: float(getattr(found, name)) for name in names}}.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class iinfo:
    """The limits of an integer dtype.

    Args:
        type: the dtype.

    Attributes:
        dtype: its name.
        bits: how many a number takes.
        max: the largest number.
        min: the smallest.

    Raises:
        TypeError: the dtype is another kind.
    """

    type: DType = field(repr=False)
    dtype: str = field(init=False)
    bits: int = field(init=False)
    max: int = field(init=False)
    min: int = field(init=False)

    def __post_init__(self) -> None:
        if numpy.dtype(self.type).kind not in "iu":
            raise TypeError(f"iinfo: expected an integer dtype, got {self.type}; finfo has real numbers")
        limits = numpy.iinfo(self.type)
        found = {"dtype": numpy.dtype(self.type).name, "bits": limits.bits}
        for name, value in {**found, "max": int(limits.max), "min": int(limits.min)}.items():
            object.__setattr__(self, name, value)
