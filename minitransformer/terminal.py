"""The terminal: whatever is printed is plain text, in which neither markup nor control characters mean anything."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from minitransformer.plain import spelt_out


class Terminal(Console):
    """A console on which colours come from `style=` and from `Text`, never from what a text says."""

    def __init__(self, stderr: bool = False):
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options) -> Text:
        """A string as text, its control characters spelt out before it is laid out."""
        return super().render_str(spelt_out(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is sent, of which only what rich itself adds is obeyed."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else spelt_out(text), style, control)
