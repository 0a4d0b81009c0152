"""The pictures of lesson 06."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from minitransformer.course.figures.matrices import attention_map, numbers
from minitransformer.course.figures.style import BLUE, GREY, ORANGE, plain


def one_query(
    names: Sequence[str], q: np.ndarray, k: np.ndarray, scores: np.ndarray, shares: np.ndarray
) -> None:
    """A query and three keys as arrows; the score and the share of each key as bars.

    Args:
        names: the tokens of the keys.
        q: (2,), the query.
        k: (S, 2), the keys.
        scores: (S,).
        shares: (S,).
    """
    _, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for name, arrow in zip(("query of it", *names), (q, *k), strict=True):
        _arrow(left, arrow, name, ORANGE if arrow is q else BLUE)
    left.set(xlim=(-1.4, 2.8), ylim=(-1.5, 2.1), aspect="equal", title="one query, three keys")
    left.axhline(0, color=GREY, lw=0.5, zorder=0)
    left.axvline(0, color=GREY, lw=0.5, zorder=0)
    places = np.arange(len(names))
    right.bar(places - 0.2, scores, 0.4, color=GREY, label="score")
    right.bar(places + 0.2, shares, 0.4, color=BLUE, label="share")
    right.axhline(0, color="black", lw=0.6)
    right.set(xticks=places, xticklabels=names, title="scores, and the shares made from them")
    right.legend(frameon=False)
    plt.show()


def _arrow(axis: Axes, tip: np.ndarray, name: str, colour: str) -> None:
    """An arrow from the origin to `tip`, with its name clear of it."""
    axis.annotate("", (tip[0], tip[1]), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
    axis.text(tip[0], tip[1] + (0.15 if tip[1] > 0 else -0.3), name, color=colour, ha="center")


def larger_scores(scores: np.ndarray, shares: Mapping[float, np.ndarray]) -> None:
    """The shares of the same scores, multiplied by several factors: the larger the factor, the more the first gets.

    Args:
        scores: (n,).
        shares: factor -> (n,) shares of `factor * scores`.
    """
    _, axes = plt.subplots(1, len(shares), figsize=(9, 2.4), sharey=True, layout="constrained")
    for axis, (factor, bars) in zip(axes, shares.items(), strict=True):
        _bars(axis, bars, f"{factor} times the scores")
        axis.set_xticks(range(len(scores)), scores)
    axes[0].set_ylabel("share")
    axes[1].set_xlabel("score")
    plt.show()


def _bars(axis: Axes, shares: np.ndarray, title: str) -> None:
    """Shares as bars with their numbers above."""
    axis.bar(range(len(shares)), shares, color=BLUE)
    for i, share in enumerate(shares):
        axis.text(i, share + 0.02, f"{share:.2f}", ha="center", fontsize=8)
    axis.set(title=title, ylim=(0, 1.12))


def slopes(table: np.ndarray) -> None:
    """The slope of each share in each score: positive on the diagonal, negative everywhere else.

    Args:
        table: (n, n), row i the share, column j the score.
    """
    axis = plain(3.6, 3, "one share rises, all others fall")
    axis.imshow(table, cmap="PuOr", vmin=-0.3, vmax=0.3)
    numbers(axis, table, "+.3f", table > 0.15)
    axis.set(xlabel="score that changes, j", ylabel="share, i", xticks=range(4), yticks=range(4))
    plt.show()


def widths(d: Sequence[int], undivided: Sequence[float], divided: Sequence[float]) -> None:
    """The largest share against the number of channels, and the slope of a share against the share.

    Args:
        d: numbers of channels.
        undivided: the mean largest share for each d, of scores as they are.
        divided: the same, of scores divided by the root of d.
    """
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    left.plot(d, undivided, "o--", color=ORANGE, label="scores as they are")
    left.plot(d, divided, "o-", color=BLUE, label=r"divided by $\sqrt{d}$")
    left.set(xscale="log", xlabel="d", ylabel="mean largest share", ylim=(0, 1))
    left.set_xticks(d, d)
    left.minorticks_off()
    left.legend(frameon=False)
    share = np.linspace(0, 1, 101)
    right.plot(share, share * (1 - share), color=BLUE)
    right.set(xlabel="share s", ylabel="slope $s(1-s)$", title="near 0 and near 1 the slope is small")
    plt.show()


def divided(root: float, shares: np.ndarray) -> None:
    """Ten shares as bars, and the slope of each in its own score.

    Args:
        root: what the scores were divided by.
        shares: (10,).
    """
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 2.4), layout="constrained")
    _bars(left, shares, f"ten scores, divided by {root:.1f}")
    left.set(xlabel="key", ylabel="share", xticks=range(10))
    right.bar(range(10), shares * (1 - shares), color=GREY)
    right.set(xlabel="key", ylabel="slope $s(1-s)$", ylim=(0, 0.26), xticks=range(10), title="their slopes")
    plt.show()


def steps(tables: Mapping[str, np.ndarray]) -> None:
    """The matrices of one attention, side by side, with all their numbers.

    Args:
        tables: name -> (rows, columns).
    """
    shapes = [table.shape[1] for table in tables.values()]
    _, axes = plt.subplots(
        1, len(tables), figsize=(10, 1.9), width_ratios=[n + 0.5 for n in shapes], layout="constrained"
    )
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        shown = table / abs(table).max()
        axis.imshow(shown, cmap="Blues", vmin=0, vmax=1.3)
        numbers(axis, table.round(2), "g", shown > 0.8)
        axis.set(xticks=[], yticks=range(len(table)) if axis is axes[0] else [])
        axis.set_title(f"{name}\n{table.shape}", fontsize=9)
    axes[0].set_ylabel("token")
    plt.show()


def sentence(words: Sequence[str], shares: np.ndarray) -> None:
    """The attention weights of a sentence: row "it" is dark at "animal", all other rows are even.

    Args:
        words: the T words.
        shares: (T, T).
    """
    axis = plain(5, 4.2)
    attention_map(axis, shares, "one row for each query", words)
    axis.figure.colorbar(axis.images[0], label="share")
    plt.show()


def masks(mask: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Shares, masked before softmax and, wrongly, after it: there the rows do not sum to 1.

    Args:
        mask: (T, T) bool, True where a query may look.
        before: (T, T), shares of masked scores.
        after: (T, T), masked shares.
    """
    _, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    titles = ("masked before softmax", "wrong: masked after softmax")
    for axis, shares, title in zip(axes, (before, after), titles, strict=True):
        attention_map(axis, shares, title)
        numbers(axis, np.where(mask, shares, np.nan), ".2f", shares > 0.5, size=7)
    plt.show()
