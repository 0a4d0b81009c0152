"""A limit of time inside this process: an alarm that rings in the middle of whatever runs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


class TooLong(BaseException):
    """The time is over. (No Exception, so that an `except Exception` in the code that runs does not catch it.)"""


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooLong if the block takes longer. Windows has no such alarm, and other threads get none: there it never rings."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    outer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *outer)  # one that was set before goes on


def _ring(*_) -> None:
    raise TooLong
