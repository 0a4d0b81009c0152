"""Matrices as pictures: attention weights in blue, and numbers written in their squares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from minitransformer.course.figures.style import tokens_below


def attention_map(axis: Axes, weights: np.ndarray, title: str = "", tokens: Sequence[str] = ()) -> None:
    """Draw attention weights: a row for each query, a column for each key; the darker, the larger.

    Args:
        axis: the axes.
        weights: (T, S), from 0 to 1.
        title: what stands above.
        tokens: a name for each row and column; without them, they are numbered.
    """
    axis.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    axis.set(title=title, xlabel="key", ylabel="query")
    names = list(tokens) or [str(row) for row in range(len(weights))]
    axis.set_yticks(range(len(weights)), names)
    if tokens:
        tokens_below(axis, names)
    else:
        axis.set_xticks(range(weights.shape[1]))


def numbers(axis: Axes, table: np.ndarray, form: str, light: np.ndarray, size: float = 9) -> None:
    """Write the numbers of a matrix into its squares, those that are NaN excepted.

    Args:
        axis: the axes, on which the matrix is drawn already.
        table: (rows, columns).
        form: the format of a number, such as ".2f".
        light: (rows, columns) bool, whether the number is white.
        size: of the letters, in points.
    """
    for (i, j), number in np.ndenumerate(table):
        if not np.isnan(number):
            text = f"{number:{form}}".replace("inf", r"$\infty$").replace("-$", r"$-")
            colour = "white" if light[i, j] else "black"
            axis.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)
