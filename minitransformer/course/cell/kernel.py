"""Calls of Linux's C library for which Python has no function, by ctypes. Other systems do not use this file."""

from __future__ import annotations

import ctypes
import os
import platform
import sys

LINUX = sys.platform == "linux"
# the numbers of machine types in a filter of system calls
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINE = platform.machine() if LINUX and sys.maxsize > 2**32 else ""
LIBC = ctypes.CDLL(None, use_errno=True) if LINUX else None


def call(function: str, *arguments: int | bytes | ctypes.Array | None) -> int:
    """Call a function of the C library.

    Args:
        function: its name.
        *arguments: integers are passed as C's long.

    Returns:
        Its result.

    Raises:
        OSError: if the result is negative.
    """
    result = getattr(LIBC, function)(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{function}: {os.strerror(ctypes.get_errno())}")
    return result


def control(option: int, value: int = 0) -> int:
    """Call prctl.

    Args:
        option: the number of an option that takes one integer.
        value: the integer.

    Returns:
        Its result.

    Raises:
        OSError: if it fails.
    """
    return call("prctl", option, value, 0, 0, 0)
