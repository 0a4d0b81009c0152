"""The pictures of lesson 11."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from minitransformer.course.figures.style import BLUE, GREY, ORANGE, drawing, plain, tokens_below

SIGNED = LinearSegmentedColormap.from_list("against and for", [BLUE, "white", ORANGE])


def sums(cases: Mapping[str, tuple[float, float]]) -> None:
    """Outputs beside the sums of gradient times input: they are equal only for a weighted sum.

    Args:
        cases: a name, the output, and the sum of gradient times input.
    """
    axis = plain(6.5, 2.8, "equal only for the weighted sum")
    places = np.arange(len(cases))
    outputs, parts = zip(*cases.values(), strict=True)
    axis.bar(places - 0.2, outputs, 0.38, color=GREY, label="the output y")
    axis.bar(places + 0.2, parts, 0.38, color=BLUE, label="sum of gradient x input")
    axis.set_xticks(places, cases)
    axis.axhline(0, color="black", lw=0.8)
    axis.legend(frameon=False)
    plt.show()


def stabilisers(eps: float) -> None:
    """1 / z, and 1 / z with a stabiliser: with the sign of z it is bounded, without it is not.

    Args:
        eps: the stabiliser.
    """
    z = np.linspace(-0.4, 0.4, 401)
    _, axes = plt.subplots(1, 2, figsize=(8, 2.7), layout="constrained", sharey=True)
    _inverse(axes[0], z, z + eps * np.where(z < 0, -1, 1), "z + eps sign(z): never above 1 / eps")
    _inverse(axes[1], z, z + eps, "z + eps: infinite at z = -eps")
    axes[0].set_ylabel("1 / z (grey), 1 / S(z)")
    plt.show()


def _inverse(axis: Axes, z: np.ndarray, stable: np.ndarray, title: str) -> None:
    for values, colour, width in ((z, GREY, 1), (stable, ORANGE, 2)):
        for side in (values < -1e-9, values > 1e-9):
            axis.plot(z[side], 1 / values[side], color=colour, lw=width)
    axis.set(ylim=(-40, 40), xlabel="z", title=title)


def walk(levels: Sequence[np.ndarray], messages: Sequence[np.ndarray]) -> None:
    """Relevance on its way through a network, from the output on the right to the inputs on the left.

    Args:
        levels: (n,), the relevance of the units of each layer, inputs first.
        messages: (n_out, n_in), what each unit gives to each unit of the layer before it.
    """
    axis = drawing(7.5, 3.2)
    for i, message in enumerate(messages):
        _lines(axis, i, message, levels[-1][0])
    for i, level in enumerate(levels):
        for height, amount in zip(_heights(level), level, strict=True):
            axis.plot(i, height, "o", ms=26, mfc="white", mec=GREY)
            axis.text(i, height, f"{amount:.2f}", ha="center", va="center", fontsize=8)
        axis.text(i, 2.0, f"sum {level.sum():.2f}", ha="center", color=GREY)
    axis.set(xlim=(-0.3, len(levels) - 0.7), ylim=(-1.9, 2.3))
    axis.set_title("relevance, from the output (right) to the inputs (left); the sums differ by the biases")
    plt.show()


def _heights(level: np.ndarray) -> np.ndarray:
    """Where the units of a layer are drawn."""
    return np.arange(len(level)) - (len(level) - 1) / 2


def _lines(axis: Axes, i: int, message: np.ndarray, output: float) -> None:
    """A line for each message from layer i + 1 to layer i, as thick as its share of the output."""
    ends = _heights(message[0])
    starts = _heights(message[:, 0])
    for (j, k), amount in np.ndenumerate(message):
        colour = ORANGE if amount > 0 else BLUE
        width = 8 * abs(amount / output)
        axis.plot([i, i + 1], [ends[k], starts[j]], color=colour, lw=width, alpha=0.6, solid_capstyle="butt")


def rules(shares: Mapping[str, np.ndarray]) -> None:
    """The relevance of each input by several rules.

    Args:
        shares: a rule, and the relevance of the n inputs, (n,).
    """
    _, axes = plt.subplots(1, len(shares), figsize=(9, 2.3), layout="constrained")
    for axis, (name, relevance) in zip(np.atleast_1d(axes), shares.items(), strict=True):
        axis.bar(range(len(relevance)), relevance, color=np.where(relevance > 0, ORANGE, BLUE))
        axis.axhline(0, color="black", lw=0.8)
        axis.set(title=name, xlabel="input", xticks=range(len(relevance)))
    plt.show()


def tangent(x0: float, other: float) -> None:
    """The softmax of two scores, of which one moves, and its tangent: slope times score, and a rest.

    Args:
        x0: the score at which the tangent touches.
        other: the score that does not move.
    """
    x = np.linspace(-4, 4, 200)
    share = 1 / (1 + np.exp(other - x))
    s0 = 1 / (1 + np.exp(other - x0))
    slope = s0 * (1 - s0)
    axis = plain(5.6, 3)
    axis.plot(x, share, color=GREY, label=f"share s, the other score being {other:g}")
    axis.plot(x, s0 + slope * (x - x0), color=ORANGE, ls="--", label=f"its tangent at x = {x0:g}")
    axis.plot(x0, s0, "o", color=ORANGE)
    _span(axis, 0, 0, s0 - slope * x0, BLUE, "the rest: the other\nscore and the constant")
    _span(axis, x0, s0 - slope * x0, s0, ORANGE, "slope times x")
    axis.set(xlabel="score x", ylim=(-0.15, 1.15))
    axis.legend(frameon=False, loc="upper left", fontsize=9)
    plt.show()


def _span(axis: Axes, x: float, low: float, high: float, colour: str, text: str) -> None:
    """A vertical arrow with two heads, and what it measures."""
    axis.annotate("", (x, high), (x, low), arrowprops={"arrowstyle": "<->", "color": colour})
    axis.text(x + 0.15, (low + high) / 2, text, color=colour, va="center", fontsize=9)


def ways(tokens: Sequence[str], relevance: Mapping[str, np.ndarray]) -> None:
    """The relevance of each token by several methods, each with a scale of its own.

    Args:
        tokens: T of them.
        relevance: a method, and (T,).
    """
    _, axes = plt.subplots(1, len(relevance), figsize=(9, 3.8), layout="constrained", sharey=True)
    for axis, (name, amounts) in zip(axes, relevance.items(), strict=True):
        axis.barh(range(len(tokens)), amounts, color=np.where(amounts > 0, ORANGE, BLUE))
        axis.axvline(0, color="black", lw=0.8)
        axis.set_title(name)
    axes[0].set_yticks(range(len(tokens)), tokens, fontsize=8)
    axes[0].invert_yaxis()
    plt.show()


def places(tokens: Sequence[str], rows: Mapping[str, np.ndarray]) -> None:
    """The relevance at every place after each layer, the last layer at the top.

    Args:
        tokens: T of them.
        rows: a name, and (T,).
    """
    picture = np.stack(list(rows.values()))  # (layers, T)
    limit = abs(picture).max()
    axis = plain(8.5, 2.6)
    image = axis.imshow(picture, cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto")
    tokens_below(axis, list(tokens))
    axis.set_yticks(range(len(rows)), [f"{name}\n(sum {row.sum():+.2f})" for name, row in rows.items()])
    axis.tick_params(labelsize=8)
    axis.figure.colorbar(image, ax=axis, label="relevance")
    plt.show()
