"""The array libraries: which one an array belongs to, and the dtypes they share; and PyTorch's settings of other libraries."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, TypeAlias

import numpy

from minitransformer.backends import cuda, cudnn, mps
from minitransformer.installing import cupy_line

Array: TypeAlias = Any  # numpy.ndarray or cupy.ndarray
Arrays: TypeAlias = tuple[Any, ...]  # None in place of one that nobody needs
DType: TypeAlias = numpy.dtype[Any] | type[Any]
HOST = (numpy.ndarray, numpy.generic)

float16, float32, float64 = (numpy.dtype(name) for name in ("float16", "float32", "float64"))
int8, int16, int32, int64 = (numpy.dtype(name) for name in ("int8", "int16", "int32", "int64"))
uint8 = numpy.dtype("uint8")
bool_ = numpy.dtype("bool")


def namespace(array: Array) -> ModuleType:
    """The library that made an array.

    Args:
        array: of NumPy or CuPy.

    Returns:
        The module `numpy` or `cupy`.
    """
    return numpy if isinstance(array, HOST) else cupy()


def cupy() -> ModuleType:
    """CuPy, imported by the first call.

    Returns:
        The module `cupy`.

    Raises:
        ImportError: CuPy is not installed; the message says what to install.
    """
    try:
        return importlib.import_module("cupy")
    except ModuleNotFoundError as error:
        raise ImportError(f"the device 'cuda' needs CuPy, which is not installed: {cupy_line()}") from error
