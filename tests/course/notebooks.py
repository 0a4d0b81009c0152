"""What the tests of the lessons' text read: the committed notebooks and the sources, cell by cell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from minitransformer.course import catalogue

ROOT = Path(__file__).parents[2]


BUILT = [lesson for lesson in catalogue.lessons() if (ROOT / "lessons" / f"{lesson}.ipynb").exists()]


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook.

    Args:
        kind: "markdown" or "code".
        text: its source.
        printed: what its code printed and what its last line showed, as plain text.
        pictures: how many pictures its code drew.
    """

    kind: str
    text: str
    printed: str = ""
    pictures: int = 0


@cache
def committed(lesson: str) -> tuple[Cell, ...]:
    """The cells of a lesson's notebook as it is committed, with its outputs."""
    notebook = json.loads((ROOT / "lessons" / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    return tuple(_cell(cell) for cell in notebook["cells"])


def _cell(cell: dict) -> Cell:
    outputs = cell.get("outputs", ())
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    return Cell(cell["cell_type"], "".join(cell["source"]), "".join(map(_shown, outputs)), pictures)


def _shown(output: dict) -> str:
    """The plain text of an output."""
    return "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "")) + "\n"
