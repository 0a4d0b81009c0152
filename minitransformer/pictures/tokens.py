"""Tokens in colour: each on a background whose depth is |value|, in HTML and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from minitransformer.pictures.colours import background, scale_of, shade
from minitransformer.plain import escaped, spelt_out

if TYPE_CHECKING:
    from rich.text import Text

Values = Sequence[float] | numpy.ndarray


def visible(token: str) -> str:
    """The token, its control characters spelt out, and its white space made visible where it is all there is."""
    if token.strip():
        return spelt_out(token)
    return token.replace("\n", "\u23ce").replace("\t", "\u21e5").replace(" ", "\u2423") or "\u2205"


def plain_strip(tokens: Sequence[str], values: Values) -> str:
    """Each token with its signed relevance: `good[+0.81] film[-0.02]`."""
    return " ".join(f"{visible(t).strip()}[{v:+.2f}]" for t, v in zip(tokens, values, strict=True))


def rich_strip(tokens: Sequence[str], values: Values, scale: float | None = None) -> Text:
    """The tokens as rich text, on a background whose depth is |relevance|."""
    from rich.text import Text

    scale = scale or scale_of(values)
    strip = Text()
    for token, value in zip(tokens, values, strict=True):
        strip.append(visible(token), style=shade(float(value), scale))
    return strip


def html_strip(tokens: Sequence[str], values: Values, scale: float | None = None) -> str:
    """The tokens as spans with inline style and the number as hover text."""
    scale = scale or scale_of(values)
    spans = []
    for token, value in zip(tokens, values, strict=True):
        style = f"{background(float(value), scale)};padding:2px 1px;border-radius:3px;white-space:pre-wrap"
        spans.append(f'<span style="{style}" title="{value:+.4f}">{escaped(visible(token))}</span>')
    return f'<div style="font:16px/1.9 Georgia,serif">{"".join(spans)}</div>'
