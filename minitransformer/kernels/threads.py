"""Rows shared out among threads: NumPy lets go of the interpreter's lock inside large array routines."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers(), thread_name_prefix="kernels")


@cache
def workers() -> int:
    """How many threads are worth starting: the processors this process may use, eight at most."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, 8)


def over_chunks(n: int, chunk: int, work: Callable[[int, int], None]) -> None:
    """Call `work(start, stop)` for the pieces of range(n), about `chunk` long, on all threads; small n stays on this one."""
    pieces = [(i, min(i + chunk, n)) for i in range(0, n, chunk)]
    if len(pieces) < 2 or workers() == 1:
        for start, stop in pieces:
            work(start, stop)
    else:
        list(_pool().map(lambda piece: work(*piece), pieces))
