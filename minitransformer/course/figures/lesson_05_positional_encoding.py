"""The pictures of lesson 05: digits and waves, clock hands, tables of places, and vectors that are turned."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle

from minitransformer.course.figures.style import BLUE, GREEN, GREY, ORANGE, plain


def digits_and_waves(binary: np.ndarray, waves: np.ndarray) -> None:
    """Two tables with a row for each place: the digits change at once between black and white, the waves in smaller steps.

    Args:
        binary: (T, 4), the digits of each place.
        waves: (T, 4), between -1 and 1.
    """
    _, axes = plt.subplots(1, 2, figsize=(7, 4), layout="constrained")
    axes[0].imshow(binary, cmap="PuOr", vmin=-0.6, vmax=1.2, aspect="auto")
    axes[1].imshow(waves, cmap="PuOr", vmin=-1.2, vmax=1.2, aspect="auto")
    for (place, channel), digit in np.ndenumerate(binary):
        colour = "white" if digit else "black"
        axes[0].text(channel, place, digit, ha="center", va="center", fontsize=8, color=colour)
    for axis, title in zip(axes, ("digits jump", "waves: smaller steps"), strict=True):
        axis.set(xlabel="channel", ylabel="place", title=title, xticks=range(4), yticks=range(0, 16, 3))
    plt.show()


def clock_hands(speeds: np.ndarray) -> None:
    """A circle for each hand, with the hand at the places 0 to 5, from pale to dark: it starts at the top and turns clockwise.

    Args:
        speeds: by which angle each hand turns from one place to the next, in radians.
    """
    figure, axes = plt.subplots(1, len(speeds), figsize=(8, 2.3), layout="constrained")
    for i, (axis, speed) in enumerate(zip(axes, speeds, strict=True)):
        for place in range(6):
            tip = np.sin(place * speed), np.cos(place * speed)
            _hand(axis, tip, BLUE, alpha=0.25 + 0.15 * place)
            if i == 0 or (i == 1 and place in (0, 5)):  # where the numbers have room
                axis.text(1.2 * tip[0], 1.2 * tip[1], place, ha="center", va="center", fontsize=8)
        axis.set_title(f"hand {i}: {speed:.3g} a place", fontsize=9)
        _circle(axis, 1.4)
    figure.suptitle("places 0 to 5, from pale to dark", fontsize=10)
    plt.show()


def _hand(axis, tip: tuple[float, float], colour: str, alpha: float) -> None:
    axis.annotate("", tip, (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "alpha": alpha})


def _circle(axis, reach: float) -> None:
    axis.add_patch(Circle((0, 0), 1, fill=False, edgecolor=GREY, lw=0.8))
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axis.axis("off")


def table(encoding: np.ndarray) -> None:
    """The table of sines and cosines: stripes that are narrow on the left and wide on the right.

    Args:
        encoding: (places, channels), between -1 and 1.
    """
    axis = plain(6, 3, "a row for each place: fast hands left, slow ones right")
    look = {"cmap": "PuOr", "aspect": "auto", "interpolation": "nearest"}
    image = axis.imshow(encoding, vmin=-1, vmax=1, **look)
    axis.set(xlabel="channel", ylabel="place")
    axis.figure.colorbar(image)
    plt.show()


def alike(distance: np.ndarray, products: dict[int, np.ndarray]) -> None:
    """The dot product of a place with others, against their distance: one curve, whatever the place.

    Args:
        distance: from the place to the others.
        products: for each place, its dot products with the others.
    """
    axis = plain(5, 2.8, "near places are alike, from wherever one looks")
    for (place, product), look, colour in zip(products.items(), ("-", "--"), (BLUE, ORANGE), strict=True):
        axis.plot(distance, product, look, color=colour, label=f"seen from place {place}")
    axis.set(xlabel="distance", ylabel="dot product")
    axis.legend(frameon=False)
    plt.show()


def two_tables(products: dict[str, np.ndarray], moves: dict[str, np.ndarray]) -> None:
    """For two tables: left, the dot product of each place with the one 3 later; right, how far each channel moves.

    Args:
        products: for each table, (places,).
        moves: for each table, (channels,), the largest minus the smallest number of a channel.
    """
    _, axes = plt.subplots(1, 2, figsize=(9, 2.9), layout="constrained")
    for name, look, colour in zip(products, ("-", "--"), (BLUE, ORANGE), strict=True):
        axes[0].plot(products[name], look, color=colour, label=name)
        axes[1].semilogy(np.maximum(moves[name], 1e-7), "o" + look, ms=4, color=colour, label=name)
    axes[0].set(xlabel="place p", title="dot product of places p and p + 3")
    axes[1].set(xlabel="channel", title="how far it moves in 32 places")
    for axis in axes:
        axis.legend(frameon=False)
    plt.show()


def turned(q: float, k: float, degrees: float, pairs: list[tuple[int, int]]) -> None:
    """A circle for each pair of places, with q and k before (pale) and after they are turned; the green arc is their angle.

    Args:
        q: the direction of q at place 0, in degrees.
        k: that of k.
        degrees: by how much both are turned from one place to the next.
        pairs: (place of q, place of k).
    """
    _, axes = plt.subplots(1, len(pairs), figsize=(7, 3.2), layout="constrained")
    for axis, (p, s) in zip(axes, pairs, strict=True):
        _turn(axis, f"q at {p}", q, q + p * degrees, BLUE)
        _turn(axis, f"k at {s}", k, k + s * degrees, ORANGE)
        between = np.deg2rad(np.linspace(q + p * degrees, k + s * degrees, 50))
        axis.plot(0.35 * np.cos(between), 0.35 * np.sin(between), color=GREEN)
        axis.set_title(f"places {p} and {s}: {k - q + (s - p) * degrees:g}° from q to k", fontsize=10)
        _circle(axis, 1.4)
    plt.show()


def _turn(axis, name: str, before: float, after: float, colour: str) -> None:
    for degrees, alpha in ((before, 0.3), (after, 1.0)):
        tip = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        _hand(axis, tip, colour, alpha)
    axis.text(1.2 * tip[0], 1.2 * tip[1], name, color=colour, ha="center", va="center")


def products(of: dict[str, np.ndarray]) -> None:
    """A square for each way to give places: the products of one q with one k at all pairs of places.

    Args:
        of: for each way, (T, T): a row for each place of q, a column for each place of k.
    """
    _, axes = plt.subplots(1, len(of), figsize=(7, 3.2), layout="constrained")
    for axis, (name, product) in zip(axes, of.items(), strict=True):
        axis.imshow(product, cmap="cividis")
        axis.set(xlabel="place of k", ylabel="place of q", title=name)
    plt.show()
