"""The pictures of lesson 14."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, drawing, plain

WIDE, HIGH = 2.6, 0.7  # of a box


def encoder_and_decoder() -> None:
    """The first Transformer: the encoder reads a text, the decoder writes the answer and looks at what was read."""
    axis = drawing(8, 4)
    axis.set(xlim=(-1.6, 9.6), ylim=(-0.6, 5.6))
    encoder = {1.2: ("self-attention", BLUE), 3.2: ("feed-forward", BLUE)}
    decoder = {
        1.2: ("self-attention,\nlooks back only", ORANGE),
        2.2: ("cross-attention", GREEN),
        3.2: ("feed-forward", ORANGE),
    }
    _stack(axis, 1.5, "the text, read whole", encoder, "memory: a vector for each token")
    _stack(axis, 6.5, "the answer so far", decoder, "the next token")
    axis.plot([3.3, 4.3, 4.3], [4.8, 4.8, 2.2], color=GREEN, lw=1.3)
    _arrow(axis, (4.3, 2.2), (6.5 - WIDE / 2, 2.2), GREEN)
    axis.text(4.1, 3.2, "keys and\nvalues", color=GREEN, ha="right", fontsize=9)
    for x, name, colour in ((-1.2, "encoder", BLUE), (9.2, "decoder", ORANGE)):
        axis.text(x, 2.2, f"{name}, N layers", color=colour, rotation=90, ha="center", va="center")
    plt.show()


def _stack(axis: Axes, x: float, below: str, boxes: Mapping[float, tuple[str, str]], above: str) -> None:
    """Boxes above each other, from what goes in to what comes out."""
    heights = [0.0, *boxes, 4.6]
    for low, high in zip(heights, heights[1:], strict=False):
        _arrow(
            axis, (x, low + (HIGH / 2 if low else 0.2)), (x, high - (HIGH / 2 if high < 4.6 else 0.2)), GREY
        )
    for y, (name, colour) in boxes.items():
        axis.add_patch(Rectangle((x - WIDE / 2, y - HIGH / 2), WIDE, HIGH, fc="white", ec=colour, lw=1.8))
        axis.text(x, y, name, color=colour, ha="center", va="center", fontsize=9)
    axis.text(x, 0, below, ha="center", va="center")
    axis.text(x, 4.8, above, ha="center", va="center")


def _arrow(axis: Axes, start: tuple, end: tuple, colour: str) -> None:
    look = {"arrowstyle": "-|>", "color": colour, "lw": 1.3, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", end, start, arrowprops=look)


def influences(moved: Mapping[str, np.ndarray]) -> None:
    """Which results (rows) move when a token (column) is replaced: dark where they do.

    Args:
        moved: name of a model -> (results, tokens), 0 where nothing moves.
    """
    _, axes = plt.subplots(1, len(moved), figsize=(8, 2.9), layout="constrained")
    for axis, (name, table) in zip(axes, moved.items(), strict=True):
        axis.imshow(table > 0, cmap="Blues", vmin=0, vmax=1.6)
        axis.set(
            title=name,
            xlabel="token that is replaced",
            xticks=range(table.shape[1]),
            yticks=range(len(table)),
        )
    axes[0].set_ylabel("result that moves")
    plt.show()


def buckets(both_ways: np.ndarray, back_only: np.ndarray) -> None:
    """The bucket of each query (row) and key (column): bands along the diagonal, wider with distance.

    Args:
        both_ways: (T, T), of the encoder.
        back_only: (T, T), of the decoder, in which keys ahead are hidden.
    """
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    ahead = ~np.tri(len(back_only), dtype=bool)
    shown = {"encoder: both ways": both_ways, "decoder: back only": np.ma.masked_where(ahead, back_only)}
    for axis, (name, table) in zip(axes, shown.items(), strict=True):
        image = axis.imshow(table, cmap="cividis", vmin=0, vmax=both_ways.max(), interpolation="nearest")
        axis.set(title=name, xlabel="key", ylabel="query")
    figure.colorbar(image, ax=axes, label="bucket")
    plt.show()


def rounded_corners(z: np.ndarray, curves: Mapping[str, np.ndarray]) -> None:
    """relu with its corner, and the curves that round it off.

    Args:
        z: (n,) inputs.
        curves: three names -> (n,) outputs.
    """
    axis = plain(4.5, 2.6, "the corner, rounded off")
    for (name, y), colour, line in zip(curves.items(), (GREY, BLUE, ORANGE), (":", "-", "--"), strict=True):
        axis.plot(z, y, line, color=colour, label=name)
    axis.set_xlabel("z")
    axis.legend(frameon=False)
    plt.show()


def pairs(kinds: Mapping[str, Sequence[tuple[int, int]]]) -> None:
    """Which channels turn together: each pair has a colour, and a bow between the two.

    Args:
        kinds: name of a convention -> pairs of channels.
    """
    _, axes = plt.subplots(len(kinds), 1, figsize=(6, 2.4), layout="constrained")
    for axis, (name, both) in zip(axes, kinds.items(), strict=True):
        for (a, b), colour in zip(both, (BLUE, ORANGE, GREEN, GREY), strict=True):
            _pair(axis, a, b, colour)
        axis.set(xlim=(-0.6, 2 * len(both) - 0.4), ylim=(-0.5, 1.4))
        axis.set_title(name, fontsize=9)
        axis.axis("off")
    plt.show()


def _pair(axis: Axes, a: int, b: int, colour: str) -> None:
    bend = f"arc3,rad={-0.35 if b - a > 1 else -0.8}"
    look = {"arrowstyle": "-", "color": colour, "connectionstyle": bend, "lw": 1.5}
    axis.annotate("", (b, 0.05), (a, 0.05), arrowprops=look)
    axis.scatter([a, b], [0, 0], s=260, color=colour, zorder=2)
    for channel in (a, b):
        axis.text(channel, 0, str(channel), color="white", ha="center", va="center", fontsize=9)


def cache_sizes(tokens: Sequence[int], sizes: Mapping[str, Sequence[float]]) -> None:
    """How much memory keys and values take: the fewer groups, the shorter the bars.

    Args:
        tokens: numbers of tokens.
        sizes: three kinds of attention -> MiB for each number of tokens.
    """
    axis = plain(6, 2.6)
    for i, ((name, mib), colour) in enumerate(zip(sizes.items(), (GREY, BLUE, ORANGE), strict=True)):
        bars = axis.barh(np.arange(len(tokens)) + 0.27 * (1 - i), mib, 0.25, color=colour, label=name)
        axis.bar_label(bars, fmt="%.0f", fontsize=8, padding=2)
    axis.set_yticks(range(len(tokens)), [f"{n:,} tokens" for n in tokens])
    axis.set(xlabel="MiB of keys and values", xlim=(0, 1.2 * max(max(mib) for mib in sizes.values())))
    axis.legend(fontsize=8)
    plt.show()
