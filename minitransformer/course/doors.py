"""What a process that judges a learner's code must not do any more, from the moment that code is run.

Python announces what it is about to do to an audit hook, which may refuse, and cannot be taken off again. Linux and macOS hold
the limits on memory and on what is written whatever runs, C code too.
"""

from __future__ import annotations

import inspect
import os
import subprocess  # noqa: F401 (one of UNANNOUNCED)
import sys
from pathlib import Path

MEMORY = 2 << 30  # bytes beyond what Python and NumPy have taken
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CLOSED = {
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "os.chown", "os.utime",
    "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "subprocess.Popen", "pty.spawn",
    "os.kill", "os.killpg", "signal.pthread_kill", "socket.connect", "socket.bind", "ctypes.dlopen", "shutil.rmtree",
    "os.setxattr", "os.removexattr", "sqlite3.connect", "resource.setrlimit", "resource.prlimit",
}  # fmt: skip
UNANNOUNCED = {"posix": "mkfifo mknod", "os": "mkfifo mknod", "_posixsubprocess": "fork_exec", "subprocess": "_fork_exec"}
LOOKS_BACK = {
    "sys._getframe", "sys._current_frames", "sys._current_exceptions", "sys.settrace", "sys.setprofile",
    "sys.monitoring.register_callback", "gc.get_objects", "gc.get_referrers", "gc.get_referents", "object.__setattr__",
}  # fmt: skip
FRAMES = ("tb_frame", "gi_frame", "cr_frame", "ag_frame")


def close(file: str) -> None:
    """Refuse files, processes, the network, and the library; and to code of the learner's file to look back at who runs it."""
    asking, here = (file, inspect.__file__), _asked_in.__code__

    def hook(event: str, arguments: tuple) -> None:
        if event in CLOSED or (event == "open" and _writes(*arguments)):
            raise PermissionError(f"{event}: an exercise needs no files, processes or network")
        if event == "import" and arguments[0].partition(".")[0] == "minitransformer":
            raise PermissionError("import: the answer is not to be taken from the library")
        looks_back = event in LOOKS_BACK or (event == "object.__getattr__" and arguments[1] in FRAMES)
        if looks_back and not (event == "sys._getframe" and arguments[0].f_code is here) and _asked_in(asking):
            raise PermissionError(f"{event}: an exercise needs no look at what runs it")

    sys.dont_write_bytecode = True
    _replace_unannounced()
    sys.addaudithook(hook)


def limit() -> None:
    """A huge allocation raises MemoryError on Linux; files stay empty, whatever writes, on macOS too; Windows has neither."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _asked_in(files: tuple[str, ...]) -> bool:
    """Whether the code that an audit hook is called for stands in one of the files."""
    return sys._getframe().f_back.f_back.f_code.co_filename in files


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
