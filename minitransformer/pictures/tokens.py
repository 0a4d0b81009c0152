"""Tokens in colour: each on a background whose depth is |value|, in HTML and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from minitransformer.pictures.colours import background, scale_of, shade
from minitransformer.plain import escaped, spelt_out

if TYPE_CHECKING:
    pass


def visible(token: str) -> str:
    """The token, its control characters spelt out, and its white space made visible where it is all there is."""
    if token.strip():
        return spelt_out(token)
    return token.replace("\n", "\u23ce").replace("\t", "\u21e5").replace(" ", "\u2423") or "\u2205"


def plain_strip(tokens: Sequence[str], values: ArrayLike) -> str:
    """Each token with its signed relevance: `good[+0.81] film[-0.02]`."""
    return " ".join(f"{visible(t).strip()}[{v:+.2f}]" for t, v in zip(tokens, values, strict=True))


def rich_strip(tokens: Sequence[str], values, scale: float | None = None):
    """The tokens as rich text, on a background whose depth is |relevance|."""
    from rich.text import Text

    scale, strip = scale or scale_of(values), Text()
    for token, value in zip(tokens, values, strict=True):
        strip.append(visible(token), style=shade(float(value), scale))
    return strip


def html_strip(tokens: Sequence[str], values, scale: float | None = None) -> str:
    """The tokens as spans with inline style and the number as hover text."""
    scale, spans = scale or scale_of(values), []
    for token, value in zip(tokens, values, strict=True):
        style = f"{background(float(value), scale)};padding:2px 1px;border-radius:3px;white-space:pre-wrap"
        spans.append(f'<span style="{style}" title="{value:+.4f}">{escaped(visible(token))}</span>')
    return f'<div style="font:16px/1.9 Georgia,serif">{"".join(spans)}</div>'
