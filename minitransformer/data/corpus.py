"""English prose that every Python already has: the offline default for language modelling."""

from __future__ import annotations

import re
from pydoc_data.topics import topics

# typographic signs and their plain forms: a character model need not learn both
PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "--", "…": "..."})


def python_topics() -> str:
    """The reference chapters behind Python's `help()`, in alphabetical order of their names.

    About half a million characters of English. The text comes with the running Python: it is the same for every
    installation of one Python version and grows a little with each new version.

    Returns:
        The text, with one blank line between paragraphs and plain quotation marks and dashes.
    """
    text = "\n\n".join(topics[name] for name in sorted(topics)).translate(PLAIN)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def split(text: str, held_out: float = 0.1) -> tuple[str, str]:
    """Divide a text into a beginning to train on and an end to evaluate on.

    Args:
        text: Any text.
        held_out: The fraction of the characters that the second part gets, between 0 and 1.

    Returns:
        (training part, held-out part); together they are the text.

    Raises:
        ValueError: If `held_out` is not between 0 and 1, both excluded.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must lie between 0 and 1, both excluded; got {held_out}")
    cut = len(text) - round(held_out * len(text))
    return text[:cut], text[cut:]
