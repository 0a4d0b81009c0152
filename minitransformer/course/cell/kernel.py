"""What Linux can do and Python has no name for: by ctypes, and nothing at all on other systems."""

from __future__ import annotations

import ctypes
import os
import platform
import sys

LINUX = sys.platform == "linux"
# as the kernel calls them in a filter of system calls
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINE = platform.machine() if LINUX and sys.maxsize > 2**32 else ""
LIBC = ctypes.CDLL(None, use_errno=True) if LINUX else None


def call(function: str, *arguments: int | bytes | ctypes.Array | None) -> int:
    """A function of the C library, whole numbers as long ones. Raises OSError."""
    result = getattr(LIBC, function)(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{function}: {os.strerror(ctypes.get_errno())}")
    return result


def control(option: int, value: int = 0) -> int:
    """prctl, of which the options here take one number. Raises OSError."""
    return call("prctl", option, value, 0, 0, 0)
