"""What happens to the logit as tokens are taken away: the picture of a judge at work."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy

from minitransformer.explain.comparison import Comparison
from minitransformer.explain.deletion_curves import Faithfulness
from minitransformer.pictures.chart import embedded, quiet
from minitransformer.pictures.colours import finite, hex_colour
from minitransformer.pictures.picture import Picture
from minitransformer.plain import spelt_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

SIZE = (4.8, 3.0)
LINES = 11  # of the table in the terminal
SHARES = numpy.linspace(0, 1, 21)  # of tokens taken away
PANELS_ACROSS = 3


def removal_curves(found: Faithfulness, title: str = "the logit as tokens are taken away") -> Picture:
    """The logit over the share of removed tokens: most relevant first (MoRF), least relevant first (LeRF), random orders.

    The band of the random orders is one standard deviation to either side of their mean. The further MoRF falls below it and
    LeRF stays above it, the better the order of the explanation.

    Args:
        found: the curves.
        title: the title.

    Returns:
        The picture.

    Raises:
        ValueError: there are fewer than two points, or one is not finite.
    """
    for curve in (found.morf, found.lerf, found.random_curves):
        finite(curve)
    if len(found.morf) < 2:
        raise ValueError(
            f"curves: expected the logit with no token gone and with all gone, got {len(found.morf)} points"
        )
    said = f"difference of areas {found.delta_auc:+.3f}, of random orders {{:+.3f}} +- {{:.3f}}".format(
        *found.random["delta_auc"]
    )
    title = f"{title}; {said}; taken away means: {found.replace}"
    draw = partial(_draw, found)
    return Picture(title, lambda: embedded(draw, SIZE, title), partial(_text, found), draw, SIZE)


def band(found: Faithfulness) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Mean and standard deviation of the random curves at each point.

    Args:
        found: the curves.

    Returns:
        The means and the standard deviations, (T + 1,) each.
    """
    # (2 R, T + 1): backwards, a random order is random too
    either_way = found.random_curves.reshape(-1, len(found.morf))
    return either_way.mean(axis=0), either_way.std(axis=0, ddof=1)


def _draw(found: Faithfulness, figure: Figure) -> None:
    axes = quiet(figure.add_subplot(xlabel="share of tokens taken away", ylabel="logit"), "y")
    share = numpy.linspace(0, 1, len(found.morf))
    mean, spread = band(found)
    axes.fill_between(share, mean - spread, mean + spread, color="#b9b9c0", alpha=0.5, linewidth=0)
    axes.plot(share, mean, color="#77777d", linewidth=1.2, linestyle=":", label="random order")
    axes.plot(share, found.lerf, color=hex_colour(-1), linestyle="--", label="least relevant first (LeRF)")
    axes.plot(share, found.morf, color=hex_colour(1), label="most relevant first (MoRF)")
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.margins(x=0.01)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)


def _text(found: Faithfulness) -> Table:
    from rich.table import Column, Table

    names = ("taken away", "MoRF", "LeRF", "random")
    last = len(found.morf) - 1
    table = Table(*(Column(name, justify="right") for name in names), box=None)
    mean, spread = band(found)
    for k in numpy.unique(numpy.linspace(0, last, min(LINES, last + 1)).round().astype(int)):
        random = f"{mean[k]:+.3f} +- {spread[k]:.3f}"
        table.add_row(f"{k / last:.0%}", f"{found.morf[k]:+.3f}", f"{found.lerf[k]:+.3f}", random)
    return table


def mean_curves(
    comparison: Comparison, title: str = "the logit as tokens are taken away, mean of all texts"
) -> Picture:
    """A panel for each method: its mean MoRF and LeRF curves over all texts, by the share of removed tokens.

    Texts differ in length, so that each curve is read at the same 21 shares, linearly between its points.

    Args:
        comparison: the comparison.
        title: the title.

    Returns:
        The picture.

    Raises:
        ValueError: there is no method, or a point is not finite.
    """
    if not comparison.curves:
        raise ValueError("comparison: expected the curves of one method or more, got none")
    means = {method: finite(_mean(pairs)) for method, pairs in comparison.curves.items()}  # (2, 21) each
    draw = partial(_panels, means)
    size = (5.2, 0.8 + 1.2 * -(-len(means) // PANELS_ACROSS))
    areas = {method: (lerf - morf).mean() for method, (morf, lerf) in means.items()}
    said = f"{title}: mean distance of the two, " + ", ".join(
        f"{name} {area:+.2f}" for name, area in areas.items()
    )
    title = f"{title}; taken away means: {comparison.replace}"
    return Picture(title, lambda: embedded(draw, size, said), partial(_distances, areas), draw, size)


def _mean(pairs: Sequence[tuple[numpy.ndarray, numpy.ndarray]]) -> numpy.ndarray:
    """MoRF and LeRF of all texts at the same shares, (2, 21)."""
    read = [
        [numpy.interp(SHARES, numpy.linspace(0, 1, len(curve)), curve) for curve in pair] for pair in pairs
    ]
    mean: numpy.ndarray = numpy.mean(read, axis=0)
    return mean


def _panels(means: dict[str, numpy.ndarray], figure: Figure) -> None:
    below = -(-len(means) // PANELS_ACROSS)
    first = None
    for n, (method, (morf, lerf)) in enumerate(means.items()):
        axes = first = quiet(figure.add_subplot(below, PANELS_ACROSS, n + 1, sharex=first, sharey=first), "y")
        axes.set_title(spelt_out(method), fontsize=8)
        axes.plot(SHARES, lerf, color=hex_colour(-1), linestyle="--", label="least relevant first (LeRF)")
        axes.plot(SHARES, morf, color=hex_colour(1), label="most relevant first (MoRF)")
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.tick_params(
            labelsize=7, labelleft=n % PANELS_ACROSS == 0, labelbottom=n + PANELS_ACROSS >= len(means)
        )
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)


def _distances(areas: dict[str, float]) -> Table:
    from rich.table import Column, Table
    from rich.text import Text

    table = Table("method", Column("LeRF less MoRF", justify="right"), box=None)
    for method, area in areas.items():
        table.add_row(Text(method), f"{area:+.3f}")
    return table
