"""A picture: a title, and three forms, HTML, text and a matplotlib figure, each of which is made only when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minitransformer.disk import write
from minitransformer.pictures import chart
from minitransformer.pictures.pages import save_page
from minitransformer.plain import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT = "font-family:system-ui,sans-serif;font-size:14px"


@dataclass(frozen=True)
class Picture:
    """A title, and three forms of what it names.

    Attributes:
        title: plain text.
        fragment: returns HTML with inline styles only, which notebooks show even if they are not trusted.
        text: returns something that rich can print.
        draw: fills a matplotlib figure.
        size: of that figure, (width, height) in inches.
    """

    title: str
    fragment: Callable[[], str] = field(repr=False)
    text: Callable[[], Any] = field(repr=False)
    draw: Callable[[Figure], None] = field(repr=False)
    size: tuple[float, float] = field(repr=False)

    def to_html(self) -> str:
        """The title and the picture as a fragment for any page.

        Returns:
            HTML with inline styles.
        """
        head = f'<div style="font-size:14px;font-weight:600;margin:4px 0">{escaped(self.title)}</div>'
        return f'<div style="{FONT}">{head}{self.fragment()}</div>'

    _repr_html_ = to_html

    def show(self) -> None:
        """Print the title and the text in the terminal."""
        from rich.text import Text

        from minitransformer.terminal import Terminal

        console = Terminal()
        console.print(Text(self.title, style="bold"))
        console.print(self.text())

    def save(self, path: str | PathLike[str]) -> None:
        """Write it as a page that loads nothing (.html), or as an image (.png).

        Args:
            path: the file.

        Raises:
            ValueError: the name ends in something else.
        """
        path = Path(path)
        if path.suffix not in (".html", ".png"):
            raise ValueError(f"path: expected a name that ends in .html or .png, got {path.name!r}")
        if path.suffix == ".html":
            save_page(path, self.title, self.to_html())
        else:
            write(path, chart.png(self.draw, self.size, self.title))
