"""bfloat16: the upper two bytes of a float32, of its range but with 8 binary digits. NumPy gets it from the package ml_dtypes.

An op on bfloat16 computes in float32, and its result is rounded once. Until the dtype is first asked for, nothing here costs time.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy

from minitransformer.backends import Array, Arrays, float32
from minitransformer.installing import install_line

KIND = "V"  # what NumPy calls the kind of a dtype that it does not know
FLOATS = "fV"  # the kinds of floating-point dtypes
KNOWN: list[numpy.dtype[Any]] = []  # the dtype, once it was asked for, so that there may be arrays of it


def bfloat16() -> numpy.dtype[Any]:
    """The dtype.

    Returns:
        A dtype of NumPy's.

    Raises:
        ImportError: ml_dtypes is not installed; the message says what to install.
    """
    if not KNOWN:
        try:
            KNOWN.append(numpy.dtype(importlib.import_module("ml_dtypes").bfloat16))
        except ModuleNotFoundError as error:
            line = install_line("[bfloat16]")
            raise ImportError(f"bfloat16 needs ml_dtypes, which is not installed: {line}") from error
    return KNOWN[0]


def limits(dtype: Any) -> Any:
    """The limits of a floating-point dtype.

    Args:
        dtype: of NumPy's, or bfloat16.

    Returns:
        What `numpy.finfo` gives, or that of ml_dtypes.
    """
    narrow = numpy.dtype(dtype).kind == KIND
    return importlib.import_module("ml_dtypes").finfo(dtype) if narrow else numpy.finfo(dtype)


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


def narrow_from_bits(bits: numpy.ndarray) -> numpy.ndarray:
    """The numbers whose bits these are, in as little memory as can be.

    Args:
        bits: uint16, any shape.

    Returns:
        The same shape: bfloat16; without ml_dtypes a warning and float32, which holds each of its values.
    """
    try:
        return bits.view(bfloat16())
    except ImportError as error:
        warnings.warn(f"bfloat16 is read as float32: {error}", stacklevel=2)
        return from_bits(bits)


def promoted(a: Any, b: Any) -> Any:
    """The dtype that holds the values of two.

    Args:
        a: a dtype.
        b: a dtype.

    Returns:
        NumPy's answer; float32 for bfloat16 and float16, of which it has none.
    """
    return (
        float32 if {a.kind, b.kind} == set(FLOATS) and a.itemsize == b.itemsize else numpy.promote_types(a, b)
    )


# ---- the laws of ops ----


def widened(array: Any) -> Any:
    """An array as ops compute with it.

    Args:
        array: an array, a tuple of them, or what else an op may be given.

    Returns:
        bfloat16 as float32; anything else as it is.
    """
    if isinstance(array, tuple):
        return tuple(map(widened, array))
    return array.astype(float32) if _is_narrow(array) else array


def _is_narrow(array: Any) -> bool:
    return hasattr(array, "dtype") and array.dtype.kind == KIND


def forward(op: Any, arrays: Sequence[Any]) -> Any:
    """The forward law of an op on arrays of which some may be bfloat16.

    Args:
        op: its attribute `widened` says whether it computes, and so gets float32; `rounded` whether its result is bfloat16 again.
        arrays: its inputs.

    Returns:
        What the law gives: bfloat16 if all its floating-point inputs are.
    """
    kinds = {a.dtype.kind for a in arrays if hasattr(a, "dtype")}
    if KIND not in kinds:
        return op.forward(*arrays)
    result = op.forward(*map(widened, arrays)) if op.widened else op.forward(*arrays)
    return _rounded(result) if op.rounded and "f" not in kinds else result


def _rounded(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(map(_rounded, result))
    return result.astype(bfloat16()) if result.dtype.kind == "f" else result


def vjp(op: Any, g: Array, read: Sequence[Array]) -> Arrays:
    """The vjp law of an op on arrays of which some may be bfloat16.

    Args:
        op: the op, with its inputs.
        g: the cotangent of its output.
        read: what the law reads after it.

    Returns:
        The cotangent of each input, of its dtype.
    """
    found = op.vjp(widened(g), *map(widened, read))
    narrow = [_is_narrow(getattr(t, "array", None)) for t in op.inputs]
    pairs = zip(found, narrow, strict=False)
    return tuple(c.astype(bfloat16()) if half and c is not None else c for c, half in pairs)
