"""Two ways to do the same thing, timed alternately: a slow moment of the machine slows both, and their ratio stays the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy

# Seconds that a turn lasts at least, so that reading the clock and changing sides weigh little.
TURN = 0.1
# The same where both sides are our own library: with more turns, a slow moment of the machine weighs less.
SHORT = 0.025
# Seconds between the turns of two libraries: the threads of OpenBLAS stay busy for 0.1 s, and slow PyTorch down.
REST = 0.2


@dataclass(frozen=True)
class Ratio:
    """Ours divided by theirs.

    Attributes:
        median: The median over all pairs.
        low: The lower end of an interval around it.
        high: The upper end.
        ours: Our median, in `unit`.
        theirs: Their median, in `unit`.
        unit: "s" or "MiB".
    """

    median: float
    low: float
    high: float
    ours: float
    theirs: float
    unit: str = "s"


def ratio_of(ours: Sequence[float], theirs: Sequence[float], unit: str = "s") -> Ratio:
    """The median and the quartiles of the ratios of paired measurements.

    Args:
        ours: Our measurements.
        theirs: Theirs, in the same order.
        unit: "s" or "MiB".

    Returns:
        The ratio; its interval is from the lower to the upper quartile.
    """
    low, median, high = numpy.quantile(numpy.divide(ours, theirs), [0.25, 0.5, 0.75]).tolist()
    return Ratio(median, low, high, float(numpy.median(ours)), float(numpy.median(theirs)), unit)


def in_turn(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    pairs: int,
    rest: float = 0.0,
    turn: float = TURN,
) -> Ratio:
    """Time two calls alternately.

    Args:
        ours: The call whose time is divided.
        theirs: The call whose time divides.
        pairs: Turns of each call. The calls take turns in going first.
        rest: Seconds of sleep before each turn.
        turn: Seconds that a turn lasts at least; a short call is repeated.

    Returns:
        The ratio ours / theirs: its median over the pairs and its quartiles.
    """
    calls = (ours, theirs)
    repeats = [_calls_in_a_turn(call, turn) for call in calls]
    seconds: tuple[list[float], list[float]] = ([], [])
    for i in range(pairs):
        for side in (i % 2, 1 - i % 2):
            time.sleep(rest)
            seconds[side].append(_turn(calls[side], repeats[side]))
    return ratio_of(*seconds)


def _calls_in_a_turn(call: Callable[[], object], turn: float) -> int:
    call()  # the first call also sets things up
    start = time.perf_counter()
    calls = 0
    while time.perf_counter() - start < turn:
        call()
        calls += 1
    return calls


def _turn(call: Callable[[], object], repeat: int) -> float:
    """Seconds of one call. A short call runs once untimed, so that its data are in the cache again."""
    if repeat > 1:
        call()
    start = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - start) / repeat


def cores() -> int:
    """How many processors this process may use.

    Returns:
        The number.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
