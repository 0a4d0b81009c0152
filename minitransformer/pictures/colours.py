"""Signed numbers as colours: orange above zero, blue below, a pair that colour-blind readers can tell apart.

The depth of a colour is |value| on one scale for all that is shown together.
"""

from __future__ import annotations

import math

import numpy
from numpy.typing import ArrayLike

# orange, blue; purple for what has no sign
FOR = (230, 97, 1)
AGAINST = (33, 102, 172)
ATTENTION = (94, 60, 153)


def finite(values: ArrayLike, shape: tuple[int, ...] | None = None) -> numpy.ndarray:
    """Values as float64.

    Args:
        values: numbers.
        shape: the shape that they must have; None for any.

    Returns:
        The values as an array of float64.

    Raises:
        ValueError: the shape is another, or a value is NaN or infinite.
    """
    values = numpy.asarray(values, dtype=numpy.float64)
    if shape is not None and values.shape != shape:
        raise ValueError(
            f"expected numbers of shape {shape}, one for each token and name, got shape {values.shape}"
        )
    if not numpy.isfinite(values).all():
        wrong = numpy.argwhere(~numpy.isfinite(values))[0].tolist()
        raise ValueError(
            f"expected finite numbers, got {values[tuple(wrong)]} at {wrong}: what made them went wrong"
        )
    return values


def scale_of(values: ArrayLike) -> float:
    """The number that full colour stands for.

    Args:
        values: all numbers that are shown together.

    Returns:
        The largest |value|; 1 if all are zero.
    """
    return float(numpy.abs(values).max(initial=0.0)) or 1.0


def signed(value: float, scale: float) -> str:
    """A number as it stands beside a token: with two decimals, or so many that the largest of all keeps two digits.

    Args:
        value: the number.
        scale: what full colour stands for.

    Returns:
        Text such as "+0.81", or "+0.0012" where no number is larger than 0.0099.
    """
    decimals = min(max(2, 1 - math.floor(math.log10(scale))), 9) if 0 < scale < math.inf else 2
    return f"{value:+.{decimals}f}"


def _colour(value: float, scale: float) -> tuple[tuple[int, int, int], float]:
    return (FOR if value >= 0 else AGAINST), min(abs(value) / scale, 1.0)


def hex_colour(sign: int) -> str:
    """The full colour of positive or of negative numbers.

    Args:
        sign: a number of that sign.

    Returns:
        A colour such as "#e66101".
    """
    return "#{:02x}{:02x}{:02x}".format(*(FOR if sign >= 0 else AGAINST))


def background(value: float, scale: float) -> str:
    """The background of a number in HTML. It is transparent, so that text in the colour of the page stays readable.

    Args:
        value: the number.
        scale: what full colour stands for.

    Returns:
        An inline style.
    """
    (r, g, b), depth = _colour(value, scale)
    return f"background-color:rgba({r},{g},{b},{0.75 * depth:.3f})"


def shade(value: float, scale: float) -> str:
    """The colours of a number in the terminal.

    Args:
        value: the number.
        scale: what full colour stands for.

    Returns:
        A style of rich: the colour of the text, and an opaque background.
    """
    colour, depth = _colour(value, scale)
    red, green, blue = (round(255 + (c - 255) * depth) for c in colour)
    ink = "black" if red + green + blue > 380 else "white"
    return f"{ink} on rgb({red},{green},{blue})"
