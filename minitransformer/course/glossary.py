"""The glossary: the terms of all lessons, which each lesson lists in a table under "Words"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

TABLE = re.compile(
    r"^## Words\n\n\| term \| meaning \| PyTorch \|\n\|---\|---\|---\|\n((?:\|.*\n?)+)", re.MULTILINE
)
HEAD = """# Glossary

The terms that the lessons introduce, by the alphabet: what each means, its name in PyTorch, and the lesson that teaches it. A word
in *italics* is what the lessons call it in plain words.

| term | meaning | PyTorch | lesson |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Term:
    """A term of the field.

    Args:
        name: the term, such as "attention weights".
        meaning: what it means, in Markdown.
        pytorch: what has it in PyTorch, in Markdown; "" if nothing does.
        lesson: the lesson that introduces it, such as "06_attention".
    """

    name: str
    meaning: str
    pytorch: str
    lesson: str


def terms_of(lesson: str, source: str) -> list[Term]:
    """Read the table of words of a lesson.

    Args:
        lesson: the lesson, such as "06_attention".
        source: its source in cells.

    Returns:
        Its terms, in the order of the table; none if it has no table.

    Raises:
        ValueError: if a row of the table has not three columns.
    """
    text = re.sub("^# ?", "", source, flags=re.MULTILINE)
    rows = [row for table in TABLE.findall(text) for row in table.splitlines()]
    return [_term(row, lesson) for row in rows]


def _term(row: str, lesson: str) -> Term:
    columns = [column.strip() for column in re.split(r"(?<!\\)\|", row.strip())[1:-1]]
    if len(columns) != 3:
        raise ValueError(f"{lesson}, Words: expected a row `| term | meaning | PyTorch |`, got {row!r}")
    name, meaning, pytorch = columns
    return Term(name, meaning, pytorch, lesson)


def page(terms: Iterable[Term]) -> str:
    """Write the glossary.

    Args:
        terms: of all lessons.

    Returns:
        A page of Markdown, with links to the notebooks beside it.
    """
    return HEAD + "".join(
        f"| {term.name} | {term.meaning} | {term.pytorch} | [{term.lesson[:2]}]({term.lesson}.ipynb) |\n"
        for term in sorted(terms, key=lambda term: term.name.casefold())
    )
