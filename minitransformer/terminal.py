"""The terminal: printed text is shown as it is; markup and control characters in it have no effect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import Progress, ProgressColumn, TextColumn
from rich.segment import Segment
from rich.text import Text

from minitransformer.plain import spelt_out


class Terminal(Console):
    """A rich console on which colours come only from `style=` and from `rich.text.Text`, never from the content of a text.

    Args:
        stderr: Whether to write to standard error.
    """

    def __init__(self, stderr: bool = False):
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Turn a string into text; control characters are replaced by their escapes before the layout.

        Args:
            text: The string.
            **options: As for rich's console.

        Returns:
            The text.
        """
        return super().render_str(spelt_out(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render anything; only the control codes that rich itself adds reach the terminal.

        Args:
            renderable: What is printed.
            options: As for rich's console.

        Yields:
            Segments of one style each.
        """
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else spelt_out(text), style, control)


class Bar(Progress):
    """A progress bar of rich whose descriptions are shown as they are; in a plain `Progress` they are markup."""

    @classmethod
    def get_default_columns(cls) -> tuple[ProgressColumn, ...]:
        """The columns of a bar that is made without columns.

        Returns:
            The description as plain text, then rich's own columns.
        """
        return TextColumn("{task.description}", markup=False), *super().get_default_columns()[1:]
