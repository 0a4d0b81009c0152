"""Let the process keep the memory it frees: every training step asks for the same sizes again.

By default glibc hands large arrays back to Linux at once, and Linux fills them with zeros anew, page by page, whenever the
next op asks: a tenth to a quarter of a training step. Kept memory is used again; what a process once took it holds until it
ends. Other systems are left as they are.
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
MMAP_FROM = 32 << 20  # bytes: the most that glibc takes
TRIM_FROM = (1 << 31) - 1


def keep_freed_memory() -> None:
    """Tell glibc, where it is there."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, MMAP_FROM)
        mallopt(M_TRIM_THRESHOLD, TRIM_FROM)
