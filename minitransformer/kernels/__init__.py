"""The few array routines worth a fast version for each array library.

`reference` defines them in plain code that runs on any library; `numpy` and `cupy` replace some of them. `of(array)` gives the
module to use for an array: `kernels.of(x).softmax(x, -1)`.
"""

from __future__ import annotations

from types import ModuleType

from minitransformer import backends
from minitransformer.kernels import numpy, reference
from minitransformer.kernels.memory import keep_freed_memory

__all__ = ["of", "reference"]

keep_freed_memory()


def of(array: backends.Array) -> ModuleType:
    """The fastest routines for the library that made `array`."""
    if isinstance(array, backends.HOST):
        return numpy
    from minitransformer.kernels import cupy  # only where there is such an array

    return cupy
