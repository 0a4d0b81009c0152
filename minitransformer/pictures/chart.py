"""Figures as images: PNG for papers, SVG inside an `<img>` for pages, where notebooks that are not trusted let it pass."""

from __future__ import annotations

import base64
import io
import re
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from minitransformer.plain import escaped, spelt_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE = "#1d1d1f", "#56565c", "#d9d9de"
# the image brings its own paper, and on a dark screen turns light into dark while orange stays orange and blue blue
DARK = "<style>@media (prefers-color-scheme: dark) { svg { filter: invert(.9) hue-rotate(180deg) } }</style>"
# Chinese
FONTS = (
    "Noto Sans CJK SC",
    "PingFang SC",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)
STYLE = {
    "font.size": 9,
    "text.parse_math": False,  # a token may be a dollar sign
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "minitransformer",  # the same picture is the same file
}


def png(draw: Callable[[Figure], None], size: tuple[float, float], title: str) -> bytes:
    """Make a PNG image.

    Args:
        draw: fills the figure.
        size: (width, height) in inches, without the title.
        title: the text above the figure.

    Returns:
        The content of a PNG file.
    """

    lines = textwrap.wrap(spelt_out(title), round(11 * size[0]))  # that many letters to the inch

    def entitled(figure: Figure) -> None:
        figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10, fontweight="bold")
        draw(figure)

    return _image(entitled, (size[0], size[1] + 0.18 * len(lines) + 0.1), "png")


def embedded(draw: Callable[[Figure], None], size: tuple[float, float], said: str) -> str:
    """Make an `<img>` that contains the figure as SVG.

    Args:
        draw: fills the figure.
        size: (width, height) in inches.
        said: what the figure shows, for readers who cannot see it.

    Returns:
        HTML.
    """
    svg = _image(draw, size, "svg").decode("utf-8")
    svg = re.sub(r"(<svg[^>]*>)", rf"\1{DARK}", svg[svg.index("<svg") :], count=1)
    data = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    style = "width:100%;max-width:600px;border-radius:6px"
    return f'<img style="{style}" alt="{escaped(said)}" title="{escaped(said)}" src="data:image/svg+xml;base64,{data}">'


def _image(draw: Callable[[Figure], None], size: tuple[float, float], form: str) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.font_manager import get_font_names

    installed = [name for name in FONTS if name in get_font_names()]
    held = io.BytesIO()
    # Any: since matplotlib 3.11 the keys have a type
    style: Any = STYLE | {"font.family": ["DejaVu Sans", *installed]}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(held, format=form, dpi=160, metadata={"Date": None} if form == "svg" else None)
    return held.getvalue()


def quiet(axes: Axes, grid: Literal["x", "y"] | None = None) -> Axes:
    """Remove the tick marks of axes, and draw faint lines.

    Args:
        axes: what to change.
        grid: the axis that the lines stand on, "x" or "y"; None for no lines.

    Returns:
        The same axes.
    """
    axes.tick_params(length=0)
    if grid:
        axes.grid(axis=grid, color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
    return axes
