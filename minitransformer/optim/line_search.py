"""How far to go along a direction: until the strong Wolfe conditions hold.

The loss must be less by at least a share of what its slope promised, and its slope at most a share of what it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

DECREASE, SLOPE = 1e-4, 0.9  # the two shares
LEAST = 1e-9  # the smallest change of a parameter that counts


class Point(NamedTuple):
    """A place on the line.

    Attributes:
        t: how far along the direction.
        loss: the loss there.
        gradient: its gradient.
        slope: of the loss along the direction.
    """

    t: float
    loss: float
    gradient: Any
    slope: float


At = Callable[[float], Point]


def strong_wolfe(at: At, start: Point, t: float, size: float, most: int) -> tuple[Point, int]:
    """A point that fulfils both conditions, or the best one that was found.

    Args:
        at: evaluates a point.
        start: where t is 0.
        t: where to look first.
        size: the largest component of the direction.
        most: how many points to evaluate at most after the first.

    Returns:
        The point, and how many points were evaluated.

    Source:
        Nocedal & Wright, Numerical Optimization, algorithms 3.5 and 3.6.
    """
    ends, used = _bracket(at, start, at(t), most)
    if len(ends) == 1 or used > most:
        return min(ends, key=lambda p: p.loss), used
    return _zoom(at, start, ends, used, most, LEAST / size)


def _falls(start: Point, new: Point) -> bool:
    """The first condition."""
    return new.loss <= start.loss + DECREASE * new.t * start.slope


def _is_flat(start: Point, new: Point) -> bool:
    """The second condition."""
    return abs(new.slope) <= -SLOPE * start.slope


def _bracket(at: At, start: Point, new: Point, most: int) -> tuple[list[Point], int]:
    """Go on until both conditions hold, at one point, or are known to hold between two."""
    before = start
    for i in range(most):
        if not _falls(start, new) or (i > 1 and new.loss >= before.loss):
            return [before, new], i + 1
        if _is_flat(start, new):
            return [new], i + 1
        if new.slope >= 0:
            return [before, new], i + 1
        bounds = new.t + 0.01 * (new.t - before.t), 10 * new.t
        before, new = new, at(cubic_minimum(before, new, bounds))
    return [start, new], most + 1


def _zoom(at: At, start: Point, ends: list[Point], used: int, most: int, least: float) -> tuple[Point, int]:
    """Narrow the two ends around a point at which both conditions hold."""
    low, high = sorted(ends, key=lambda p: p.loss)
    stalled = False
    while used <= most and abs(high.t - low.t) >= least:
        t, stalled = _inside(low, high, stalled)
        new = at(t)
        used += 1
        if not _falls(start, new) or new.loss >= low.loss:
            low, high = (new, low) if new.loss < low.loss else (low, new)
        elif _is_flat(start, new):
            return new, used
        else:
            low, high = new, low if new.slope * (high.t - low.t) >= 0 else high
    return low, used


def _inside(low: Point, high: Point, stalled: bool) -> tuple[float, bool]:
    """Where to look between two ends, and whether that is close to one of them for the first time."""
    t, (left, right) = cubic_minimum(low, high), sorted((low.t, high.t))
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if stalled or not left < t < right:
        return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
    return t, True


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points, with their slopes, is lowest.

    Args:
        a: a point.
        b: another.
        bounds: where to look; None for between the two.

    Returns:
        The place; the middle of the bounds if the cubic has no minimum.

    Source:
        Nocedal & Wright, Numerical Optimization, equation 3.59.
    """
    a, b = (a, b) if a.t <= b.t else (b, a)
    left, right = bounds or (a.t, b.t)
    d = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d * d - a.slope * b.slope
    if square < 0:
        return (left + right) / 2
    root = math.sqrt(square)
    lowest = b.t - (b.t - a.t) * ((b.slope + root - d) / (b.slope - a.slope + 2 * root))
    return min(max(lowest, left), right)
