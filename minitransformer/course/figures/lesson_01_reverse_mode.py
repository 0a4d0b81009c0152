"""The pictures of lesson 01: tangents, computations as circles and arrows, errors that fall."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, drawing, plain


def tangents(slopes: dict[float, float]) -> None:
    """The curve tanh, with a piece of its tangent at each place: the steeper the tangent, the larger the slope.

    Args:
        slopes: for each place x, the slope of tanh there.
    """
    axis = plain(4.5, 2.8, "the slope is the steepness of the tangent")
    xs = np.linspace(-2.5, 2.5, 101)
    axis.plot(xs, np.tanh(xs), color=BLUE, label="tanh(x)")
    for x, slope in slopes.items():
        _tangent(axis, x, slope)
    axis.set(xlabel="x", ylim=(-1.3, 1.2))
    axis.legend(frameon=False)
    plt.show()


def _tangent(axis, x: float, slope: float) -> None:
    near = np.array([x - 0.7, x + 0.7])
    axis.plot(x, np.tanh(x), "o", color=ORANGE)
    axis.plot(near, np.tanh(x) + slope * (near - x), color=ORANGE, lw=2)
    axis.annotate(f"slope {slope:.2f}", (x + 0.2, np.tanh(x) - 0.25), color=ORANGE)


AT = {"x": (0, 0), "b": (1.1, 0.8), "c": (1.1, -0.8), "y": (2.2, 0)}


def two_paths(values: dict[str, float], steps: dict[str, float], of_y: dict[str, float]) -> None:
    """Four numbers as circles, and two paths of arrows from x to y, one through b and one through c.

    Args:
        values: the number of x, b, c and y.
        steps: the slope of each step, such as "xb" for the slope of b in x.
        of_y: the slope of y in each number.
    """
    axis = drawing(6.5, 3.6)
    for step, slope in steps.items():
        _arrow(axis, AT[step[0]], AT[step[1]], f"{slope:g}")
    for name, at in AT.items():
        _circle(axis, name, at)
        said = f"{name} = {values[name]:g}\ndy/d{name} = {of_y[name]:g}"
        axis.text(at[0], at[1] - 0.3, said, ha="center", va="top", fontsize=9, color=ORANGE)
    axis.set(xlim=(-0.6, 2.8), ylim=(-1.5, 1.2))
    axis.set_title("green: slope of a step; orange: value, and slope of y in it", fontsize=10)
    plt.show()


def _circle(axis, name: str, at: tuple[float, float]) -> None:
    axis.plot(*at, "o", ms=28, mfc="white", mec=BLUE, mew=1.5)
    axis.text(*at, name, ha="center", va="center", color=BLUE, fontsize=12)


def _arrow(axis, start: tuple[float, float], end: tuple[float, float], said: str) -> None:
    look = {"arrowstyle": "-|>", "color": GREY, "shrinkA": 17, "shrinkB": 17, "lw": 1.4}
    axis.annotate("", end, start, arrowprops=look)
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    box = {"fc": "white", "ec": "none", "pad": 1}
    axis.text(*middle, said, color=GREEN, ha="center", va="center", bbox=box)


def two_prices(steps: list[int], paths: list[int], visits: list[int]) -> None:
    """How many paths there are, and how many visits the walk back needs: a line that rises steeply, and one that is almost flat.

    Args:
        steps: how many steps of x + x.
        paths: for each, the number of paths.
        visits: for each, the number of visits.
    """
    axis = plain(4.5, 2.8, "the same slopes, for another price")
    axis.semilogy(steps, paths, color=ORANGE, label="paths")
    axis.semilogy(steps, visits, color=BLUE, label="visits of the walk back")
    axis.set_xlabel("steps of x + x")
    axis.legend(frameon=False)
    plt.show()


def orders(arrows: list[str], right: str, wrong: str) -> None:
    """Two lists of the same numbers, with arrows from each number to its users; in the second list an orange arrow points back.

    Args:
        arrows: such as "xb", if b is computed from x.
        right: names in an order in which each comes after all that it was computed from.
        wrong: names in another order.
    """
    _, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
    _in_a_row(axes[0], arrows, right, "every arrow points right: an order")
    _in_a_row(axes[1], arrows, wrong, "an arrow points left: not an order")
    plt.show()


def _in_a_row(axis, arrows: list[str], order: str, title: str) -> None:
    for arrow in arrows:
        _arc(axis, *map(order.index, arrow))
    for i, name in enumerate(order):
        _circle(axis, name, (i, 0))
    axis.set(xlim=(-0.4, 3.4), ylim=(-0.6, 0.9), title=title)
    axis.axis("off")


def _arc(axis, start: int, end: int) -> None:
    look = {"color": ORANGE, "lw": 2} if end < start else {"color": GREY, "lw": 1.2}
    arc = {"arrowstyle": "-|>", "connectionstyle": "arc3,rad=-0.45", "shrinkA": 15, "shrinkB": 15}
    axis.annotate("", (end, 0), (start, 0), arrowprops=arc | look)


def errors(title: str, curves: dict[str, list[float]]) -> None:
    """How an error changes from step to step, on a logarithmic scale: a thick blue line, and a thin orange one upon it.

    Args:
        title: what stands above.
        curves: one or two names, with the error at each step.
    """
    axis = plain(4.5, 2.6, title)
    for (name, curve), width, colour in zip(curves.items(), (3, 1), (BLUE, ORANGE), strict=False):
        axis.semilogy(curve, color=colour, lw=width, label=name)
    axis.set(xlabel="step", ylabel="error")
    axis.legend(frameon=False)
    plt.show()
