"""English prose that every Python already has: the offline default for language modelling."""

from __future__ import annotations

import re
from pydoc_data.topics import topics

# typographic signs and their plain forms: a character model need not learn both
PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "--", "…": "..."})


def python_topics() -> str:
    """The chapters behind Python's `help()`, in the order of their names, one blank line between paragraphs.

    About half a million characters of the language reference. The text is that of the running Python: the same on
    every machine with the same Python version, a little longer with each new one.
    """
    text = "\n\n".join(topics[name] for name in sorted(topics)).translate(PLAIN)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def split(text: str, held_out: float = 0.1) -> tuple[str, str]:
    """The beginning of a text to train on and its end, the fraction `held_out`, to be judged on."""
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must lie between 0 and 1, both excluded; got {held_out}")
    cut = len(text) - round(held_out * len(text))
    return text[:cut], text[cut:]
