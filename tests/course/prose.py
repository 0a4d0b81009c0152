"""The prose of a lesson: its Markdown without code, formulas, headings, and the table of words at its end."""

from __future__ import annotations

import re

from notebooks import Cell

NO_PROSE = re.compile(
    r"```.*?```|~~~.*?~~~"  # blocks of code
    r"|`[^`]*`"  # code within a line
    r"|\$\$.*?\$\$|\$[^$]*\$"  # formulas
    r"|^#+ .*?$"  # headings
    r"|<[^<>]*>"  # tags
    r"|\]\([^()]*\)",  # where links lead
    re.DOTALL | re.MULTILINE,
)
OPENING = re.compile(
    r"^\*About (\d+) minutes to read, and (\d+) for the exercises\. Builds on [^*]*\*$", re.MULTILINE
)
REFERENCES = re.compile(r"\*\*(?:Further reading|Next)[.:]?\*\*.*?(?=\n\n|\Z)", re.DOTALL)


def is_words(cell: Cell) -> bool:
    """Whether a cell is the table of words."""
    return cell.text.startswith("## Words\n") and "| term |" in cell.text


def prose(text: str) -> str:
    """The prose of a Markdown cell. Titles of papers, and what is announced of the next lesson, are none."""
    return REFERENCES.sub(" ", NO_PROSE.sub(" ", text))


def prose_of(cells: tuple[Cell, ...]) -> str:
    """The prose of a lesson, each run of white space as one space or, between paragraphs, an empty line."""
    texts = [prose(cell.text) for cell in cells if cell.kind == "markdown" and not is_words(cell)]
    paragraphs = re.split(r"\n\s*\n", "\n\n".join(texts))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())
