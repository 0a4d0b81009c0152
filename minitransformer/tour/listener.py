"""What a tour tells while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from minitransformer.course.mine import Pieces
from minitransformer.course.workspace import Workspace
from minitransformer.terminal import Terminal
from minitransformer.tour.story import Difference, Judgement, Speech
from minitransformer.verify import Result


class Listener:
    """Its methods are called as a tour goes on. Those of this class do nothing; a subclass prints what it wants shown.

    Args:
        console: where the bars of progress are drawn; nowhere if None.
    """

    def __init__(self, console: Console | None = None):
        if console is None:
            console = Terminal()
            console.quiet = True
        self.console = console

    def checking(self) -> None:
        """The learner's answers are about to be checked."""

    def checked(self, pieces: Pieces, workspace: Workspace) -> None:
        """The learner's answers were checked; `pieces` are those that pass."""

    def compared(self, found: Sequence[Difference]) -> None:
        """The pieces that the tour's models do not use were compared with the library's own."""

    def begins(self, part: str) -> None:
        """A part begins: `tour.GRADIENTS`, `tour.LANGUAGE_MODEL` or `tour.CLASSIFIER`."""

    def gradients(self, results: Sequence[Result]) -> None:
        """The first part is done."""

    def language_model(self, speech: Speech) -> None:
        """The second part is done."""

    def classifier(self, judgement: Judgement) -> None:
        """The third part is done."""
