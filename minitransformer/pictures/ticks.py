"""Round numbers for an axis."""

from __future__ import annotations

import math

STEPS = (1, 2, 5, 10)  # times a power of ten


def round_step(low: float, high: float, most: int = 5) -> float:
    """The distance of ticks: 1, 2 or 5 times a power of ten.

    Args:
        low: the least number on the axis.
        high: the largest one, above `low`.
        most: the largest number of such distances between the two.

    Returns:
        The smallest distance that is large enough.
    """
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    return next(times * power for times in STEPS if (high - low) / (times * power) <= most)


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """The multiples of `round_step` from `low` to `high`.

    Args:
        low: the least number on the axis.
        high: the largest one, above `low`.
        most: as for `round_step`.

    Returns:
        The ticks, in ascending order.
    """
    return multiples(round_step(low, high, most), low, high)


def multiples(step: float, low: float, high: float) -> list[float]:
    """The multiples of a number, from `low` to `high`.

    Args:
        step: the number.
        low: the least number on the axis.
        high: the largest one.

    Returns:
        The multiples, in ascending order.
    """
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def labelled(tick: float, step: float) -> str:
    """A tick as text, with as many decimals as its distance to the next one has.

    Args:
        tick: the number.
        step: the distance.

    Returns:
        Text such as "0.25" or "400".
    """
    return f"{tick:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
