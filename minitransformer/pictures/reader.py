"""A text on a page, token by token: what each contributed, what each head looks at from there, and what is said without it.

Without a script the page shows the tokens with their numbers. With `SCRIPT`, each token can be asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from minitransformer.pictures.colours import scale_of, signed
from minitransformer.pictures.legend import legend
from minitransformer.pictures.tokens import visible
from minitransformer.plain import escaped

Array = numpy.ndarray


def word_strip(tokens: Sequence[str], values: Sequence[float] | Array | None = None) -> str:
    """Tokens one after the other; each with its number below it, on orange for numbers above zero, on blue below.

    Args:
        tokens: T tokens.
        values: (T,); None for tokens without numbers and colours.

    Returns:
        HTML for pages in the style `STYLE`.
    """
    if values is None:
        spans = "".join(f'<span class="token">{escaped(visible(token).strip())}</span> ' for token in tokens)
    else:
        scale = scale_of(values)
        spans = "".join(_token(t, float(v), scale) for t, v in zip(tokens, values, strict=True))
    return f'<p class="strip">{spans}</p>'


def _token(token: str, value: float, scale: float) -> str:
    side = "for" if value >= 0 else "against"
    word = f"<span>{escaped(visible(token).strip())}</span><small>{signed(value, scale)}</small>"
    return f'<span class="token {side}" style="--depth:{abs(value) / scale:.3f}">{word}</span> '


@dataclass(frozen=True)
class Reader:
    """A text whose tokens can be asked.

    Attributes:
        tokens: T tokens.
        said: what is shown of each token, T sentences.
        hint: a sentence that says what can be done; it is shown only where it can be done.
        heads: the attention weights (T, S) of each head, by its name.
        keys: the S tokens that the heads look at; None for the tokens themselves.
        values: a number for each token, (T,); None for none.
        answer: the name of what a classifier says of the text.
        probability: of that answer; None if there is none.
        without: the probability without tokens, (T, T), as `tour.leaving_out.without` has it; None if there is none.
        first: the token that is shown at first.
    """

    tokens: Sequence[str]
    said: Sequence[str]
    hint: str
    heads: Mapping[str, Array] = field(default_factory=dict)
    keys: Sequence[str] | None = None
    values: Sequence[float] | Array | None = None
    answer: str = ""
    probability: float | None = None
    without: Array | None = None
    first: int = 0

    def to_html(self) -> str:
        """The text, its decision, and what the script needs.

        Returns:
            HTML for pages in the style `STYLE` with the script `SCRIPT`.
        """
        parts = [
            f'<p class="hint note" hidden>{escaped(self.hint)}</p>',
            word_strip(self.tokens, self.values),
            "" if self.values is None else legend(scale_of(self.values), self.answer or "it"),
            self._decision(),
            '<div class="panel" hidden></div>',
        ]
        body = "".join(parts)
        return (
            f'<div class="reader" role="group" data-reader="{escaped(json.dumps(self._data()))}">{body}</div>'
        )

    def _decision(self) -> str:
        """The answer with its probability, as a bar too."""
        if self.probability is None:
            return ""
        track = f'<span class="track"><i style="--share:{self.probability:.3f}"></i></span>'
        parts = f"<b>{escaped(self.answer)}</b>{track}<output>{self.probability:.1%}</output>"
        back = '<button type="button" class="back" hidden>put all words back</button>'
        return f'<p class="decision">{parts}{back}</p>'

    def _data(self) -> dict[str, Any]:
        """What the script reads. Weights are per mille, to keep the page small."""
        keys = self.tokens if self.keys is None else self.keys
        return {
            "keys": [visible(key) for key in keys],
            "heads": {visible(name): _per_mille(weights) for name, weights in self.heads.items()},
            "said": list(map(visible, self.said)),
            "answer": visible(self.answer),
            "probability": self.probability,
            "without": None if self.without is None else _or_none(self.without),
            "first": self.first,
        }


def _per_mille(weights: Array) -> list[list[int]]:
    rows: list[list[int]] = numpy.rint(1000 * numpy.asarray(weights)).astype(int).tolist()
    return rows


def _or_none(shares: Array) -> list[list[float | None]]:
    """JSON has no NaN: what is not known is null."""
    return [[None if p != p else round(float(p), 4) for p in row] for row in shares]
