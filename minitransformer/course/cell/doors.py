"""What Python itself refuses while a learner's code runs: with a plain message, and also on systems without the other walls.

Before certain operations Python calls its audit hooks. A hook may raise an exception, which stops the operation, and it cannot be
removed.
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
    """From now on refuse new processes, the network, imports of the library, and changes of files outside the scratch folder.

    Args:
        held: the walls that the system enforces, from `walls.build`.
    """
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
            raise PermissionError("import: write the answer yourself, without the library minitransformer")

    sys.dont_write_bytecode = True
    _replace_unannounced()
    sys.addaudithook(hook)


def _inside(folder: str | None, arguments: tuple) -> bool:
    """Whether all absolute paths among the arguments are in a folder. Relative ones are left to the system's own walls."""
    paths = [os.fsdecode(a) for a in arguments if isinstance(a, (str, bytes, os.PathLike))]
    return folder is not None and all(path.startswith(folder) for path in paths if os.path.isabs(path))


def _writes(path, mode, flags) -> bool:
    return isinstance(flags, int) and bool(flags & WRITES) and path != os.devnull


def _replace_unannounced() -> None:
    """Replace the functions for which Python calls no audit hook by one that refuses."""

    def refuse(*arguments):
        raise PermissionError("an exercise needs no files, processes or network")

    for module, names in UNANNOUNCED.items():
        for name in names.split():
            if hasattr(sys.modules.get(module), name):
                setattr(sys.modules[module], name, refuse)
