"""The ledger as a flow: what each layer received, what each sink absorbed of it, and what was passed on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy

from minitransformer.explain.explanation import SINKS, Ledger, Row
from minitransformer.pictures.chart import INK, LINE, embedded, quiet
from minitransformer.pictures.colours import finite
from minitransformer.pictures.picture import Picture
from minitransformer.plain import spelt_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

PASSED = "passed on"
COLOURS = {  # Okabe and Ito's, which colour-blind readers can tell apart
    PASSED: "#c9c9d0",
    "tokens": "#e66101",
    "positions": "#56b4e9",
    "bias": "#009e73",
    "epsilon": "#000000",
    "softmax": "#cc79a7",
    "tangent": "#0072b2",
    "dropped": "#f0e442",
}


def ledger_flow(ledger: Ledger, depth: int | None = 3, title: str = "where relevance went") -> Picture:
    """A bar for each layer, from the output down to the words: passed on, given to tokens, and lost to each sink.

    Parts above zero stack to the right, parts below zero to the left; their sum is what the layer received, the black mark.

    Args:
        ledger: the ledger.
        depth: how many parts of layers' names to keep, as in `Ledger.by_layer`.
        title: the title.

    Returns:
        The picture.

    Raises:
        ValueError: the ledger has no rows, or a number is not finite.
        RuntimeError: the ledger does not close.
    """
    if not ledger.rows:
        raise ValueError("ledger: expected one row or more, got none")
    rows = ledger.by_layer(depth)
    finite([row.received for row in rows])
    ledger.verify()
    size = (5.0, 1.1 + 0.24 * len(rows))
    draw = partial(_draw, rows)
    said = f"{title}: " + ", ".join(f"{name} {amount:+.3f}" for name, amount in ledger.items())
    return Picture(title, lambda: embedded(draw, size, said), partial(_text, rows), draw, size)


def parts(row: Row) -> dict[str, float]:
    """What became of the relevance that a layer received.

    Args:
        row: the layer's row.

    Returns:
        The amount passed on, that of the tokens, and that of each sink, by name; but for rounding they add up to what it received.
    """
    return {PASSED: row.passed_on, **{name: row.absorbed.get(name, 0.0) for name in ("tokens", *SINKS)}}


def _used(rows: Sequence[Row]) -> list[str]:
    return [name for name in COLOURS if any(parts(row)[name] for row in rows)]


def _draw(rows: Sequence[Row], figure: Figure) -> None:
    axes = quiet(figure.add_subplot(xlabel="relevance"), "x")
    places = numpy.arange(len(rows))
    ends = numpy.zeros((2, len(rows)))  # how far the stacks reach below zero and above
    for name in _used(rows):
        widths = numpy.array([parts(row)[name] for row in rows])
        above = (widths > 0).astype(int)
        axes.barh(places, widths, left=ends[above, places], color=COLOURS[name], label=name, height=0.68)
        ends[above, places] += widths
    received = [row.received for row in rows]
    axes.plot(received, places, "|", color=INK, markersize=11, markeredgewidth=1.6, label="received")
    axes.axvline(0, color=LINE, linewidth=1)
    axes.set_yticks(places, [spelt_out(row.layer) or "(model)" for row in rows])
    axes.invert_yaxis()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)


def _text(rows: Sequence[Row]) -> Table:
    from rich.table import Column, Table

    names = _used(rows)
    table = Table("layer", *(Column(name, justify="right") for name in ("received", *names)), box=None)
    for row in rows:
        amounts = [row.received, *(parts(row)[name] for name in names)]
        table.add_row(row.layer or "(model)", *(f"{amount:+.3f}" if amount else "." for amount in amounts))
    return table
