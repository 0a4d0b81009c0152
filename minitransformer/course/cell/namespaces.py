"""A small world of its own: no other process, no network, and a file system that cannot be written to but for a scratch folder."""

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
CAPSET = 126, 91  # its numbers on x86-64 and on ARM
SCRATCH, SIZE = Path("/dev/shm"), "64m"


def enter(parent: int) -> set[str]:
    """Go on in a world of one's own, as its first process; what of it the kernel grants. Raises nothing."""
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
    """As any user in a namespace of users, in which one has the right to the others; or as root without."""
    user, group = os.getuid(), os.getgid()
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
    """Nothing that is mounted can be written to any more, by whatever way."""
    call("mount", None, b"/", None, RECURSIVE | PRIVATE, None)
    attributes = ctypes.create_string_buffer(struct.pack("4Q", READ_ONLY, 0, 0, 0), 32)
    call("syscall", MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, attributes, 32)


def _become_first(parent: int) -> None:
    """The child of this process goes on; this one waits for it, and ends as it ends. Each ends with its parent."""
    die_with(parent, 0)  # once more: the system forgot it when rights changed
    alive, watched = os.pipe()
    if child := os.fork():
        os.closerange(0, 3)  # of the pipes the child alone shall hold the ends
        os.close(alive)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    os.close(watched)
    control(SET_DEATH_SIGNAL, signal.SIGKILL)
    if select.select([alive], [], [], 0)[0]:  # the parent was faster
        os._exit(1)
    os.close(alive)
    with contextlib.suppress(OSError):
        call("mount", b"proc", b"/proc", b"proc", 0, None)


def give_up_rights() -> None:
    """No privileges, and none to come."""
    control(38, 1)  # PR_SET_NO_NEW_PRIVS
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0), 8)
    none = ctypes.create_string_buffer(24)
    with contextlib.suppress(OSError):
        call("capset", header, none)
