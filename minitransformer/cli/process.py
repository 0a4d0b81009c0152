"""The command as a process: its standard streams, and the signals that end it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

ENDS = ("SIGTERM", "SIGHUP")  # an order to end, a closed terminal


def open_streams() -> None:
    """Streams that are closed lead nowhere, so that no file is opened in their place; what an encoding lacks is spelt out."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Inside, what ends the process unwinds it first, so that what it started and what it half wrote goes too.

    What it was told to ignore, as by `nohup`, stays ignored.
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
