"""A wall: Linux namespaces, in which a process sees no other process, no network, and only read-only files and a scratch folder."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import struct
from pathlib import Path

from minitransformer.course.cell.kernel import LINUX, call, control
from minitransformer.course.cell.lifeline import SET_DEATH_SIGNAL, die_with

MOUNTS, IPC, USERS, PROCESSES, NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
WORLD = MOUNTS | IPC | PROCESSES | NETWORK
NO_SUID, NO_DEVICES, RECURSIVE, PRIVATE = 2, 4, 0x4000, 0x40000
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, READ_ONLY = 442, -100, 0x8000, 1
CAPSET = 126, 91  # the number of this system call on x86-64 and on ARM
SCRATCH = Path("/dev/shm")
SIZE = "64m"


def enter(parent: int) -> set[str]:
    """Continue in new namespaces, in a child process that is the first in them.

    Args:
        parent: the number of the judge's process.

    Returns:
        The walls that the kernel granted: some of "files", "scratch", "processes" and "network".
    """
    held = set()
    if LINUX and _unshare():
        with contextlib.suppress(OSError):
            _keep_files()
            held.add("files")
        with contextlib.suppress(OSError):
            call(
                "mount",
                b"tmpfs",
                bytes(SCRATCH),
                b"tmpfs",
                NO_SUID | NO_DEVICES,
                f"size={SIZE},mode=700".encode(),
            )
            held.add("scratch")
        _become_first(parent)
        held |= {"processes", "network"}
    return held


def _unshare() -> bool:
    """Enter new namespaces. Any user may do this inside a new user namespace; root may do it without one."""
    user = os.getuid()
    group = os.getgid()
    try:
        call("unshare", USERS | WORLD)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        return True
    except OSError:
        with contextlib.suppress(OSError):
            return call("unshare", WORLD) == 0
    return False


def _keep_files() -> None:
    """Make all mounted file systems read-only in this namespace."""
    call("mount", None, b"/", None, RECURSIVE | PRIVATE, None)
    attributes = ctypes.create_string_buffer(struct.pack("4Q", READ_ONLY, 0, 0, 0), 32)
    call("syscall", MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, attributes, 32)


def _become_first(parent: int) -> None:
    """Fork: the child continues, this process waits for it and ends with its exit code. Each ends when its parent ends."""
    die_with(parent, 0)  # a second time: the system removed the first when the process changed its rights
    alive, watched = os.pipe()
    if child := os.fork():
        os.closerange(0, 3)  # only the child may hold the ends of the pipes
        os.close(alive)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    os.close(watched)
    control(SET_DEATH_SIGNAL, signal.SIGKILL)
    if select.select([alive], [], [], 0)[0]:  # the parent has ended already
        os._exit(1)
    os.close(alive)
    with contextlib.suppress(OSError):
        call("mount", b"proc", b"/proc", b"proc", 0, None)


def give_up_rights() -> None:
    """Drop all privileges, and the ability to gain new ones.

    Raises:
        OSError: if the kernel does not support it.
    """
    control(38, 1)  # PR_SET_NO_NEW_PRIVS
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0), 8)
    none = ctypes.create_string_buffer(24)
    with contextlib.suppress(OSError):
        call("capset", header, none)
