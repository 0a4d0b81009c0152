"""The pictures of lesson 04: how often words occur, how long texts are in tokens, gradients of rows, and letters as points."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, drawing, plain


def word_frequencies(numbers: Sequence[int]) -> None:
    """How often the most frequent word occurs, the second, and so on, on logarithmic scales: almost a straight line down.

    Args:
        numbers: how often each word occurs, the largest first.
    """
    axis = plain(4.5, 2.8, "few are frequent, most are rare")
    axis.loglog(range(1, len(numbers) + 1), numbers, color=BLUE)
    axis.set(xlabel="rank of the word", ylabel="how often it occurs")
    plt.show()


def lengths(pieces: Sequence[tuple], characters: tuple, words: tuple) -> None:
    """How many characters a token has against the size of the vocabulary: byte pairs lie between characters and words.

    Args:
        pieces: (size of the vocabulary, characters for each token) of byte pair encodings.
        characters: the same for a vocabulary of characters.
        words: the same for a vocabulary of words.
    """
    axis = plain(5.2, 3, "short texts or a short list")
    axis.plot(*zip(*pieces, strict=True), "o-", color=BLUE, label="byte pairs")
    axis.plot(*characters, "s", color=GREEN, label="characters")
    axis.plot(*words, "^", color=ORANGE, label="words")
    axis.set(xscale="log", xlabel="size of the vocabulary", ylabel="characters per token")
    axis.legend(frameon=False)
    plt.show()


def into_the_table(ids: Sequence[int], arriving: np.ndarray, gradient: np.ndarray) -> None:
    """An arrow from each place of a text to the row of the table that was looked up for it; two arrows lead to one row.

    Args:
        ids: (T,), the row of each place.
        arriving: (T,), the gradient at each place, in one channel.
        gradient: (V,), that of each row.
    """
    axis = drawing(5, 2.6)
    for t, (v, g) in enumerate(zip(ids, arriving, strict=True)):
        arrow = {"arrowstyle": "-|>", "color": ORANGE}
        axis.annotate("", (0.27, 3 - v), (1.62, 2.5 - t), arrowprops=arrow)
        _box(axis, 2, 2.5 - t, f"place {t}, id {v}: {g:g}", GREY)
    for v, g in enumerate(gradient):
        _box(axis, 0, 3 - v, f"row {v}: {g:g}", BLUE)
    axis.set(xlim=(-0.5, 2.6), ylim=(-0.5, 3.5))
    axis.set_title("each place adds to its row; row 2 gets two gradients", fontsize=10)
    plt.show()


def _box(axis, x: float, y: float, text: str, colour: str) -> None:
    box = {"facecolor": "white", "edgecolor": colour}
    axis.text(x, y, text, color=colour, bbox=box, ha="center", va="center")


def letters(names: str, before: np.ndarray, after: np.ndarray) -> None:
    """Each letter at its two numbers, before and after learning; the vowels are large and orange.

    Args:
        names: the letters.
        before: (letters, 2).
        after: (letters, 2).
    """
    _, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    _points(axes[0], names, before, "before: random numbers")
    _points(axes[1], names, after, "after learning")
    plt.show()


def _points(axis, names: str, points: np.ndarray, title: str) -> None:
    vowel = {"color": ORANGE, "fontweight": "bold", "fontsize": 14}
    for name, (x, y) in zip(names, points, strict=True):
        look = vowel if name in "aeiou" else {"color": BLUE}
        axis.text(x, y, name.replace(" ", "␣"), ha="center", va="center", **look)
    reach = 1.15 * abs(points).max()
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), title=title, xticks=[], yticks=[])
