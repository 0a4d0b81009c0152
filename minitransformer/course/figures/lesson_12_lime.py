"""The pictures of lesson 12."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, plain

Curve = Callable[[np.ndarray], np.ndarray]
COLOURS = (BLUE, ORANGE, GREY)


def neighbourhoods(f: Curve, x0: float, samples: np.ndarray, fits: Mapping[float, tuple]) -> None:
    """A curve, samples near a point, and the straight line fitted to them, for several widths.

    Args:
        f: the model, (N,) -> (N,).
        x0: the point.
        samples: (N,).
        fits: width -> (weights of the samples (N,), b, slope).
    """
    _, axes = plt.subplots(1, len(fits), figsize=(9, 3), layout="constrained", sharey=True)
    x = np.linspace(-2, 2, 200)
    for axis, (width, (weight, b, slope)) in zip(axes, fits.items(), strict=True):
        axis.plot(x, f(x), color=GREY, label="the model f")
        label = "samples, larger = more weight"
        axis.scatter(samples, f(samples), s=3 + 60 * weight, color=BLUE, alpha=0.4, label=label)
        axis.plot(x, b + slope * x, color=ORANGE, label=f"the fit g, slope {slope:.2f}")
        axis.plot(x0, f(np.array(x0)), "o", color="black", ms=5)
        axis.set(ylim=(-2, 2), xlabel="x", title=f"neighbourhood of width {width}")
        axis.legend(frameon=False, fontsize=8, loc="lower right")
    plt.show()


def plane(f: Curve, x0: np.ndarray, samples: np.ndarray, weight: np.ndarray, b: float, c: np.ndarray) -> None:
    """A probability over two numbers and the plane fitted to it near a point, from above and from the side.

    Args:
        f: the model, (N, 2) -> (N,).
        x0: the point, (2,).
        samples: (N, 2).
        weight: of the samples, (N,).
        b: of the plane.
        c: of the plane, (2,).
    """
    figure = plt.figure(figsize=(9.5, 3.8), layout="constrained")
    grid = np.meshgrid(np.linspace(-2, 3, 60), np.linspace(-2, 3, 60))
    surface = f(np.column_stack([side.ravel() for side in grid])).reshape(60, 60)
    _from_above(figure.add_subplot(1, 2, 1), grid, surface, x0, samples, weight, b, c)
    near = (weight > 0.05) & (abs(samples - x0) < 1).all(1)
    tall = figure.add_subplot(1, 2, 2, projection="3d")
    tall.scatter(*samples[near].T, f(samples[near]), s=40 * weight[near], color="black", depthshade=False)
    _from_the_side(tall, grid, surface, x0, b, c)
    plt.show()


def _from_above(axis, grid, surface, x0, samples, weight, b, c) -> None:
    axis.contourf(*grid, surface, levels=np.linspace(0, 1, 11), cmap="PuOr_r", alpha=0.6)
    axis.scatter(*samples.T, s=2 + 60 * weight, color="black", alpha=0.5)
    axis.contour(*grid, b + c[0] * grid[0] + c[1] * grid[1], levels=[0.5], colors=GREEN, linewidths=2.5)
    axis.plot(*x0, "o", color="black", ms=9, mec="white")
    axis.set(xlim=(-2, 3), ylim=(-2, 3), xlabel="z1", ylabel="z2")
    axis.set_title("samples; green: where the plane says 0.5")


def _from_the_side(axis, grid, surface, x0, b, c) -> None:
    close = np.s_[12:41, 10:50]  # the part of the grid around x0
    axis.plot_wireframe(
        *(side[close] for side in grid), surface[close], color="#999999", lw=0.5, rcount=20, ccount=20
    )
    first, second = np.meshgrid(x0[0] + np.array([-0.7, 0.7]), x0[1] + np.array([-0.7, 0.7]))
    axis.plot_surface(first, second, b + c[0] * first + c[1] * second, color=GREEN, alpha=0.75, shade=False)
    axis.set(xlabel="z1", ylabel="z2", zlim=(0, 1), title="the model (grey) and its plane (green)")
    axis.set(xticks=[-1, 0, 1, 2], yticks=[-1, 0, 1], zticks=[0, 0.5, 1])
    axis.view_init(20, -115)
    axis.set_box_aspect((1, 1, 0.7), zoom=1.15)


def words_gone(coins: np.ndarray, numbers: np.ndarray, most: int) -> None:
    """How many words are left out, by a coin for each word, or if their number is drawn first.

    Args:
        coins: (N,) numbers of words left out.
        numbers: (N,).
        most: the number of words of the text.
    """
    axis = plain(5.5, 2.6)
    bins = np.arange(-0.5, most + 1)
    axis.hist(coins, bins, color=GREY, alpha=0.6, label="a coin for each word")
    axis.hist(numbers, bins, histtype="step", color=ORANGE, lw=2, label="the number first")
    axis.set(xlabel=f"how many of {most} words are left out", ylabel="samples")
    axis.legend(frameon=False)
    plt.show()


def kernels(left: np.ndarray, weights: Mapping[float, np.ndarray]) -> None:
    """The weight of a sample against the share of the words that are left, for several widths.

    Args:
        left: (N,) shares.
        weights: width -> (N,).
    """
    axis = plain(5.5, 2.8)
    for colour, (width, weight) in zip(COLOURS, weights.items(), strict=False):
        axis.plot(left, weight, color=colour, label=f"width {width:.3g}")
    axis.set(xlabel="share of the words left", ylabel="weight of the sample", ylim=(0, 1.05))
    axis.legend(frameon=False)
    plt.show()


def without_sign(words: Sequence[str], weights: np.ndarray, absolute: Sequence[float]) -> None:
    """The weights of words beside their absolute values.

    Args:
        words: T of them.
        weights: (T,).
        absolute: T numbers.
    """
    _, axes = plt.subplots(1, 2, figsize=(8, 2.5), layout="constrained", sharey=True)
    axes[0].barh(words, weights, color=np.where(weights > 0, ORANGE, BLUE))
    axes[0].set_title("LIME: the signed c")
    axes[1].barh(words, absolute, color=GREY)
    axes[1].set_title("the article: the sign is lost")
    for axis in axes:
        axis.axvline(0, color="black", lw=0.8)
    axes[0].invert_yaxis()
    plt.show()


def seeds(words: Sequence[str], tables: Mapping[int, np.ndarray]) -> None:
    """The weights of words by several random seeds, for several numbers of samples.

    Args:
        words: T of them.
        tables: number of samples -> (seeds, T).
    """
    _, axes = plt.subplots(1, len(tables), figsize=(9.5, 3.2), layout="constrained", sharex=True, sharey=True)
    for axis, (number, table) in zip(axes, tables.items(), strict=True):
        for weights in table:
            axis.plot(weights, range(len(words)), "o", color=BLUE, ms=4, alpha=0.35, mec="none")
        axis.axvline(0, color="black", lw=0.8)
        axis.set_title(f"{number} samples: spread {table.std(0, ddof=1).mean():.3f}")
    _names(axes[0], words)
    axes[1].set_xlabel("weight of the word, ten seeds")
    plt.show()


def _names(axis: Axes, words: Sequence[str]) -> None:
    """Words beside the places 0, 1, 2, .., from the top."""
    axis.set_yticks(range(len(words)), words, fontsize=8)
    axis.invert_yaxis()


def beside(words: Sequence[str], ways: Mapping[str, np.ndarray], title: str = "") -> None:
    """The weights of words by several methods, or with several settings, beside each other.

    Args:
        words: T of them.
        ways: a name -> (T,).
        title: above the axes.
    """
    axis = plain(6, 3.2, title)
    height = 0.75 / len(ways)
    for i, (colour, (name, weights)) in enumerate(zip(COLOURS, ways.items(), strict=False)):
        shift = (i - (len(ways) - 1) / 2) * height
        axis.barh(np.arange(len(words)) + shift, weights, height, color=colour, label=name)
    _names(axis, words)
    axis.axvline(0, color="black", lw=0.8)
    axis.legend(frameon=False, fontsize=8)
    plt.show()


def weight_of_sizes(sizes: np.ndarray, totals: Mapping[str, np.ndarray]) -> None:
    """How much all samples with a number of words left weigh together.

    Args:
        sizes: numbers of words left, (n,).
        totals: a method -> (n,).
    """
    axis = plain(5.5, 2.8, "which samples count")
    for colour, (name, total) in zip((GREEN, ORANGE), totals.items(), strict=True):
        axis.plot(sizes, total / total.sum(), "o-", ms=4, color=colour, label=name)
    axis.set(
        xlabel=f"words left, of {len(sizes) + 1}", ylabel="share of the weight", xticks=[1, 5, 10, 15, 19]
    )
    axis.legend(frameon=False)
    plt.show()
