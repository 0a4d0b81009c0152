"""Which method to believe, as a table and as points with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from minitransformer.explain.comparison import Comparison
from minitransformer.pictures.chart import embedded, quiet
from minitransformer.pictures.colours import finite, hex_colour
from minitransformer.pictures.picture import Picture
from minitransformer.plain import escaped, spelt_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

METRICS = ("delta_auc", "comprehensiveness", "auroc", "seconds")
CELL = "text-align:right;padding:2px 6px;white-space:nowrap;border:0;border-bottom:1px solid rgba(128,128,128,0.3)"
Scores = dict[str, dict[str, tuple[float, float, float]]]


def comparison_table(
    comparison: Comparison,
    metrics: Sequence[str] = METRICS,
    title: str = "methods compared: mean and 95 % interval",
) -> Picture:
    """A row for each method, a column for each metric; below it, and as PNG, the same as points on a line.

    Args:
        comparison: the comparison.
        metrics: the metrics to show; one by which no text has a score is left out.
        title: the title.

    Returns:
        The picture.

    Raises:
        ValueError: a metric is unknown, or none is left.
    """
    known = {name for scores in comparison.values.values() for name in scores}
    if unknown := [name for name in metrics if name not in known]:
        raise ValueError(f"metrics: expected some of {', '.join(sorted(known))}, got {', '.join(unknown)}")
    scores = comparison.table
    metrics = [name for name in metrics if any(name in row for row in scores.values())]
    if not metrics:
        raise ValueError("metrics: expected one that some text has a score in, got none")
    finite([value for row in scores.values() for cell in row.values() for value in cell])
    draw = partial(_draw, scores, metrics)
    size = (5.0, -(-len(metrics) // 2) * (0.6 + 0.17 * len(scores)))
    said = "; ".join(
        f"{method}, {metrics[0]} {row[metrics[0]][0]:.2g}"
        for method, row in scores.items()
        if metrics[0] in row
    )
    title = f"{title}; a token taken away becomes: {comparison.replace}"
    return Picture(
        title,
        lambda: _table(scores, metrics) + embedded(draw, size, said),
        partial(_text, scores, metrics),
        draw,
        size,
    )


def _table(scores: Scores, metrics: Sequence[str]) -> str:
    heads = "".join(f'<th style="{CELL}">{escaped(name)}</th>' for name in ["", *metrics])
    rows = "".join(
        f'<tr><th style="{CELL};text-align:left;font-weight:400">{escaped(method)}</th>'
        + "".join(f'<td style="{CELL}">{_cell(row.get(name))}</td>' for name in metrics)
        + "</tr>"
        for method, row in scores.items()
    )
    table = f'<table style="border-collapse:collapse;font-size:13px;margin:0 0 12px">{"<tr>" + heads + "</tr>" + rows}</table>'
    return f'<div style="overflow-x:auto">{table}</div>'


def _cell(score: tuple[float, float, float] | None) -> str:
    if score is None:
        return ""
    return '{:.2g}<br><span style="font-size:11px;opacity:0.75">{:.2g} to {:.2g}</span>'.format(*score)


def _text(scores: Scores, metrics: Sequence[str]) -> Table:
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(
        "method",
        *(Column(Text(name, overflow="fold"), justify="right", overflow="fold") for name in metrics),
        box=None,
    )
    for method, row in scores.items():
        cells = ["" if name not in row else "{:.2g}\n[{:.2g},{:.2g}]".format(*row[name]) for name in metrics]
        table.add_row(Text(method), *map(Text, cells))
    return table


def _draw(scores: Scores, metrics: Sequence[str], figure: Figure) -> None:
    across = min(2, len(metrics))
    for n, name in enumerate(metrics):
        axes = quiet(figure.add_subplot(-(-len(metrics) // across), across, n + 1), "x")
        axes.set_title(spelt_out(name), fontsize=9)
        for place, row in enumerate(scores.values()):
            if name in row:
                mean, low, high = row[name]
                axes.plot([low, high], [place, place], color=hex_colour(-1), linewidth=1.4)
                axes.plot(mean, place, "o", color=hex_colour(-1), markersize=4)
        axes.set_yticks(
            range(len(scores)),
            list(map(spelt_out, scores)) if n % across == 0 else [""] * len(scores),
            fontsize=8,
        )
        axes.set_ylim(len(scores) - 0.5, -0.5)
        if name == "seconds":
            axes.set_xscale("log")
            axes.locator_params(axis="x", numticks=4)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.minorticks_off()
