"""The command as a process: its standard streams, and the signals that end it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

ENDS = ("SIGTERM", "SIGHUP")  # `kill`, a closed terminal


def open_streams() -> None:
    """Open standard streams that are closed, to the null device; print characters that an encoding lacks as their escapes.

    Without this, the next file that is opened would get the number of a closed stream, and be written to by `print`.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Inside this block a signal that ends the process raises SystemExit, so that temporary files and child processes are removed.

    A signal that the process already ignores, as after `nohup`, stays ignored.
    """
    numbers = [getattr(signal, name) for name in ENDS if hasattr(signal, name)]
    changed = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in changed:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame) -> None:
    raise SystemExit(128 + number)
