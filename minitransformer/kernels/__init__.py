"""The few array routines that are worth a fast version for each array library.

`reference` defines every routine in plain array code. Its docstrings give the formula and the shapes of the arguments and results;
those of the fast versions say what they do differently. `numpy` and `cupy` have the same names: each module defines the routines
that it replaces, and imports the others from `reference` by name, so that its first lines show which ones are not replaced.
`of(array)` gives the module for the library that made an array: `kernels.of(x).softmax(x, -1)`. A function knows its home:

>>> import numpy
>>> from minitransformer import kernels
>>> kernels.of(numpy.ones(1)).gelu.__module__, kernels.of(numpy.ones(1)).softmax.__module__
('minitransformer.kernels.numpy', 'minitransformer.kernels.reference')

Importing this package changes one setting of the whole process, on Linux with glibc: memory that is freed stays with the
process, see `memory.keep_freed_memory`.
"""

from __future__ import annotations

from types import ModuleType

from minitransformer import backends
from minitransformer.kernels import numpy, reference
from minitransformer.kernels.memory import keep_freed_memory

__all__ = ["of", "reference"]

keep_freed_memory()


def of(array: backends.Array) -> ModuleType:
    """The module of kernels for the library that made `array`.

    Args:
        array: a NumPy or CuPy array of any shape and dtype.

    Returns:
        `minitransformer.kernels.numpy` or `minitransformer.kernels.cupy`.
    """
    if isinstance(array, backends.HOST):
        return numpy
    from minitransformer.kernels import cupy  # imported only where a CuPy array exists

    return cupy
