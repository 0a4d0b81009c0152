"""Two ways to do the same thing, timed in turn: whatever slows the machine slows both, and their ratio stays."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy

TURN = 0.1  # seconds that a turn lasts at least, so that the clock and the change of turns weigh little
# the same where two works of one library take turns: the more of them, the less a slow moment of the machine
# says
SHORT = 0.025
# seconds between the turns of two libraries: OpenBLAS's threads wait awake for a tenth, and slow down
# PyTorch's
REST = 0.2


@dataclass(frozen=True)
class Ratio:
    """Ours divided by theirs: the median over all pairs and its quartiles; and each side's median, in `unit`."""

    median: float
    low: float
    high: float
    ours: float
    theirs: float
    unit: str = "s"


def ratio_of(ours: Sequence[float], theirs: Sequence[float], unit: str = "s") -> Ratio:
    """The ratios of paired measurements, in short."""
    low, median, high = numpy.quantile(numpy.divide(ours, theirs), [0.25, 0.5, 0.75]).tolist()
    return Ratio(median, low, high, float(numpy.median(ours)), float(numpy.median(theirs)), unit)


def in_turn(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    pairs: int,
    rest: float = 0.0,
    turn: float = TURN,
) -> Ratio:
    """Time both calls `pairs` times in turn, each of them first every other time, with a `rest` before each turn."""
    calls = (ours, theirs)
    repeats = [_calls_in_a_turn(call, turn) for call in calls]
    seconds: tuple[list[float], list[float]] = ([], [])
    for i in range(pairs):
        for side in (i % 2, 1 - i % 2):
            time.sleep(rest)
            seconds[side].append(_turn(calls[side], repeats[side]))
    return ratio_of(*seconds)


def _calls_in_a_turn(call: Callable, turn: float) -> int:
    call()  # the first call also sets things up
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < turn:
        call()
        calls += 1
    return calls


def _turn(call: Callable, repeat: int) -> float:
    """Seconds of one call. Short ones begin untimed, until the other side's cached data have made room."""
    if repeat > 1:
        call()
    start = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - start) / repeat


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
