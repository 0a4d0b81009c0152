"""A text whose words are coloured by their relevance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from minitransformer.pictures.colours import finite
from minitransformer.pictures.grid import Grid
from minitransformer.pictures.picture import Picture
from minitransformer.pictures.tokens import html_strip, plain_strip, rich_strip

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text


def token_strip(
    tokens: Sequence[str], relevance: Any, title: str = "relevance", scale: float | None = None
) -> Picture:
    """Tokens on a background of orange for relevance above zero, blue below; the number is in the hover text.

    Args:
        tokens: T strings.
        relevance: (T,).
        title: the title.
        scale: the |relevance| that has full colour; None for the largest. Strips to be compared need the same.

    Returns:
        The picture.

    Raises:
        ValueError: the relevance is not finite, or not one number for each token.
    """
    values = finite(relevance, (len(tokens),))
    grid = Grid(tokens, ["relevance"], values[:, None], values[:, None])

    def fragment() -> str:
        return html_strip(tokens, values, scale) if len(tokens) else "<div>no tokens</div>"

    return Picture(title, fragment, lambda: _Strip(tokens, values, scale), grid.draw, grid.size)


@dataclass(frozen=True)
class _Strip:
    """For rich: in colour, or with numbers where colours would be lost, as in a file or a pipe."""

    tokens: Sequence[str]
    values: numpy.ndarray
    scale: float | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        coloured = console.is_terminal and console.color_system is not None and not console.no_color
        if coloured and len(self.tokens):
            yield rich_strip(self.tokens, self.values, self.scale)
        else:
            yield Text(plain_strip(self.tokens, self.values) or "no tokens")
