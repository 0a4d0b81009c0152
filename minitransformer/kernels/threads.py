"""Work shared out among threads: NumPy lets go of the interpreter's lock inside large array routines."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy


@cache
def workers() -> int:
    """How many threads are worth having: the processors this process may use, eight at most."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, 8)


@cache
def _pool(process: int) -> ThreadPoolExecutor:  # a forked child has none of its parent's threads, and gets its own
    return ThreadPoolExecutor(max(workers() - 1, 1), thread_name_prefix="kernels")


def share_out(n: int, work: Callable[[int, int], None], at_least: int = 1) -> None:
    """Call `work(start, stop)` for equal parts of range(n), one a thread, none shorter than `at_least`."""
    parts = max(min(workers(), n // at_least), 1)
    bounds = [n * i // parts for i in range(parts + 1)]
    others = [_pool(os.getpid()).submit(work, *bounds[i : i + 2]) for i in range(parts - 1)]
    try:
        work(*bounds[-2:])
    finally:
        for other in others:
            other.result()


@cache
def _blas():
    """The functions (get, set) of the number of threads of NumPy's own OpenBLAS, or None if it has another library."""
    home = Path(numpy.__file__).parent
    for library in [*home.parent.glob("numpy.libs/*openblas*"), *home.glob(".dylibs/*openblas*")]:
        loaded = ctypes.CDLL(str(library))
        for name in ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads"):
            if hasattr(loaded, name.format("set")):
                return getattr(loaded, name.format("get")), getattr(loaded, name.format("set"))
    return None


@contextlib.contextmanager
def one_blas_thread() -> Iterator[bool]:
    """Inside, each thread multiplies its matrices alone instead of waiting for the other's turn; False if that cannot be."""
    if _blas() is None:
        yield False
        return
    get, set_ = _blas()
    before = get()
    set_(1)
    try:
        yield True
    finally:
        set_(before)


def share_products(n: int, work: Callable[[int, int], None], at_least: int = 1) -> None:
    """`share_out` for work made of matrix products; all of it in this thread where OpenBLAS cannot be told to keep to one."""
    with one_blas_thread() as alone:
        if alone:
            share_out(n, work, at_least)
        else:
            work(0, n)
