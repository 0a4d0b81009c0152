"""A process that ends when its parent ends, however the parent ends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading

from minitransformer.course.cell.kernel import LINUX, control

SET_DEATH_SIGNAL = 1
CPU_SECONDS = 60  # the last resort, if every other limit fails


def die_with(parent: int, pipe: int) -> None:
    """Let this process end when its parent ends. On Windows a job object of the parent does this.

    Args:
        parent: the number of the parent process.
        pipe: a pipe whose other end only the parent holds.
    """
    if sys.platform == "win32":
        return
    limit_cpu()
    if LINUX:
        control(SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # the parent has ended already
            os._exit(1)
    else:
        threading.Thread(target=_watch, args=(pipe,), daemon=True).start()


def limit_cpu() -> None:
    """Limit the processor time of this process."""
    import resource

    with contextlib.suppress(ValueError):  # the limit is lower already
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def _watch(pipe: int) -> None:
    """Wait until the other end of the pipe is closed, then end this process."""
    closed = select.poll()
    closed.register(pipe, 0)
    closed.poll()
    os._exit(1)
