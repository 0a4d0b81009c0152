"""The few array routines that are worth a fast version for each array library.

`reference` defines every routine in plain array code. Its docstrings give the formula and the shapes of the arguments and results;
those of the fast versions say what they do differently. `numpy`, `numba` and `cupy` have the same names: each module defines the
routines that it replaces, and imports the others by name, `numba` from `numpy` and the others from `reference`, so that its first
lines show which ones are not replaced. `of(array)` gives the module for the library that made an array:
`kernels.of(x).softmax(x, -1)`. For NumPy's arrays that is `numba` where Numba is installed (see `choice`), else `numpy`.
A function knows its home:

>>> from minitransformer.kernels import numpy
>>> numpy.gelu.__module__, numpy.softmax.__module__
('minitransformer.kernels.numpy', 'minitransformer.kernels.reference')

Importing this package changes one setting of the whole process, on Linux with glibc: memory that is freed stays with the
process, see `memory.keep_freed_memory`.
"""

from __future__ import annotations

import functools
from types import ModuleType

from minitransformer import backends
from minitransformer.kernels import numba, numpy, reference
from minitransformer.kernels.choice import chosen
from minitransformer.kernels.memory import keep_freed_memory

__all__ = ["name_of", "of", "on_host", "reference"]

keep_freed_memory()


@functools.cache
def on_host() -> ModuleType:
    """The module of kernels for NumPy's arrays, from the first call to the end of the process.

    Returns:
        `minitransformer.kernels.numpy` or `minitransformer.kernels.numba`.
    """
    return {"numpy": numpy, "numba": numba}[chosen()]


def of(array: backends.Array) -> ModuleType:
    """The module of kernels for the library that made `array`.

    Args:
        array: a NumPy or CuPy array of any shape and dtype.

    Returns:
        `minitransformer.kernels.numpy`, `.numba` or `.cupy`.
    """
    if isinstance(array, backends.HOST):
        return on_host()
    from minitransformer.kernels import cupy  # imported only where a CuPy array exists

    return cupy


@functools.cache
def _version(package: str) -> str:
    from importlib import metadata  # here, as it takes 25 ms to load

    return metadata.version(package)


def name_of(array: backends.Array) -> str:
    """The kernels for an array, with the version of what compiled them: other ones round differently.

    Args:
        array: a NumPy or CuPy array of any shape and dtype.

    Returns:
        "numpy", "cupy", or such as "numba 0.68.1".
    """
    name = of(array).__name__.rpartition(".")[2]
    return f"numba {_version(name)}" if name == "numba" else name
