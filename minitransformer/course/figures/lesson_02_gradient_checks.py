"""The pictures of lesson 02: broadcasting forward and back, difference quotients, and which checks see which wrong laws."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, plain


def broadcasting(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> None:
    """Above, a column and a row are repeated and added; below, a gradient is added up to a column and to a row.

    Args:
        a: (n, 1).
        b: (m,).
        g: (n, m), the gradient that arrives.
    """
    _, axes = plt.subplots(2, 1, figsize=(7, 5.4), layout="constrained")
    _grids(axes[0], a, b[None, :], a + b, ("a (3, 1)", "b (4,)", "a + b (3, 4)"))
    sums = g.sum(axis=1, keepdims=True), g.sum(axis=0, keepdims=True)  # (n, 1), (1, m)
    _grids(axes[1], *sums, g, ("for a: sum of each row", "for b: sum of each column", "g arrives (3, 4)"))
    _arrow(axes[0], "-|>", "forward: repeat")
    _arrow(axes[1], "<|-", "back: add up")
    plt.show()


def _grids(axis, column: np.ndarray, row: np.ndarray, whole: np.ndarray, titles: tuple[str, ...]) -> None:
    places = (column, (0, 0), BLUE), (row, (2, 1), ORANGE), (whole, (8, 0), GREY)
    for (values, corner, colour), title in zip(places, titles, strict=True):
        _grid(axis, values, corner, title, colour)
    axis.set(xlim=(-0.8, 12.2), ylim=(-0.2, 3.6), aspect="equal")
    axis.axis("off")


def _grid(axis, values: np.ndarray, at: tuple[int, int], title: str, colour: str) -> None:
    rows, columns = values.shape
    for (i, j), value in np.ndenumerate(values):
        corner = at[0] + j, at[1] + rows - 1 - i
        axis.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", alpha=0.35))
        axis.text(corner[0] + 0.5, corner[1] + 0.5, f"{value:g}", ha="center", va="center")
    axis.text(at[0] + columns / 2, at[1] + rows + 0.15, title, ha="center", fontsize=9)


def _arrow(axis, style: str, title: str) -> None:
    axis.annotate("", (7.7, 1.5), (6.4, 1.5), arrowprops={"arrowstyle": style, "color": GREEN, "lw": 2})
    axis.set_title(title, loc="left", fontsize=10, color=GREEN)


def difference_quotients(h: np.ndarray, errors: dict[str, np.ndarray], chosen: float) -> None:
    """The error of a slope against the step h, on logarithmic scales: each line falls to a lowest point and rises again.

    Args:
        h: the steps.
        errors: for each way to measure the slope, the error at each step; dotted where the name ends in float32.
        chosen: the step at which a vertical line stands.
    """
    axis = plain(8, 3.6, "left: too small a step; right: too large a step")
    for name, error in errors.items():
        style = ":" if name.endswith("float32") else "-"
        axis.loglog(h, error, style, color=ORANGE if name.startswith("one") else BLUE, label=name)
    axis.axvline(chosen, color=GREEN, lw=1)
    axis.text(chosen, 1, f" h = {chosen:.0e}", color=GREEN, va="bottom")
    axis.set(xlabel="h", ylabel="error of the slope", ylim=(1e-13, 20))
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plt.show()


def verdicts(errors: np.ndarray, laws: list[str], cotangents: list[str], limit: float) -> None:
    """A table of what a check says of each law with each g: yellow where it finds an error, blue where the law passes.

    Args:
        errors: (laws, cotangents), the largest error that was found.
        laws: the names of the rows.
        cotangents: the names of the columns.
        limit: the largest error that passes.
    """
    axis = plain(5, 3, "what does the check say?")
    axis.imshow(errors > limit, cmap="cividis", vmin=-0.6, vmax=1.2, aspect="auto")
    for (i, j), error in np.ndenumerate(errors):
        said, colour = ("wrong", "black") if error > limit else ("passes", "white")
        axis.text(j, i, f"{said} (error {error:.0e})", ha="center", va="center", color=colour)
    axis.set_xlabel("g")
    axis.set_xticks(range(len(cotangents)), cotangents)
    axis.set_yticks(range(len(laws)), laws)
    plt.show()
