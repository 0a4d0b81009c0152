"""Make any text harmless to show: a terminal or a browser displays it and executes nothing in it."""

from __future__ import annotations

import html
import re

# what a terminal obeys, what turns the direction of reading, other ends of lines, and halves of characters
OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def spelt_out(text: str) -> str:
    r"""Replace control characters by their escapes, such as `\x1b`.

    Args:
        text: Any text.

    Returns:
        The text; tabs and line feeds stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)


def escaped(value: object) -> str:
    """Escape a value for use in the text or in an attribute of an HTML page.

    Args:
        value: Anything; its `str` is used.

    Returns:
        The escaped text.
    """
    return html.escape(spelt_out(str(value)))
