"""Which kernels work on NumPy's arrays: Numba's where it is installed, or what the environment says."""

from __future__ import annotations

import functools
import os
from importlib.machinery import PathFinder

from minitransformer.installing import install_line

VARIABLE = "MINITRANSFORMER_KERNELS"


def usable() -> tuple[str, ...]:
    """The kernels for arrays on the host that can be chosen. Numba is looked for, not imported: that takes half a second.

    Returns:
        ("numpy",), or where Numba is installed ("numpy", "numba").
    """
    return ("numpy", "numba") if PathFinder.find_spec("numba") else ("numpy",)


@functools.cache
def chosen() -> str:
    """The kernels for arrays on the host. They are chosen once, when the first of them is asked for.

    Returns:
        What the environment variable MINITRANSFORMER_KERNELS says, else the last that can be chosen: "numpy" or "numba".

    Raises:
        ValueError: the variable names no kernels.
        ImportError: it says "numba", and Numba is not installed.
    """
    told = os.environ.get(VARIABLE) or usable()[-1]
    if told not in ("numpy", "numba"):
        raise ValueError(f"{VARIABLE}: expected 'numpy' or 'numba', got {told!r}")
    if told not in usable():
        raise ImportError(f"{VARIABLE} says 'numba', which is not installed: {install_line('[fast]')}")
    return told
