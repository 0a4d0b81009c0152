"""What is said of a change that makes an answer right: the line and the kind of change, but not the change itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from minitransformer.course.repair.search import Found
from minitransformer.course.repair.text import Edit

LONGEST = 80  # characters of a line that is quoted
PLACES = 2  # at most so many places are named; more say nothing about where the mistake is


def said(found: Sequence[Found], source: str, properties: int, above: int = 0) -> str:
    """A sentence about the changes after which most properties hold.

    Args:
        found: the changes after which the property holds that did not.
        source: the learner's code.
        properties: how many properties the exercise has.
        above: how many lines less stand above the code where the learner reads it: in a notebook, its cell.

    Returns:
        The sentence; "" if there is no such change, or there are too many.
    """
    best = _best(found)
    places = list(dict.fromkeys(found.edit.lines for found in best))
    if not places or len(places) > PLACES:
        return ""
    lines = source.splitlines()
    now = "every property holds" if best[0].held == properties else "this property holds, and those before it"
    ways = [
        f"{_named(place, lines, above)}: {_way([f.edit for f in best if f.edit.lines == place], above)}"
        for place in places
    ]
    return f"{', or '.join(ways)}, {now}."


def _best(found: Sequence[Found]) -> list[Found]:
    """The changes after which most holds, and of those the ones of the first tier."""
    most = max((f.held for f in found), default=0)
    best = [f for f in found if f.held == most]
    first = min((f.tier for f in best), default=0)
    return [f for f in best if f.tier == first]


def _way(edits: Sequence[Edit], above: int) -> str:
    """The change in words, those of one place; the smallest is said."""
    words = min(edits, key=lambda edit: edit.size).said
    return re.sub(r"(?<=\bline )\d+", lambda number: str(int(number[0]) - above), words)


def _named(place: tuple[int, ...], lines: Sequence[str], above: int) -> str:
    """A line with its code, or the numbers of several."""
    numbers = [str(line - above) for line in place]
    if len(place) > 1:
        return f"Lines {', '.join(numbers[:-1])} and {numbers[-1]}"
    code = lines[place[0] - 1].strip()
    return f"Line {numbers[0]}, `{code if len(code) <= LONGEST else code[:LONGEST] + '..'}`"
