"""Words hold their combining marks: the vowel signs of Hindi, accents written as letters of their own, joiners.

Python's `\\w` knows none of them. So a pattern sees a text in which all are the same one, `MARK`, which it can name.
"""

from __future__ import annotations

import re
import unicodedata

MARK = "\u0301"
LETTERS = r"\w[\w\u0301]*"  # a letter or digit, and what follows it without a break
JOINERS = "\u200c\u200d"  # between letters: whether they are written as one


def is_mark(c: str) -> bool:
    """Unicode's categories Mn, Mc and Me, and the joiners."""
    return unicodedata.category(c).startswith("M") or c in JOINERS


def find_words(pattern: re.Pattern, text: str) -> list[str]:
    """The pieces of a text that a pattern finds, in which `MARK` stands for every mark."""
    return [text[match.start() : match.end()] for match in pattern.finditer(seen(text))]


def seen(text: str) -> str:
    """The text as patterns see it, letter by letter."""
    if text.isascii():
        return text
    return text.translate({ord(c): MARK for c in set(text) if is_mark(c)})
