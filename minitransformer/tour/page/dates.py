"""The section of the dates: how many are read right, and where the model looks while it writes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minitransformer.pictures import Reader, attention_heads, samples, table
from minitransformer.pictures.tokens import visible
from minitransformer.plain import escaped
from minitransformer.tour.dates import DatesResult, Example, OwnDate
from minitransformer.tour.page.pieces import curve, named_step

HINT = "Point at a character of the answer, tap it, or move with Tab and the arrow keys: you see where the model looked."
GUESSING = "guessing one of ten digits"


def dates_section(dates: DatesResult) -> str:
    """The reader of dates.

    Args:
        dates: its result.

    Returns:
        HTML.
    """
    steps = len(dates.learned.losses)
    right = round(dates.accuracy * dates.tested)
    shown = {named_step(step): _table(examples) for step, examples in dates.written.items()}
    return (
        "<section><h2>2. Reading dates</h2>"
        f"<p>An encoder reads a date as people write it, and a decoder writes it as year-month-day, character by character. They "
        f"have {dates.parameters:,} parameters and were trained for {steps:,} steps. Of {dates.tested:,} dates that they never saw "
        f"in any form, they write <b>{right:,} ({dates.accuracy:.1%})</b> right in all their characters.</p>"
        + _own(dates.own)
        + "<h3>How it learned</h3><p>What it wrote for the same dates as training went on:</p>"
        + samples("step of the training", shown)
        + curve(dates.learned, GUESSING, math.log(10))
        + f"<details><summary>More dates that it never saw</summary>{_table(dates.examples)}</details></section>"
    )


def _own(own: OwnDate) -> str:
    """One date, and the attention to it."""
    said = [f"'{visible(c)}' is character {i} of what it wrote." for i, c in enumerate(own.said, 1)]
    reader = Reader(list(own.said), said, HINT, {"the decoder": own.attention}, list(own.text))
    picture = attention_heads(list(own.said), [own.attention[None]], list(own.text), "where it looks")
    judged = (
        "" if own.right is None else " That is right." if own.right == own.said else f" Right is {own.right}."
    )
    unknown = " It learned none of the forms that this text has." if own.right is None else ""
    return (
        f"<h3>Where it looks</h3><p>It reads <b>{escaped(own.text)}</b> and writes <b>{escaped(visible(own.said))}</b>."
        f"{escaped(judged + unknown)}</p>"
        + reader.to_html()
        + "<p>The same as a picture: each row is a character that it writes, "
        "each column one that it reads; the stronger the colour, the larger the share.</p>"
        f'<div class="maps">{picture.to_html()}</div>'
    )


def _table(examples: Sequence[Example]) -> str:
    rows = [
        (text, visible(said), "right" if said == iso else f"wrong: {iso}") for text, iso, said in examples
    ]
    return table(["date", "what it wrote", "which is"], rows)
