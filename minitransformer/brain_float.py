"""bfloat16, the upper two bytes of a float32. NumPy lacks it, so files that hold it are read as float32, which holds each value."""

from __future__ import annotations

import numpy


def from_bits(bits: numpy.ndarray) -> numpy.ndarray:
    """The numbers whose bits these are.

    Args:
        bits: uint16, any shape.

    Returns:
        float32, the same shape.
    """
    return (bits.astype("u4") << 16).view("f4")


def to_bits(array: numpy.ndarray) -> numpy.ndarray:
    """The bits of the nearest bfloat16 numbers, halfway between two of the even one. NaN stays NaN.

    Args:
        array: float32, any shape.

    Returns:
        uint16, the same shape.
    """
    bits = array.view("u4")
    rounded = numpy.where(numpy.isnan(array), bits | 0x400000, bits + 0x7FFF + (bits >> 16 & 1))
    return (rounded >> 16).astype("<u2")
