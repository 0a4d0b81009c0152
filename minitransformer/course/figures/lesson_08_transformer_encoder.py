"""The pictures of lesson 08."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from minitransformer.course.figures.matrices import numbers
from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, drawing, plain

LINES = ((ORANGE, "o--"), (BLUE, "s-"))
ARROW = {"arrowstyle": "-|>", "color": GREY}


def layers(states: Sequence[np.ndarray]) -> None:
    """The vectors of all tokens after each layer: with each layer the rows become more alike.

    Args:
        states: (T, C) before the first layer, and after each.
    """
    _, axes = plt.subplots(1, len(states), figsize=(9, 1.9), layout="constrained", sharey=True)
    for depth, (axis, x) in enumerate(zip(axes, states, strict=True)):
        axis.imshow(x / abs(x).max(), cmap="RdBu", vmin=-1, vmax=1)
        axis.set(title=f"{depth} layer{'' if depth == 1 else 's'}", xlabel="channel")
    axes[0].set_ylabel("token")
    plt.show()


def stacks(depths: Sequence[int], measured: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """How different tokens are after some layers, and which gradient arrives at the first, with and without addition.

    Args:
        depths: numbers of layers.
        measured: a name, and for each depth the difference of the tokens and the size of the gradient.
    """
    _, axes = plt.subplots(1, 2, figsize=(9, 2.9), layout="constrained")
    for (name, pairs), (colour, look) in zip(measured.items(), LINES, strict=True):
        for axis, values in zip(axes, zip(*pairs, strict=True), strict=True):
            axis.semilogy(depths, values, look, ms=4, color=colour, label=name)
    axes[0].set(xlabel="layers", title="how different the tokens are at the end")
    axes[1].set(xlabel="layers", title="size of the gradient at the first layer")
    for axis in axes:
        axis.legend(frameon=False)
    plt.show()


def normalized(before: np.ndarray, after: np.ndarray) -> None:
    """Layer normalization of three channels, seen along (1, 1, 1): every vector moves along its ray to a circle.

    Args:
        before: (N, 2), vectors minus their mean, in the plane.
        after: (N, 2), what layer normalization makes of them.
    """
    axis = plain(3.8, 3.6, "seen from (1, 1, 1)")
    axis.add_patch(Circle((0, 0), 3**0.5, fill=False, color=GREY))
    for start, end in zip(before.tolist(), after.tolist(), strict=True):
        axis.annotate("", end, start, arrowprops={**ARROW, "shrinkB": 3})
    axis.plot(*before.T, "o", ms=6, color=ORANGE, label="x minus its mean")
    axis.plot(*after.T, "s", ms=5, color=BLUE, label="z")
    axis.set(aspect="equal", xticks=[], yticks=[], xlim=(-4.5, 4.5), ylim=(-4, 5))
    axis.legend(frameon=False, loc="upper center", ncols=2, fontsize=8)
    plt.show()


def hinges(line: np.ndarray, target: np.ndarray, parts: Mapping[int, np.ndarray], bias: float) -> None:
    """A curve, and a sum of hinges that follows it, better with more hinges.

    Args:
        line: (N,), the inputs.
        target: (N,), the curve.
        parts: number F of hinges -> (N, F), what each adds.
        bias: what is added to their sum.
    """
    _, axes = plt.subplots(1, len(parts), figsize=(9, 2.8), layout="constrained")
    for axis, (count, each) in zip(axes, parts.items(), strict=True):
        grey = axis.plot(line, each, color=GREY, lw=0.6)
        grey[0].set_label("the hinges")
        axis.plot(line, target, "--", color=ORANGE, lw=2, label="sin 2x")
        axis.plot(line, each.sum(axis=1) + bias, color=BLUE, label="their sum")
        axis.set(ylim=(-2.2, 2.2), title=f"{count} hinges", xlabel="x")
    axes[0].legend(frameon=False, fontsize=8, ncols=3, loc="upper center")
    plt.show()


def blocks() -> None:
    """The block with normalization after each sum, and first in each branch: a stream with two branches."""
    _, axes = plt.subplots(1, 2, figsize=(7, 4.2), layout="constrained")
    post = {"attention": (1.6, 1), "norm1": (4.0, 0), "network": (6.4, 1), "norm2": (8.8, 0)}
    pre = {"norm1": (1.0, 1), "attention": (2.2, 1), "norm2": (5.8, 1), "network": (7.0, 1)}
    _block(axes[0], "after each sum: post-norm", post)
    _block(axes[1], "first in each branch: pre-norm", pre)
    plt.show()


def _block(axis: Axes, title: str, boxes: Mapping[str, tuple[float, float]]) -> None:
    """A block from the bottom up: text -> (height, 0 for the stream or 1 for its branches)."""
    axis.annotate("", (0, 9.6), (0, -0.6), arrowprops={"arrowstyle": "-|>", "color": "black", "lw": 2})
    for start in (0, 4.8):  # out of the stream, through the boxes, and back to the plus
        end = start + 3.2
        axis.plot([0, 1, 1, 0.13], [start, start, end, end], color=GREY, lw=1.5, zorder=0)
        axis.annotate("", (0.07, end), (0.2, end), arrowprops=ARROW)
        _text_box(axis, 0, end, "+", GREY, "circle,pad=0.12")
    colours = {"attention": BLUE, "network": ORANGE}
    for text, (height, branch) in boxes.items():
        _text_box(axis, branch, height, text, colours.get(text, GREEN), "round,pad=0.3")
    axis.set(xlim=(-0.6, 1.6), ylim=(-0.9, 9.9), title=title)
    axis.axis("off")


def _text_box(axis: Axes, x: float, y: float, text: str, colour: str, shape: str) -> None:
    """White text in a coloured box."""
    look = {"boxstyle": shape, "fc": colour, "ec": "none"}
    axis.text(x, y, text, color="white", ha="center", va="center", bbox=look, fontsize=9)


def last_gradients(depths: np.ndarray, sizes: Mapping[str, np.ndarray]) -> None:
    """The gradient of the last layer: about the same for any depth with post-norm, falling with pre-norm.

    Args:
        depths: numbers of layers.
        sizes: name -> the size of the gradient for each depth, relative to that for the first depth.
    """
    axis = plain(5, 2.8, f"gradient of the last layer, relative to {depths[0]} layers")
    for (name, values), (colour, look) in zip(sizes.items(), LINES, strict=True):
        axis.loglog(depths, values, look, color=colour, label=name)
    axis.loglog(depths, (depths / depths[0]) ** -0.5, ":", color=GREY, label=r"$1/\sqrt{\mathrm{depth}}$")
    axis.set(xlabel="layers", xticks=depths, xticklabels=depths)
    axis.set_yticks([0.25, 0.5, 1], ["0.25", "0.5", "1"])
    axis.minorticks_off()
    axis.legend(frameon=False, fontsize=8)
    plt.show()


def model() -> None:
    """The model of the listing from left to right, with the shape after each part."""
    axis = drawing(9.5, 1.9)
    boxes = (
        ("encoder\ntimes $\\sqrt{C}$", "(T, B, C)", GREEN),
        ("pos_encoder", "(T, B, C)", GREEN),
        ("block 0", "(T, B, C)", BLUE),
        ("block 1", "(T, B, C)", BLUE),
        ("decoder", "(T, B, V)", ORANGE),
    )
    axis.text(0, 0, "src\n(T, B)", ha="center", va="center", fontsize=9)
    for i, (text, shape, colour) in enumerate(boxes):
        _text_box(axis, 2 * i + 1.6, 0, text, colour, "round,pad=0.5")
        axis.annotate("", (2 * i + 0.95, 0), (2 * i + 0.35, 0), arrowprops=ARROW)
        axis.text(2 * i + 2.6, -0.42, shape, ha="center", va="center", fontsize=8, color=GREY)
    axis.annotate("", (10.95, 0), (10.35, 0), arrowprops=ARROW)
    axis.text(11.5, 0, "logits", ha="center", va="center", fontsize=9)
    axis.plot([5.2, 8.0], [0.6, 0.6], color=GREY)
    axis.text(6.6, 0.7, "transformer_encoder, with src_mask", ha="center", fontsize=9, color=GREY)
    axis.set(xlim=(-0.5, 12), ylim=(-0.6, 1.0))
    plt.show()


def mask(steps: Mapping[str, np.ndarray]) -> None:
    """The mask of the listing, step by step; dark is where a query may look.

    Args:
        steps: code -> (T, T); the last is 0 where a query may look, and -inf where it may not.
    """
    _, axes = plt.subplots(1, len(steps), figsize=(8, 2.6), layout="constrained")
    for axis, (code, table) in zip(axes, steps.items(), strict=True):
        dark = table == (0 if np.isinf(table).any() else 1)
        axis.imshow(dark, cmap="Blues", vmin=0, vmax=1.4)
        numbers(axis, table, ".0f", dark)
        axis.set(xticks=[], yticks=[])
        axis.set_title(code, fontsize=9)
    plt.show()


def changes(tables: Mapping[str, np.ndarray], changed: tuple[int, int]) -> None:
    """Where the output of a model changes when one token changes.

    Args:
        tables: title -> (B, T) bool, where it changes.
        changed: the text and the place of the token.
    """
    _, axes = plt.subplots(1, len(tables), figsize=(7, 1.9), layout="constrained")
    for axis, (title, moved) in zip(axes, tables.items(), strict=True):
        axis.imshow(moved, cmap="Blues", vmin=0, vmax=1.4)
        axis.plot(changed[1], changed[0], "o", color=ORANGE, label="the token that changes")
        axis.set(title=title, xlabel="place", xticks=range(moved.shape[1]))
        axis.set_yticks(range(len(moved)), [f"text {row}" for row in range(len(moved))])
    axes[0].legend(loc="lower left", fontsize=7)
    plt.show()
