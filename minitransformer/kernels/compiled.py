"""The loops of `loops`, each compiled by Numba when it is first asked for, and kept on the disk for the next process."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from minitransformer.files import one_line


@functools.cache
def works() -> bool:
    """Whether Numba can be imported; a warning says why not, once: it may be too old for the NumPy or the Python beside it.

    Returns:
        True or False.
    """
    try:
        _loops()
    except Exception as error:
        what = f"Numba is installed, but {one_line(error)}"
        warnings.warn(
            f"{what}; NumPy's kernels are used instead, as with MINITRANSFORMER_KERNELS=numpy", stacklevel=2
        )
        return False
    return True


@functools.cache
def _loops() -> Any:
    """The module of the loops, of which Numba has been told what they call."""
    extending = importlib.import_module("numba.extending")
    loops = importlib.import_module("minitransformer.kernels.loops")
    for function, options in loops.CALLED:
        extending.register_jitable(**options)(function)
    for function, choice in loops.BY_TYPE.items():
        extending.overload(function, jit_options=loops.EXACT)(choice)
    return loops


@functools.cache
def compiled(name: str, dtype: np.dtype) -> Callable[..., None]:
    """A loop for one dtype. The first call imports Numba, which takes about half a second.

    Numba keeps compiled code beside the source, else in the user's cache folder. If neither can be written, or what lies there
    cannot be read, the loop is compiled for this process alone. Each dtype has a name, and so files, of its own: in one
    index, two processes that compile for two dtypes at once would write one's code under the other's dtype.

    Args:
        name: of a function of `loops`.
        dtype: float32 or float64, of its numbers.

    Returns:
        The compiled function.
    """
    numba, loops = importlib.import_module("numba"), _loops()
    loop = vars(loops)[name]
    own = FunctionType(loop.__code__, loop.__globals__, f"{name}_{dtype}")
    own.__qualname__ = own.__name__
    kept, not_kept = (
        numba.njit(_signature(loop, dtype), cache=cache, **loops.SUMS) for cache in (True, False)
    )
    try:
        return kept(own)
    # no folder that can be written, a full disk; or whatever a damaged file leads to
    except Exception as error:
        _tell_once(one_line(error) or type(error).__name__)
        return not_kept(own)


@functools.cache
def _tell_once(why: str) -> None:
    what = f"compiled kernels are not kept on the disk, or not found there ({why}), so that each process compiles them anew"
    warnings.warn(f"{what}; NUMBA_CACHE_DIR names another folder for them", stacklevel=4)


def _signature(loop: Callable[..., None], dtype: np.dtype) -> tuple[Any, ...]:
    """The types of a loop's arguments, by the names in its annotations."""
    kinds = _kinds(dtype)
    return tuple(kinds[kind] for argument, kind in loop.__annotations__.items() if argument != "return")


@functools.cache
def _kinds(dtype: np.dtype) -> dict[str, Any]:
    """Numba's type for each name in an annotation. Arrays are contiguous; those that are only read may be read-only."""
    numba = importlib.import_module("numba")
    number = numba.from_dtype(dtype)
    dimensions = {"Numbers": 1, "Rows": 2, "Heads": 4}
    read = {kind: numba.types.Array(number, n, "C", readonly=True) for kind, n in dimensions.items()}
    written = {f"To{kind}": numba.types.Array(number, n, "C") for kind, n in dimensions.items()}
    ids = numba.types.Array(numba.int64, 1, "C", readonly=True)
    allowed = numba.types.Array(numba.boolean, 4, "C", readonly=True)
    others = {"Number": number, "Single": numba.float32, "Count": numba.int64, "Key": numba.uint64}
    return {**read, **written, **others, "Ids": ids, "Allowed": allowed}
