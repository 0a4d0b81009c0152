r"""Combining marks (vowel signs of Hindi, separate accents, joiners) are part of the word that contains them.

Python's `\w` matches none of them. Patterns are therefore applied to a copy of the text in which each mark is replaced
by one character, `MARK`, which the patterns contain.
"""

from __future__ import annotations

import re
import unicodedata

MARK = "\u0301"
LETTERS = r"\w[\w\u0301]*"  # a letter or digit, and what follows it without a break
JOINERS = "\u200c\u200d"  # between letters: whether they are written as one


def is_mark(c: str) -> bool:
    """Whether a character is a combining mark: Unicode categories Mn, Mc and Me, and the two joiners.

    Args:
        c: One character.

    Returns:
        True or False.
    """
    return unicodedata.category(c).startswith("M") or c in JOINERS


def find_words(pattern: re.Pattern[str], text: str) -> list[str]:
    """The pieces of a text that match a pattern.

    Args:
        pattern: A pattern in which `MARK` stands for any combining mark.
        text: Any text.

    Returns:
        The matched pieces of the text itself.
    """
    copy = seen(text)
    if copy is text and not pattern.groups:
        return pattern.findall(text)
    return [text[match.start() : match.end()] for match in pattern.finditer(copy)]


def seen(text: str) -> str:
    """Replace every combining mark by `MARK`.

    Args:
        text: Any text.

    Returns:
        A text of the same length.
    """
    if text.isascii():
        return text
    return text.translate({ord(c): MARK for c in set(text) if is_mark(c)})
