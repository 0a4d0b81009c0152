"""What Python itself refuses while a learner's code runs, in plain words, and on systems that have no walls for it.

Python announces what it is about to do to an audit hook, which may refuse, and cannot be taken off again.
"""

from __future__ import annotations

import os
import subprocess  # noqa: F401 (one of UNANNOUNCED)
import sys

from minitransformer.course.cell.namespaces import SCRATCH

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CLOSED = {
    "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "subprocess.Popen", "pty.spawn",
    "os.kill", "os.killpg", "signal.pthread_kill", "socket.connect", "socket.bind", "socket.sendto", "resource.setrlimit",
    "resource.prlimit",
}  # fmt: skip
FILES = {
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "os.chown", "os.utime",
    "os.setxattr", "os.removexattr", "shutil.rmtree", "sqlite3.connect",
}  # fmt: skip
UNANNOUNCED = {
    "posix": "mkfifo mknod",
    "os": "mkfifo mknod",
    "_posixsubprocess": "fork_exec",
    "subprocess": "_fork_exec",
}


def close(held: set[str]) -> None:
    """Refuse processes, the network, and the library, and files but for those in the scratch folder."""
    inside = str(SCRATCH) if "files" in held else None

    def hook(event: str, arguments: tuple) -> None:
        changes = (
            event in FILES
            or (event == "open" and _writes(*arguments))
            or (event == "ctypes.dlopen" and "files" not in held)
        )
        if event in CLOSED or (changes and not _inside(inside, arguments)):
            raise PermissionError(f"{event}: an exercise needs no files, processes or network")
        if event == "import" and arguments[0].partition(".")[0] == "minitransformer":
            raise PermissionError("import: the answer is not to be taken from the library")

    sys.dont_write_bytecode = True
    _replace_unannounced()
    sys.addaudithook(hook)


def _inside(folder: str | None, arguments: tuple) -> bool:
    """Whether all paths among the arguments are in a folder. (Where a relative one leads, the system knows.)"""
    paths = [os.fsdecode(a) for a in arguments if isinstance(a, (str, bytes, os.PathLike))]
    return folder is not None and all(path.startswith(folder) for path in paths if os.path.isabs(path))


def _writes(path, mode, flags) -> bool:
    return isinstance(flags, int) and bool(flags & WRITES) and path != os.devnull


def _replace_unannounced() -> None:
    """Refuse in their own place those that no hook is told of."""

    def refuse(*arguments):
        raise PermissionError("an exercise needs no files, processes or network")

    for module, names in UNANNOUNCED.items():
        for name in names.split():
            if hasattr(sys.modules.get(module), name):
                setattr(sys.modules[module], name, refuse)
