"""Work shared out among threads: NumPy lets go of the interpreter's lock inside large array routines."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy


@cache
def workers() -> int:
    """How many threads are worth having: the processors this process may use, eight at most."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, 8)


class _Helper(threading.Thread):
    """A thread that waits for work. Two bare locks wake it and tell that it is done: a third of an executor's cost."""

    def __init__(self):
        super().__init__(name="kernels", daemon=True)
        self.go, self.done = threading.Lock(), threading.Lock()
        self.go.acquire()
        self.done.acquire()
        self.start()

    def run(self) -> None:
        while self.go.acquire():
            try:
                self.work(self.start_at, self.stop_at)
            except BaseException as error:  # raised where the work was given out
                self.error = error
            self.work = None
            self.done.release()

    def begin(self, work: Callable[[int, int], None], start: int, stop: int) -> None:
        self.work, self.start_at, self.stop_at, self.error = work, start, stop, None
        self.go.release()

    def end(self) -> BaseException | None:
        """What it raised, when it is done. Parts are of equal size: to fall asleep and be woken takes longer than to ask again."""
        while not self.done.acquire(blocking=False):
            time.sleep(0)
        error, self.error = self.error, None
        return error


@cache
def _helpers(process: int) -> tuple[threading.Lock, list[_Helper]]:
    """The helpers, and who uses them. (A forked child has none of its parent's threads, and gets its own.)"""
    return threading.Lock(), [_Helper() for _ in range(workers() - 1)]


def share_out(n: int, work: Callable[[int, int], None], at_least: int = 1) -> None:
    """Call `work(start, stop)` for equal parts of range(n), one a thread, none shorter than `at_least`.

    All of it is done here if another thread has the helpers.
    """
    parts = max(min(workers(), n // at_least), 1)
    in_use, helpers = _helpers(os.getpid())
    if parts == 1 or not in_use.acquire(blocking=False):
        return work(0, n)
    try:
        _share(helpers[: parts - 1], work, [n * i // parts for i in range(parts + 1)])
    except BaseException:  # such as Ctrl-C: helpers may still be at it, so the next call gets others
        _helpers.cache_clear()
        raise
    finally:
        in_use.release()


def _share(helpers: list[_Helper], work: Callable[[int, int], None], bounds: list[int]) -> None:
    for i, helper in enumerate(helpers):
        helper.begin(work, *bounds[i : i + 2])
    try:
        work(*bounds[-2:])
    finally:
        errors = [error for helper in helpers if (error := helper.end())]
    if errors:
        raise errors[0]


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
