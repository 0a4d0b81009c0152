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
