"""The pictures of lesson 13."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, plain, tokens_below
from minitransformer.explain import Faithfulness

PURPLE = "#7B3294"
COLOURS = {"LRP": ORANGE, "gradient x input": BLUE, "word length": PURPLE, "random": GREY}


def methods(tokens: Sequence[str], found: Mapping[str, np.ndarray]) -> None:
    """The relevance of each token by several methods, each with a scale of its own.

    Args:
        tokens: T of them.
        found: a method, and (T,).
    """
    _, axes = plt.subplots(1, len(found), figsize=(9.5, 3.8), layout="constrained", sharey=True)
    for axis, (name, relevance) in zip(axes, found.items(), strict=True):
        axis.barh(range(len(tokens)), relevance / abs(relevance).max(), color=COLOURS[name])
        axis.axvline(0, color="black", lw=0.8)
        axis.set_title(name)
    axes[0].set_yticks(range(len(tokens)), tokens, fontsize=8)
    axes[0].invert_yaxis()
    plt.show()


def replacements(curves: Mapping[str, np.ndarray]) -> None:
    """The score while words are removed from the end, for several replacements.

    Args:
        curves: what a word becomes, and the score for 0, 1, .., T words removed, (T + 1,).
    """
    axis = plain(5, 2.8, "removed, in three ways")
    for colour, (what, curve) in zip((BLUE, ORANGE, GREEN), curves.items(), strict=True):
        axis.plot(curve, color=colour, label=f"becomes {what}")
    axis.set(xlabel="words removed, from the end", ylabel='score for "bad"')
    axis.legend(frameon=False)
    plt.show()


def removal(judged: Mapping[str, Faithfulness]) -> None:
    """The curves of two orders of removal and those of random orders.

    Args:
        judged: a method, and its `explain.Faithfulness`.
    """
    figure, axes = plt.subplots(1, len(judged), figsize=(9, 3), layout="constrained", sharey=True)
    for axis, (name, result) in zip(axes, judged.items(), strict=True):
        _curves(axis, result)
        axis.set(title=f"{name}: area {result.delta_auc:.2f}", xlabel="share of words made unknown")
    axes[0].set_ylabel('score for "bad"')
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, frameon=False, fontsize=8, ncols=2, loc="outside lower center")
    plt.show()


def _curves(axis: Axes, result: Faithfulness) -> None:
    share = np.linspace(0, 1, len(result.morf))
    axis.plot(share, result.random_curves[:, 0].T, color="#AAAAAA", lw=0.6)
    axis.plot(share, result.morf, color=ORANGE, label="MoRF: most relevant first")
    axis.plot(share, result.lerf, color=BLUE, ls="--", label="LeRF: least relevant first")
    axis.fill_between(share, result.morf, result.lerf, color=GREY, alpha=0.08)


def intervals(titles: Mapping[str, str], table: Mapping[str, Mapping[str, tuple]]) -> None:
    """The means of several measures with 95 % intervals, a row for each method.

    Args:
        titles: a measure, and what stands above its picture.
        table: a method, and measure -> (mean, low, high).
    """
    _, axes = plt.subplots(1, len(titles), figsize=(9.5, 2.6), layout="constrained", sharey=True)
    for axis, (measure, title) in zip(axes, titles.items(), strict=True):
        for i, scores in enumerate(table.values()):
            mean, low, high = scores[measure]
            axis.plot([low, high], [i, i], color=GREY)
            axis.plot(mean, i, "o", color=ORANGE)
        axis.axvline(0, color="black", lw=0.8)
        axis.set_title(title)
    axes[0].set_yticks(range(len(table)), table)
    axes[0].invert_yaxis()
    plt.show()


def randomisation(layers: Sequence[str], lines: Mapping[str, Sequence[float]]) -> None:
    """How an explanation changes while the layers of a model become noise, from the output down.

    Args:
        layers: n names, the first for the model as it was.
        lines: a method, and n rank correlations with the first explanation.
    """
    axis = plain(7.5, 4.2, "noise from the output down to ...")
    for name, line in lines.items():
        axis.plot(line, "o-", ms=4, color=COLOURS[name], label=name)
    tokens_below(axis, list(layers))
    axis.tick_params(axis="x", labelsize=8)
    axis.axhline(0, color="black", lw=0.8)
    axis.set(ylabel="rank correlation", ylim=(-1.05, 1.1))
    axis.legend(frameon=False, fontsize=9, loc="lower right", ncols=3)
    plt.show()
