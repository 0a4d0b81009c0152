"""A job object of Windows: all processes in it end when the process that made it ends.

This follows Microsoft's documentation and has not been tested on Windows.
"""

from __future__ import annotations

import ctypes
import os
import subprocess

EXTENDED_LIMITS, KILL_ON_CLOSE = 9, 0x2000


def job_of(process: subprocess.Popen) -> int | None:
    """Put a process into a new job, which Windows closes when the current process ends, however it ends.

    Args:
        process: the process.

    Returns:
        The handle of the job; None on other systems.
    """
    if os.name != "nt":
        return None
    from ctypes import wintypes

    class Basic(ctypes.Structure):
        _fields_ = [
            ("per_process_time", ctypes.c_int64),
            ("per_job_time", ctypes.c_int64),
            ("flags", wintypes.DWORD),
            ("least", ctypes.c_size_t),
            ("most", ctypes.c_size_t),
            ("processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority", wintypes.DWORD),
            ("scheduling", wintypes.DWORD),
        ]

    class Extended(ctypes.Structure):
        _fields_ = [("basic", Basic), ("counters", ctypes.c_uint64 * 6), ("memory", ctypes.c_size_t * 4)]

    kernel = ctypes.WinDLL(  # type: ignore[attr-defined,unused-ignore]  # Windows has it
        "kernel32", use_last_error=True
    )
    kernel.CreateJobObjectW.restype = wintypes.HANDLE
    kernel.CreateJobObjectW.argtypes = [ctypes.c_void_p, wintypes.LPCWSTR]
    kernel.SetInformationJobObject.argtypes = [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD]
    kernel.AssignProcessToJobObject.argtypes = [wintypes.HANDLE, wintypes.HANDLE]
    job = kernel.CreateJobObjectW(None, None)
    limits = Extended()
    limits.basic.flags = KILL_ON_CLOSE
    kernel.SetInformationJobObject(job, EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
    kernel.AssignProcessToJobObject(
        job,
        int(process._handle),  # type: ignore[attr-defined,unused-ignore]  # as above
    )
    return job
