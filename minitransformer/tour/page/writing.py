"""The section of the language model."""

from __future__ import annotations

import math

from minitransformer.pictures import Reader, samples
from minitransformer.plain import escaped
from minitransformer.tour.page.pieces import curve, maps, named
from minitransformer.tour.result import LanguageModelResult

HINT = "Point at a word, tap it, or move with Tab and the arrow keys: below stands what each head looks at from there."


def writing_section(language_model: LanguageModelResult) -> str:
    """The language model.

    Args:
        language_model: its result.

    Returns:
        HTML.
    """
    start = escaped(language_model.vocab_size)
    end = math.exp(language_model.learned.held_out[-1][1])
    written = {"before training": language_model.before, "after training": language_model.after}
    said = [f"The heads at '{token.strip()}':" for token in language_model.tokens]
    reader = Reader(
        language_model.tokens,
        said,
        HINT,
        named(language_model.attention),
        first=len(language_model.tokens) - 1,
    )
    return (
        "<section><h2>2. A language model learns English prose</h2>"
        f"<p>At first all {start} pieces of words are equally likely to it. In the end it is as unsure, on text it never saw, as "
        f"if it had to choose among {end:.0f}.</p>"
        + curve(language_model.learned, "blind guessing", language_model.guessing)
        + samples("what it writes", {name: f"<pre>{escaped(text)}</pre>" for name, text in written.items()})
        + reader.to_html()
        + maps(language_model.tokens, language_model.attention)
        + "</section>"
    )
