"""Anyone's text made plain, so that a terminal or a web page shows it and does not obey it."""

from __future__ import annotations

import html
import re

# what a terminal obeys, what turns the direction of reading, other ends of lines, and halves of characters
OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def spelt_out(text: str) -> str:
    r"""The text with its control characters spelt out, such as `\x1b`; tabs and ends of lines stay."""
    return (
        text
        if text.isascii() and text.isprintable()
        else OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)
    )


def escaped(value: object) -> str:
    """A value as it stands in the text or in an attribute of a web page."""
    return html.escape(spelt_out(str(value)))
