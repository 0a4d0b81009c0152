"""What the pictures of all lessons share: four colours, and the frames that most of them have."""

from __future__ import annotations

import matplotlib.pyplot as plt

BLUE = "#0072B2"  # the four can be told apart also by those who see no red or no green
ORANGE = "#D55E00"
GREEN = "#009E73"
GREY = "#777777"


def plain(width: float, height: float, title: str = ""):
    """A picture with one pair of axes.

    Args:
        width: in inches.
        height: in inches.
        title: what stands above the axes.

    Returns:
        The axes.
    """
    _, axis = plt.subplots(figsize=(width, height), layout="constrained")
    axis.set_title(title)
    return axis


def drawing(width: float, height: float):
    """A picture for boxes and arrows, without axes.

    Args:
        width: in inches.
        height: in inches.

    Returns:
        The axes, which are not shown.
    """
    axis = plain(width, height)
    axis.axis("off")
    return axis


def tokens_below(axis, tokens: list[str]) -> None:
    """Write a token below each place 0, 1, 2, .. of an axis, at an angle.

    Args:
        axis: the axes.
        tokens: one for each place.
    """
    axis.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right", rotation_mode="anchor")
