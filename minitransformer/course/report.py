"""The report of a check: as plain text, with colours in a terminal, and as HTML in a notebook."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from typing import Any

from minitransformer.plain import escaped

TITLES = {
    "passed": "passed",
    "failed": "not yet",
    "unwritten": "not written yet",
    "crashed": "your code could not run",
    "stopped": "your code was stopped",
    "refused": "this cannot be judged",
}
COLOURS = {"passed": "green", "unwritten": "yellow"}
MARKS = {
    "title": "",
    "good": "  ok    ",
    "bad": "  wrong ",
    "detail": "        ",
    "hint": "  hint  ",
    "printed": "  print ",
    "why": "  why   ",
    "foot": "  note  ",
}
STYLES = {"good": "green", "bad": "red", "hint": "cyan", "printed": "dim", "why": "dim", "foot": "dim"}
LONGEST = 500  # characters of a line of details
# readable on a white page and on a dark one: a contrast of at least 4 with both (WCAG 2.2, 1.4.3)
HTML_COLOURS = {"green": "#188837", "yellow": "#a36a09", "red": "#dd342f", "blue": "#1974df"}


def printable(text: str) -> str:
    """Make a text from a learner's code safe to print: shortened, with control characters replaced by their escapes.

    Args:
        text: any text.

    Returns:
        At most 500 characters of it, escaped; line feeds stay.
    """
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text[:LONGEST])


def broken(line: str, width: int) -> str:
    """Break a line of a report between its words; what follows begins where the words begin, behind the mark.

    Args:
        line: the line.
        width: the longest that a line may be, in characters; a longer word stays whole.

    Returns:
        Lines.
    """
    behind = " " * len(MARKS["hint"])
    parts = textwrap.wrap(
        line, width, subsequent_indent=behind, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(parts)


@dataclass(frozen=True)
class Report:
    """The result of checking one answer.

    Args:
        name: the exercise.
        status: a key of TITLES.
        checked: the properties that hold, in words.
        wrong: the property that does not hold, or "".
        details: lines that say what was expected and what was found.
        hint: a sentence that may help, or "".
        why: a sentence about where the piece is used, shown if the answer passes.
        foot: a sentence about the protections that this system lacks, and where the answer is kept, or "".
        printed: the last lines that the learner's code printed.
    """

    name: str
    status: str
    checked: tuple[str, ...] = ()
    wrong: str = ""
    details: tuple[str, ...] = ()
    hint: str = ""
    why: str = ""
    foot: str = ""
    printed: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("details", "printed"):
            object.__setattr__(self, name, tuple(map(printable, getattr(self, name))))

    @property
    def passed(self) -> bool:
        """Whether the answer has all properties."""
        return self.status == "passed"

    def lines(self) -> list[tuple[str, str]]:
        """The parts of the report in order.

        Returns:
            (kind, a key of MARKS; text) of each part.
        """
        lines = [("title", f"{self.name}: {TITLES[self.status]}")]
        lines += [("good", what) for what in self.checked]
        lines += [("bad", self.wrong)] if self.wrong else []
        lines += [("detail", line) for line in self.details]
        lines += [("hint", self.hint)] if self.hint else []
        lines += [("printed", line) for line in self.printed]
        lines += [("why", self.why)] if self.why and self.passed else []
        return lines + ([("foot", self.foot)] if self.foot else [])

    def __str__(self) -> str:
        return "\n".join(
            MARKS[kind] + line for kind, text in self.lines() for line in text.splitlines() or [""]
        )

    __repr__ = __str__

    def show(self, console) -> None:
        """Print the report with colours. In a terminal, lines break between words, and what the code printed stays as it is.

        Args:
            console: a rich console.
        """
        width = console.width if console.is_terminal else None
        styles = {**STYLES, "title": f"bold {COLOURS.get(self.status, 'red')}"}
        for line, (kind, _) in zip(str(self).splitlines(), self._kinds(), strict=True):
            shown = broken(line, width) if width and kind != "printed" else line
            console.print(shown, style=styles.get(kind, ""), markup=False, soft_wrap=True)

    def _kinds(self) -> list[tuple[str, str]]:
        return [(kind, line) for kind, text in self.lines() for line in text.splitlines() or [""]]

    def _repr_html_(self) -> str:
        colours = {
            "title": HTML_COLOURS[COLOURS.get(self.status, "red")],
            "good": HTML_COLOURS["green"],
            "bad": HTML_COLOURS["red"],
            "hint": HTML_COLOURS["blue"],
        }
        hanging = "padding-left:8ch;text-indent:-8ch"
        rows = "".join(
            f'<div style="color:{colours.get(kind, "inherit")};{"font-weight:bold" if kind == "title" else hanging}">'
            f"{escaped(line)}</div>"
            for line, (kind, _) in zip(str(self).splitlines(), self._kinds(), strict=True)
        )
        return f'<div style="font:14px/1.5 monospace;white-space:pre-wrap">{rows}</div>'

    def to_dict(self) -> dict:
        """The report as plain data, for JSON; `from_dict` is the inverse.

        Returns:
            A dict of strings, and lists or tuples of strings.
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, d: dict) -> Report:
        """The report from the dict that `to_dict` gave.

        Args:
            d: the dict, also after a conversion to JSON and back.

        Returns:
            The report.
        """
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in d.items()}
        return cls(**values)


class Reports(tuple[Report, ...]):
    """The reports on several exercises, which a notebook displays one below the other."""

    def __str__(self) -> str:
        return "\n\n".join(map(str, self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "<br>".join(report._repr_html_() for report in self)
