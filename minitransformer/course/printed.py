"""What a learner's code prints: the end of it is kept, to be shown with the report."""

from __future__ import annotations

import io

LINES = 20  # lines that are shown
KEPT = 10_000  # characters that are kept


class Printed(io.TextIOBase):
    """A text stream that keeps its last 20 lines and counts the others."""

    def __init__(self):
        self.end, self.feeds = "", 0

    def writable(self) -> bool:
        """A stream to write to.

        Returns:
            True.
        """
        return True

    def write(self, text: str) -> int:
        """Take in what is printed.

        Args:
            text: the text.

        Returns:
            The number of its characters.
        """
        self.end = (self.end + text)[-KEPT:]
        self.feeds += text.count("\n")
        return len(text)

    def lines(self) -> tuple[str, ...]:
        """The last lines that were printed.

        Returns:
            At most 20 lines, after one that says how many came before.
        """
        shown = self.end.split("\n")
        shown = (shown if shown[-1] else shown[:-1])[-LINES:]
        before = self.feeds + (not self.end.endswith("\n")) - len(shown) if shown else 0
        return (f"({before:,} lines before these)", *shown) if before else tuple(shown)
