"""The pictures of lesson 09: losses and their slopes, optimizers on their way, and what training does to the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np

from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, plain


def two_losses(
    score: np.ndarray, costs: Sequence[np.ndarray], slopes: Sequence[np.ndarray], names: Sequence[str]
) -> None:
    """Cross-entropy stays steep where the model is sure and wrong, at the left; the squared error is flat there.

    Args:
        score: (n,), of the right class.
        costs: the two losses, (n,) each.
        slopes: their slopes in the score, (n,) each.
        names: what the four curves are called: both losses, then both slopes.
    """
    _, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
    for axis, curves, labels, title in (
        (axes[0], costs, names[:2], "loss"),
        (axes[1], slopes, names[2:], "its slope in the score"),
    ):
        axis.plot(score, curves[0], color=BLUE, label=labels[0])
        axis.plot(score, curves[1], color=ORANGE, ls="--", label=labels[1])
        axis.set(xlabel="score of the right class", title=title)
        axis.legend(frameon=False)
    plt.show()


def guess_minus_truth(shares: np.ndarray, gradient: np.ndarray, right: int) -> None:
    """The gradient is the share, less 1 at the right class.

    Args:
        shares: (V,), of each class.
        gradient: (V,), of the loss in the scores.
        right: the right class.
    """
    axis = plain(4.5, 2.6, "guess minus truth")
    places = np.arange(len(shares))
    axis.bar(places - 0.2, shares, 0.4, color=BLUE, label="share")
    axis.bar(places + 0.2, gradient, 0.4, color=ORANGE, hatch="//", label="gradient")
    axis.axhline(0, color=GREY, lw=0.8)
    axis.set(xticks=places, xlabel=f"class; {right} is right")
    axis.legend(frameon=False)
    plt.show()


def running_mean(steps: np.ndarray, means: np.ndarray, corrected: np.ndarray) -> None:
    """A running mean that begins at 0 is too small for many steps; the corrected one is right from the first.

    Args:
        steps: (n,), from 1 on.
        means: (n,), the running mean m.
        corrected: (n,), m / (1 - beta^t).
    """
    axis = plain(4.5, 2.4, "the mean of a gradient that is always 1")
    axis.plot(steps, means, color=ORANGE, ls="--", label="m, begun at 0")
    axis.plot(steps, corrected, color=BLUE, label=r"$m / (1 - \beta_1^t)$")
    axis.set(xlabel="step t", ylim=(0, 1.1))
    axis.legend(frameon=False)
    plt.show()


WALKERS = ((ORANGE, ":"), (GREEN, "--"), (BLUE, "-"))  # colour and line of each optimizer


def valleys(height: Callable, walks: Mapping[bool, Mapping[str, tuple[np.ndarray, Sequence[float]]]]) -> None:
    """The ways of the optimizers on a map of each valley, and below it how high they are after each step.

    Args:
        height: `height(w, turned)`, of weights (2, ...), is how high the place w is.
        walks: for each of the two valleys, turned or not: for each optimizer its places (steps + 1, 2) and heights.
    """
    _, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained", height_ratios=(2, 1))
    for (map_of, heights_of), (turned, ways) in zip(axes.T, walks.items(), strict=True):
        _contours(map_of, lambda w, turned=turned: height(w, turned))
        for (name, (places, heights)), (colour, line) in zip(ways.items(), WALKERS, strict=True):
            map_of.plot(*places.T, line, color=colour, marker=".", ms=4, lw=1.3, label=name)
            heights_of.semilogy(heights, line, color=colour)
        map_of.set(title="turned by half a right angle" if turned else "along an axis")
        heights_of.set(xlabel="step", ylabel="height", ylim=(1e-8, 100))
    axes[0, 0].legend(frameon=False, fontsize=8, loc="lower right")
    plt.show()


def _contours(axis, height: Callable) -> None:
    """Lines through the places of the same height, and a star at the bottom."""
    grid = np.array(np.meshgrid(np.linspace(-4, 2, 81), np.linspace(-3.5, 2.5, 81)))  # (2, 81, 81)
    axis.contour(*grid, height(grid), levels=[0.3, 1, 3, 10, 30, 80], colors=GREY, linewidths=0.6)
    axis.plot(0, 0, "k*", ms=10)
    axis.set(xlabel="weight 0", ylabel="weight 1")


def schedule(rates: Sequence[float]) -> None:
    """The learning rate rises for some steps, and then falls along half a cosine.

    Args:
        rates: the learning rate of each step.
    """
    axis = plain(4.5, 2.2, "warm-up, then half a cosine")
    axis.plot(rates, color=BLUE)
    axis.set(xlabel="step", ylabel="learning rate")
    plt.show()


def training(
    losses: Sequence[float], held_back: Sequence[tuple[int, float]], levels: Mapping[str, float]
) -> None:
    """The loss of each batch and that of the text held back, beside the losses of simple guesses.

    Args:
        losses: of each step's batch.
        held_back: pairs (step, loss).
        levels: the losses of the simple guesses, with their names.
    """
    axis = plain(6.5, 3.2, "a small Transformer learns from Python's help")
    axis.plot(losses, color=BLUE, lw=0.8, label="each batch")
    axis.plot(*zip(*held_back, strict=True), "o-", color=ORANGE, label="text held back")
    for name, level in levels.items():
        axis.axhline(level, color=GREY, ls=":", lw=1)
        axis.text(len(losses), level + 0.03, name, color=GREY, ha="right", va="bottom", fontsize=8)
    axis.set(xlabel="step", ylabel="loss", ylim=(1.9, 5.0))
    axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, 0.88))
    plt.show()


def by_heart(steps: np.ndarray, curve: np.ndarray) -> None:
    """The loss of what is trained on falls to 0; that of what is held back falls at first, and then rises.

    Args:
        steps: (n,).
        curve: (n, 3): the loss of the reviews trained on, that of those held back, and the accuracy on these.
    """
    _, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
    lowest = int(curve[:, 1].argmin())
    axes[0].plot(steps, curve[:, 0], color=BLUE, label="reviews trained on")
    axes[0].plot(steps, curve[:, 1], color=ORANGE, ls="--", label="reviews held back")
    axes[0].plot(steps[lowest], curve[lowest, 1], "v", color=ORANGE, ms=8, label="lowest: stop here")
    axes[0].set(xlabel="step", title="loss", ylim=(0, None))
    axes[0].legend(frameon=False)
    axes[1].plot(steps, curve[:, 2], color=ORANGE, ls="--")
    axes[1].set(xlabel="step", title="accuracy on the reviews held back", ylim=(0.45, 0.9))
    plt.show()


def remedies(steps: np.ndarray, curves: Mapping[str, np.ndarray]) -> None:
    """One small picture for each remedy: the loss of what is held back, with it and without any.

    Args:
        steps: (n,).
        curves: for each remedy (n, 3), as in `by_heart`; the first is training without any.
    """
    (_, nothing), *others = curves.items()
    _, axes = plt.subplots(2, 3, figsize=(9, 4.4), layout="constrained", sharex=True, sharey=True)
    for axis, (name, curve) in zip(axes.flat, others, strict=True):
        axis.plot(steps, nothing[:, 1], color=ORANGE, ls="--", label="no remedy")
        axis.plot(steps, curve[:, 1], color=BLUE, label="with it")
        axis.set_title(name, fontsize=10)
    axes[0, 0].legend(frameon=False, fontsize=8, loc="upper left")
    for axis in axes[:, 0]:
        axis.set(ylabel="loss, held back", ylim=(0, None))
    for axis in axes[-1]:
        axis.set(xlabel="step")
    plt.show()


def moved(distances: Mapping[str, np.ndarray]) -> None:
    """How far each optimizer moved the three biases of attention: Adam moves also that of the keys, whose gradient is noise.

    Args:
        distances: for each optimizer (3,): the mean of the bias of the queries, the keys and the values.
    """
    figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
    for i, (name, colour, hatch) in enumerate(
        zip(distances, (ORANGE, GREEN, BLUE), ("", "//", ".."), strict=True)
    ):
        places = np.arange(3) + 0.27 * (i - 1)
        axis.bar(places, distances[name], 0.25, color=colour, hatch=hatch, label=name, edgecolor="white")
    axis.set(yscale="log", xticks=range(3), xticklabels=["queries", "keys", "values"], ylim=(1e-11, 3))
    axis.set(ylabel="moved", title="how far each bias moved in 100 steps")
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=3)
    plt.show()
