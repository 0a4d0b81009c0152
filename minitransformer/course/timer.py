"""A time limit inside this process: an alarm signal interrupts the code that runs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from minitransformer.course.exercise import Stopped


class TooLong(Stopped):
    """The time limit is reached."""


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooLong if the block takes longer than `seconds`.

    There is no limit on Windows, which has no such alarm, and in other threads than the main one, which get no signals.

    Args:
        seconds: the limit.
    """
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
        signal.setitimer(signal.ITIMER_REAL, *outer)  # an outer time limit continues


def _ring(*_) -> None:
    raise TooLong
