"""Sliders under the pictures of a lesson, by ipywidgets; without it, the picture alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minitransformer.course.jupyter import is_live
from minitransformer.installing import install_line
from minitransformer.plain import spelt_out

STEPS = 100  # of a slider, from end to end
WIDE = 1000  # from this ratio of its ends on, a slider is logarithmic


def slide(draw: Callable[..., Any], **ranges: tuple[float, float, float]) -> None:
    """Draw a picture anew whenever a slider is moved. Where none can be moved, the picture is drawn once.

    Args:
        draw: a function that draws, or prints; it is called with each name of `ranges` and its value.
        ranges: a name, and the least, the largest and the first value; the scale is logarithmic if the least is above 0 and the
            largest is at least 1000 times as large.

    Raises:
        ValueError: if a first value lies outside of its range.
    """
    for name, (low, high, start) in ranges.items():
        if not low <= start <= high:
            raise ValueError(
                f"{name}: expected (least, largest, first) with the first between them, got {(low, high, start)}"
            )
    widgets = _widgets() if is_live() else None
    if widgets:
        widgets.interact(draw, **{name: _slider(widgets, *ends) for name, ends in ranges.items()})
    else:
        draw(**{name: start for name, (_, _, start) in ranges.items()})


def _widgets() -> Any:
    """ipywidgets; None, and a line that says how to install it, if it is missing."""
    try:
        import ipywidgets
    except ImportError:
        print(spelt_out(f"With ipywidgets there is a slider here: {install_line('ipywidgets')}"))
        return None
    return ipywidgets


def _slider(widgets: Any, low: float, high: float, start: float) -> Any:
    """A slider that reports its value when it is released."""
    common = {"value": start, "readout_format": ".3g", "continuous_update": False}
    if low > 0 and high >= WIDE * low:
        ends = {"min": math.log10(low), "max": math.log10(high)}
        return widgets.FloatLogSlider(step=(ends["max"] - ends["min"]) / STEPS, **ends, **common)
    return widgets.FloatSlider(min=low, max=high, step=(high - low) / STEPS, **common)
