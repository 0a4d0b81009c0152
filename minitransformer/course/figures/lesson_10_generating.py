"""The pictures of lesson 10: drawing by shares, what temperature and cutting do to them, beams, and the price of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np

from minitransformer.course.figures.style import BLUE, GREY, ORANGE, drawing, plain


def what_may_follow(names: Sequence[str], shares: np.ndarray) -> None:
    """The likeliest tokens after a text: a few have most of the shares.

    Args:
        names: of the likeliest tokens.
        shares: (n,), of each.
    """
    axis = plain(8, 2.2, "what may follow")
    axis.bar(range(len(names)), shares, color=BLUE)
    axis.set(xticks=range(len(names)), xticklabels=names, ylabel="share")
    plt.show()


def throws_on_a_line(shares: np.ndarray, throws: np.ndarray) -> None:
    """The shares lie end to end on a line; a throw hits a piece as often as the piece is long.

    Args:
        shares: (n,), with the sum 1.
        throws: (m,), numbers from 0 to 1.
    """
    axis = plain(7, 1.5, f"{len(throws)} throws on the line of {len(shares)} shares")
    for i, (end, share) in enumerate(zip(np.cumsum(shares), shares, strict=True)):
        axis.barh(0, share, left=end - share, color=(BLUE, ORANGE)[i % 2], alpha=0.6, edgecolor="white")
        axis.text(end - share / 2, 0, str(i), ha="center", va="center")
    axis.plot(throws, np.full(len(throws), 0.55), "v", color="black", ms=5)
    axis.set(yticks=[], xlim=(0, 1), ylim=(-0.45, 0.7))
    plt.show()


def at_temperature(names: Sequence[str], shares: np.ndarray, at_one: np.ndarray, temperature: float) -> None:
    """The shares of the best tokens at a temperature, beside those at 1: sharper below 1, more alike above.

    Args:
        names: of the best tokens, n of them.
        shares: (n,), at the temperature.
        at_one: (n,), at temperature 1.
        temperature: the temperature.
    """
    axis = plain(8, 2.8, "what may follow")
    for place, p, name, colour, hatch in (
        (-0.2, at_one, "temperature 1", GREY, ""),
        (0.2, shares, f"temperature {temperature:.2g}", BLUE, "//"),
    ):
        label = f"{name}: all other tokens together {1 - p.sum():.0%}"
        axis.bar(
            np.arange(len(p)) + place, p, 0.38, color=colour, hatch=hatch, edgecolor="white", label=label
        )
    axis.set(xticks=range(len(names)), xticklabels=names, ylabel="share", ylim=(0, 1))
    axis.legend(frameon=False)
    plt.show()


def tails(shares: Mapping[str, np.ndarray], k: int, p: float) -> None:
    """Where top-k and top-p cut: always after k tokens, or sooner if the model is sure.

    Args:
        shares: for each beginning of a text, the shares of what may follow, the largest first.
        k: how many top-k keeps.
        p: the sum that top-p reaches.
    """
    _, axes = plt.subplots(1, len(shares), figsize=(9, 2.8), layout="constrained", sharey=True)
    for axis, (start, ranked) in zip(axes, shares.items(), strict=True):
        stays = int((np.cumsum(ranked) - ranked < p).sum())
        axis.bar(range(40), ranked[:40], color=[BLUE if i < stays else GREY for i in range(40)])
        axis.axvline(k - 0.5, color=ORANGE, ls="--", label=f"top-k, k = {k}")
        axis.plot([], [], "s", color=BLUE, label=f"top-p, p = {p:g}: {stays} tokens")
        axis.set(title=f"after {start!r}", xlabel="tokens by rank", ylim=(0, 0.7))
        axis.legend(frameon=False)
    axes[0].set(ylabel="share")
    plt.show()


def ways(points: Mapping[str, Sequence[float]], titles: Sequence[str], real: str) -> None:
    """Bars for each way to choose tokens, and for real text.

    Args:
        points: for each way its numbers, one for each title.
        titles: what the numbers are.
        real: the name of the bar for real text.
    """
    _, axes = plt.subplots(1, len(titles), figsize=(9, 2.6), layout="constrained", sharey=True)
    colours = [ORANGE if name == real else BLUE for name in points]
    for axis, values, title in zip(axes, zip(*points.values(), strict=True), titles, strict=True):
        axis.barh(list(points), values, color=colours)
        for i, value in enumerate(values):
            axis.text(value, i, f" {value:.2f}", va="center", fontsize=9)
        axis.set(title=title, xlim=(0, 1.15 * max(values)))
    axes[0].invert_yaxis()
    plt.show()


PLACES = {
    "": (0, 1.5),
    "a": (1, 2.4),
    "b": (1, 0.4),
    "aa": (2, 2.9),
    "ab": (2, 1.9),
    "ba": (2, 0.8),
    "bb": (2, 0),
}


def two_steps(share: Mapping[str, float], greedy: Sequence[str], best: Sequence[str]) -> None:
    """A tree of two steps: greedy choice takes the larger share first, and misses the path with the largest product.

    Args:
        share: of "a" and "b", and of each second letter after the first, as "ab".
        greedy: the two nodes on the path that greedy choice takes.
        best: the two nodes on the best path.
    """
    axis = drawing(6, 3)
    axis.plot(*PLACES[""], "o", ms=22, mfc="white", mec=GREY)
    for name, s in share.items():
        style = (ORANGE, "--") if name in greedy else (BLUE, "-") if name in best else (GREY, ":")
        _step(axis, name, f"{s:g}", *style)
        if len(name) == 2:
            x, y = PLACES[name]
            axis.text(x + 0.15, y, f"{s * share[name[0]]:.2f}", va="center", color=style[0])
    axis.set(xlim=(-0.2, 2.5), ylim=(-0.3, 3.3), title="greedy: dashed; the best: solid")
    plt.show()


def _step(axis, name: str, label: str, colour: str, line: str) -> None:
    """One line of the tree, with its share, and the node at its end."""
    (x0, y0), (x1, y1) = PLACES[name[:-1]], PLACES[name]
    axis.plot([x0, x1], [y0, y1], line, color=colour, lw=2, zorder=0)
    axis.text((x0 + x1) / 2, (y0 + y1) / 2 + 0.12, label, ha="center", color=colour)
    axis.plot(x1, y1, "o", ms=22, mfc="white", mec=colour)
    axis.text(x1, y1, name[-1], ha="center", va="center")


def may_look(seen: np.ndarray) -> None:
    """Which keys each new query may look at: all in the cache, and the new ones up to its own place.

    Args:
        seen: (T, S + T) bool, for T new tokens after S in the cache.
    """
    new, places = seen.shape
    cached = places - new
    axis = plain(4.5, 2.2, f"{cached} tokens in the cache, {new} new ones")
    axis.imshow(seen, cmap="Blues", vmin=0, vmax=1.5)
    axis.axvline(cached - 0.5, color=ORANGE, lw=2, ls="--")
    axis.set(xticks=range(places), yticks=range(new), yticklabels=range(cached, places))
    axis.set(xlabel="key at place", ylabel="query at place")
    plt.show()


def prices(seconds: Mapping[str, np.ndarray]) -> None:
    """The time to write a text grows as the square of its length without a cache, and as the length with one.

    Args:
        seconds: for each way the time after each token.
    """
    axis = plain(5, 2.8, "the price of a text")
    for (name, times), (colour, line) in zip(seconds.items(), ((ORANGE, "--"), (BLUE, "-")), strict=True):
        axis.plot(times, color=colour, ls=line, label=name)
    axis.set(xlabel="tokens", ylabel="seconds")
    axis.legend(frameon=False)
    plt.show()
