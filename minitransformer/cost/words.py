"""Costs in words, with units that people read."""

from __future__ import annotations

from minitransformer.cost.laws import DAY
from minitransformer.cost.step import Cost

PREFIXES = {1e24: "Y", 1e21: "Z", 1e18: "E", 1e15: "P", 1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k"}
YEAR = 365.25 * DAY


def amount(value: float) -> str:
    """A number with three digits and the prefix of its unit.

    >>> amount(1_234_567), amount(12)
    ('1.23 M', '12 ')

    Args:
        value: 0 or more.

    Returns:
        The number, a space, and the prefix, which the unit follows.
    """
    size, prefix = next(((size, p) for size, p in PREFIXES.items() if value >= size), (1, ""))
    return f"{value / size:.3g} {prefix}"


def duration(seconds: float) -> str:
    """A time.

    Args:
        seconds: 0 or more.

    Returns:
        In seconds, days or years.
    """
    if seconds < DAY:
        return f"{seconds:.3g} s"
    return f"{seconds / DAY:.3g} days" if seconds < YEAR else f"{seconds / YEAR:,.0f} years"


def told(found: Cost) -> list[str]:
    """A cost in words.

    Args:
        found: the cost.

    Returns:
        One line, and one more for each part of the hardware that did not tell its energy.
    """
    flops = f"{amount(found.flops_forward)}FLOP forward, {amount(found.flops_backward)}FLOP backward"
    rate = f", {amount(found.flops / found.seconds)}FLOP/s" if found.seconds else ""
    seconds = f"{found.cpu_seconds:.3g} CPU seconds ({found.seconds:.3g} s by the clock{rate})"
    energy = f"{found.joules:.3g} J ({found.joules_source})"
    return [f"{flops}; {seconds}; {amount(found.peak_bytes)}B at the peak; {energy}", *found.problems]
