"""Signed numbers in rows and columns, on one scale: what several pictures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy

from minitransformer.pictures.colours import background, finite, scale_of, shade
from minitransformer.pictures.tokens import visible
from minitransformer.plain import escaped, spelt_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table
    from rich.text import Text

CELL = "text-align:right;padding:1px 6px;border:1px solid rgba(128,128,128,0.15);white-space:nowrap"
HEAD = "text-align:right;padding:1px 6px;font-weight:400;vertical-align:bottom;border:0"
WORD = "text-align:left;padding:1px 6px 1px 0;white-space:pre;border:0"


@dataclass(frozen=True)
class Grid:
    """A row for each token, and a column for each name.

    Attributes:
        tokens: T tokens.
        columns: N names.
        values: what is shown, (T, N).
        unscaled: the numbers in the hover text, (T, N).
        scale: what full colour stands for, the largest |value|.

    Raises:
        ValueError: shapes do not fit, or a value is NaN or infinite.
    """

    tokens: Sequence[str]
    columns: Sequence[str]
    values: numpy.ndarray
    unscaled: numpy.ndarray
    scale: float = field(init=False)

    def __post_init__(self) -> None:
        finite(self.values, (len(self.tokens), len(self.columns)))
        object.__setattr__(self, "columns", list(map(spelt_out, self.columns)))
        object.__setattr__(self, "scale", scale_of(self.values))

    def fragment(self) -> str:
        """The table for pages and notebooks. It scrolls if it is wider than the screen.

        Returns:
            HTML with inline styles.
        """
        heads = "".join(f'<th style="{HEAD}">{escaped(name)}</th>' for name in ["", *self.columns])
        rows = "".join(
            f'<tr><th style="{WORD};font-weight:400">{escaped(visible(token).strip())}</th>{self._cells(i)}</tr>'
            for i, token in enumerate(self.tokens)
        )
        table = f'<table style="border-collapse:collapse;font-size:13px"><tr>{heads}</tr>{rows}</table>'
        return f'<div style="overflow-x:auto">{table}</div>' + ("" if self.tokens else "<div>no tokens</div>")

    def _cells(self, i: int) -> str:
        cells = []
        for name, value, amount in zip(self.columns, self.values[i], self.unscaled[i], strict=True):
            said = escaped(f"{visible(self.tokens[i]).strip()}, {name}: {amount:+.4f}")
            style = f"{CELL};{background(value, self.scale)}"
            cells.append(f'<td style="{style}" title="{said}">{value:+.2f}</td>')
        return "".join(cells)

    def text(self) -> Table | Text:
        """The table for the terminal. It contains the numbers, because a file or a pipe shows no colours.

        Returns:
            What rich can print.
        """
        from rich.table import Column, Table
        from rich.text import Text

        table = Table("", *(Column(Text(name), justify="right") for name in self.columns), box=None)
        for token, row in zip(self.tokens, self.values, strict=True):
            cells = [Text(f"{value:+.2f}", style=shade(value, self.scale)) for value in row]
            table.add_row(Text(visible(token).strip()), *cells)
        return table if self.tokens else Text("no tokens")

    def draw(self, figure: Figure) -> None:
        """Draw the table as a map of coloured squares with their numbers.

        Args:
            figure: an empty figure of matplotlib.
        """
        from matplotlib.colors import LinearSegmentedColormap

        from minitransformer.pictures.chart import quiet

        colours = LinearSegmentedColormap.from_list("relevance", ["#2166ac", "#ffffff", "#e66101"])
        axes = quiet(figure.add_subplot())
        axes.set_xticks(
            range(len(self.columns)), self.columns, rotation=0 if len("".join(self.columns)) < 60 else 60
        )
        axes.set_yticks(range(len(self.tokens)), [visible(token).strip() for token in self.tokens])
        axes.xaxis.tick_top()
        axes.spines[:].set_visible(False)
        if not self.values.size:
            return
        axes.imshow(self.values, cmap=colours, vmin=-self.scale, vmax=self.scale, aspect="auto")
        for (i, j), value in numpy.ndenumerate(self.values):
            ink = "white" if value < -0.85 * self.scale else "black"
            axes.text(j, i, f"{value:+.2f}", ha="center", va="center", fontsize=7, color=ink)

    @property
    def size(self) -> tuple[float, float]:
        """Inches."""
        return 1.2 + max(2.0, 0.75 * len(self.columns)), 0.7 + 0.2 * max(1, len(self.tokens))
