"""The pictures of lesson 07."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from minitransformer.course.figures.matrices import attention_map, numbers
from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, plain

SMOOTH = 20  # steps, of which the mean is drawn


def means(pairs: Sequence[tuple[float, float]], found: Sequence[float]) -> None:
    """Two pairs of values whose mean is the same.

    Args:
        pairs: the values of two tokens, for each example.
        found: their mean, for each example.
    """
    _, axes = plt.subplots(1, len(pairs), figsize=(7, 2.2), sharey=True, layout="constrained")
    for axis, pair, mean in zip(axes, pairs, found, strict=True):
        bars = axis.bar(["animal", "tired", "the mean: it"], [*pair, mean], color=[BLUE, ORANGE, GREY])
        axis.bar_label(bars, padding=2)
        axis.set_ylim(0, 10.5)
    axes[0].set_ylabel("value")
    plt.show()


def two_errors(errors: Mapping[int, Sequence[float]]) -> None:
    """The error of one head, which stays above 5/12, and that of two heads, which falls towards 0.

    Args:
        errors: number of heads -> the error of each step.
    """
    axis = plain(5.2, 2.8, "two answers from one head, and from two")
    for (heads, each), colour in zip(errors.items(), (ORANGE, BLUE), strict=True):
        axis.semilogy(_smooth(each), color=colour, label=f"{heads} head" if heads == 1 else f"{heads} heads")
    axis.axhline(5 / 12, color=GREY, ls=":", label="the best for one head, 5/12")
    axis.set(xlabel="step", ylabel="squared error")
    axis.legend(frameon=False, fontsize=8)
    plt.show()


def _smooth(errors: Sequence[float]) -> np.ndarray:
    """The running mean of the errors."""
    return np.convolve(errors, np.ones(SMOOTH) / SMOOTH, "valid")


def maps(shares: Mapping[str, np.ndarray], tokens: Sequence[str] = ()) -> None:
    """Attention maps side by side: a row for each query, dark where its share is large.

    Args:
        shares: title -> (T, T).
        tokens: names of the T rows and columns; without them they are numbered.
    """
    size = (10, 3.8) if tokens else (8, 2.9)
    _, axes = plt.subplots(1, len(shares), figsize=size, layout="constrained")
    for axis, (title, weights) in zip(axes, shares.items(), strict=True):
        attention_map(axis, weights, title, tokens)
    plt.show()


def owners(tables: Mapping[str, np.ndarray]) -> None:
    """The numbers of two tokens as boxes, in the colour of the head that each gets to.

    Args:
        tables: title -> (T, C), the head of each number.
    """
    _, axes = plt.subplots(1, len(tables), figsize=(9, 1.8), layout="constrained")
    for axis, (title, table) in zip(axes, tables.items(), strict=True):
        for (t, c), head in np.ndenumerate(table):
            _box(axis, c, t, f"head {head}", (BLUE, ORANGE, GREEN)[head])
        axis.set(xlim=(-0.5, table.shape[1] - 0.5), ylim=(len(table) - 0.5, -0.5), xlabel="channel")
        axis.set_title(title)
        axis.set_yticks(range(len(table)), [f"token {t}" for t in range(len(table))])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    plt.show()


def _box(axis: Axes, x: float, y: float, text: str, colour: str) -> None:
    """A coloured box with a text, its middle at (x, y)."""
    axis.add_patch(Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, color=colour))
    axis.text(x, y, text, ha="center", va="center", color="white", fontsize=8)


def loss(errors: Sequence[float]) -> None:
    """The error of each training step, as a running mean: it falls.

    Args:
        errors: one for each step.
    """
    axis = plain(5.2, 2.2, "two heads learn to tell praise from blame")
    axis.plot(_smooth(errors), color=BLUE)
    axis.set(xlabel="step", ylabel="error", ylim=(0, None))
    plt.show()


def read(texts: Sequence[Sequence[str]], shares: Sequence[np.ndarray]) -> None:
    """The words of sentences, and the share that each head gives to each word.

    Args:
        texts: the T words of each sentence.
        shares: (H, T) for each sentence.
    """
    _, axes = plt.subplots(len(texts), 1, figsize=(9, 1.4 * len(texts)), layout="constrained")
    for axis, words, table in zip(axes, texts, shares, strict=True):
        axis.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        numbers(axis, table, ".2f", table > 0.5, size=8)
        axis.set_yticks(range(len(table)), [f"head {h}" for h in range(len(table))])
        axis.set_xticks(range(len(words)), words)
    plt.show()
