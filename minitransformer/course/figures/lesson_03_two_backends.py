"""The pictures of lesson 03: two memories, a queue, what a step costs, and additions into shared places."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, drawing, plain


def two_memories() -> None:
    """Two boxes, host and device, with an arrow from each to the other: `asarray` and `get`."""
    axis = drawing(7, 2.3)
    _memory(axis, 0, BLUE, "host", "processor and its memory\nNumPy's arrays")
    _memory(axis, 7, ORANGE, "device", "graphics card and its memory\nCuPy's arrays")
    for y, start, end, name in ((1.35, 4.2, 6.8, "asarray(x)"), (0.55, 6.8, 4.2, "x.get()")):
        axis.annotate("", (end, y), (start, y), arrowprops={"arrowstyle": "-|>", "color": GREEN, "lw": 2})
        axis.text(5.5, y + 0.12, name, ha="center", color=GREEN, family="monospace", fontsize=9)
    axis.set(xlim=(-0.1, 11.1), ylim=(-0.1, 2.1))
    plt.show()


def _memory(axis, x: float, colour: str, title: str, text: str) -> None:
    axis.add_patch(Rectangle((x, 0), 4, 2, facecolor=colour, alpha=0.15, edgecolor=colour))
    axis.text(x + 2, 1.55, title, ha="center", color=colour, weight="bold")
    axis.text(x + 2, 0.65, text, ha="center", fontsize=9)


STEPS = range(5)


def queue() -> None:
    """Two sketches of five steps: above, the host orders them all at once and the device never rests; below, they take turns."""
    _, axes = plt.subplots(2, 1, figsize=(7, 3.2), sharex=True, layout="constrained")
    _turns(axes[0], STEPS, [1 + 3 * i for i in STEPS], "orders in a queue: the device never rests")
    _turns(
        axes[1], [5 * i for i in STEPS], [5 * i + 1 for i in STEPS], "an if after each step: they take turns"
    )
    waits = [(5 * i + 0.9, 3.9) for i in STEPS]
    axes[1].broken_barh(waits, (1.1, 0.7), facecolor="none", edgecolor=GREY, hatch="///")
    axes[1].text(2.85, 1.95, "waits", color=GREY, ha="center", fontsize=9)
    axes[1].set(xlabel="time", xticks=[], ylim=(0, 2.3))
    plt.show()


def _turns(axis, ordered: Sequence[float], begun: Sequence[float], title: str) -> None:
    axis.broken_barh([(start, 0.8) for start in ordered], (1.1, 0.7), color=BLUE)
    axis.broken_barh([(start, 2.8) for start in begun], (0.1, 0.7), color=ORANGE)
    axis.set_yticks([0.45, 1.45], ["device computes", "host orders"])
    axis.set_title(title, loc="left", fontsize=10)


def price_of_a_step(sizes: np.ndarray, microseconds: np.ndarray) -> None:
    """The time of one step for arrays of several sizes: flat for small ones; dotted, a loop over single numbers.

    Args:
        sizes: how many numbers each array has.
        microseconds: the time of one step for each.
    """
    axis = plain(4.8, 2.8, "a step has a price of its own")
    axis.loglog(sizes, microseconds, "o-", color=BLUE, label="one step, np.exp(x)")
    axis.loglog(sizes, microseconds[0] * sizes, ":", color=ORANGE, label="a loop over single numbers")
    axis.set(xlabel="numbers in the array", ylabel="microseconds", ylim=(0.1, 1e7))
    axis.legend(frameon=False, fontsize=8)
    plt.show()


def never_above_one(x: np.ndarray, sigmoid: np.ndarray, z: np.ndarray) -> None:
    """The sigmoid, which rises from 0 to 1, and a dashed curve that never exceeds 1.

    Args:
        x: places.
        sigmoid: its value at each place.
        z: e to the power of -|x| at each place.
    """
    axis = plain(5, 2.6)
    axis.plot(x, sigmoid, color=BLUE, lw=2, label="sigmoid(x)")
    axis.plot(x, z, "--", color=ORANGE, label="$e^{-|x|}$")
    axis.axvline(0, color=GREY, lw=0.8)
    axis.set(xlabel="x", ylim=(-0.05, 1.15))
    axis.legend(frameon=False, loc="center left")
    plt.show()


def shared_places(index: Sequence[int], values: Sequence[float], sums: Sequence[float]) -> None:
    """Each value with an arrow to its place; a place to which several arrows lead holds their sum.

    Args:
        index: for each value, its place.
        values: what is added.
        sums: what each place holds in the end.
    """
    axis = drawing(5.4, 2.9)
    several = {place for place in index if list(index).count(place) > 1}
    for i, (place, value) in enumerate(zip(index, values, strict=True)):
        colour = ORANGE if place in several else GREY
        _box(axis, 0, 2.5 - i, value, BLUE)
        arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.6}
        axis.annotate("", (3.55, 3 - place), (0.4, 2.5 - i), arrowprops=arrow)
    for place, total in enumerate(sums):
        _box(axis, 4, 3 - place, total, GREEN)
        axis.text(4.7, 3 - place, f"place {place}", va="center", fontsize=9)
    _captions(axis, index)
    axis.set(xlim=(-0.6, 6.6), ylim=(-0.4, 3.8))
    plt.show()


def _box(axis, x: float, y: float, number: float, colour: str) -> None:
    box = {"facecolor": "white", "pad": 5, "edgecolor": colour}
    axis.text(x, y, f" {number:>2g} ", ha="center", va="center", bbox=box)


def _captions(axis, index: Sequence[int]) -> None:
    axis.text(0, 3.35, "values", ha="center", color=BLUE)
    axis.text(1.9, 3.35, f"index = {', '.join(map(str, index))}", ha="center", color=GREY)
    axis.text(4, 3.55, "into", ha="center", color=GREEN)
