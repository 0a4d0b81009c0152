"""How the caller of a tour learns what it has done so far."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from minitransformer.course.mine import Pieces
from minitransformer.course.workspace import Workspace
from minitransformer.terminal import Terminal
from minitransformer.tour.dates import DatesResult
from minitransformer.tour.published import PublishedResult
from minitransformer.tour.result import ClassifierResult
from minitransformer.tour.stories import StoriesResult
from minitransformer.tour.whole import Difference
from minitransformer.verify import Result


class Listener:
    """A tour calls these methods while it runs. Here they do nothing; a subclass overrides those that it needs.

    Args:
        console: where progress bars are drawn; None draws none.
    """

    def __init__(self, console: Console | None = None):
        if console is None:
            console = Terminal()
            console.quiet = True
        self.console = console

    def checking(self) -> None:
        """The check of the learner's exercises begins."""

    def checked(self, pieces: Pieces, workspace: Workspace) -> None:
        """The learner's exercises were checked.

        Args:
            pieces: those that passed.
            workspace: the learner's folder.
        """

    def compared(self, found: Sequence[Difference]) -> None:
        """The pieces that the tour's models do not use were compared with the library's own.

        Args:
            found: their differences.
        """

    def begins(self, part: str) -> None:
        """A part begins.

        Args:
            part: one of `tour.PARTS`.
        """

    def sentence(self, result: ClassifierResult) -> None:
        """The classifier is trained, and its decision is explained.

        Args:
            result: its result.
        """

    def dates(self, result: DatesResult) -> None:
        """The model that reads dates is trained.

        Args:
            result: its result.
        """

    def stories(self, result: StoriesResult) -> None:
        """The model that tells stories is trained.

        Args:
            result: its result.
        """

    def explanations(self, result: ClassifierResult) -> None:
        """The explanations of the decision are to be compared.

        Args:
            result: that of the classifier.
        """

    def published(self, result: PublishedResult) -> None:
        """The published models that are in the cache were asked.

        Args:
            result: what they say.
        """

    def gradients(self, results: Sequence[Result]) -> None:
        """The gradients are checked.

        Args:
            results: of all gradient checks.
        """
