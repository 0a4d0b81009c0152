"""Tokens in colour: each on a background whose depth is |value|, in HTML and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from minitransformer.pictures.colours import background, scale_of, shade, signed
from minitransformer.plain import escaped, spelt_out

if TYPE_CHECKING:
    from rich.text import Text

Values = Sequence[float] | numpy.ndarray


def visible(token: str) -> str:
    """Make a token visible, whatever it consists of.

    Args:
        token: any text.

    Returns:
        The token, its control characters replaced by their escapes. If it is only white space, signs for it; if it is empty,
        the sign of the empty set.
    """
    if token.strip():
        return spelt_out(token)
    return token.replace("\n", "\u23ce").replace("\t", "\u21e5").replace(" ", "\u2423") or "\u2205"


def _seen(token: str, value: float) -> str:
    """A token as it is shown in a strip. A space of no weight, as LIME's between two words, stays a space, where a line may end."""
    return token if token == " " and not value else visible(token)


def plain_strip(tokens: Sequence[str], values: Values) -> str:
    """Tokens with their numbers as plain text.

    Args:
        tokens: T tokens.
        values: (T,).

    Returns:
        Text such as `good[+0.81] film[-0.02]`.
    """
    scale = scale_of(values)
    return " ".join(f"{visible(t).strip()}[{signed(v, scale)}]" for t, v in zip(tokens, values, strict=True))


def rich_strip(tokens: Sequence[str], values: Values, scale: float | None = None) -> Text:
    """Tokens on coloured backgrounds, for the terminal.

    Args:
        tokens: T tokens.
        values: (T,).
        scale: what full colour stands for; None for the largest |value|.

    Returns:
        A text of rich.
    """
    from rich.text import Text

    scale = scale or scale_of(values)
    strip = Text()
    for token, value in zip(tokens, values, strict=True):
        strip.append(_seen(token, value), style=shade(float(value), scale))
    return strip


def html_strip(tokens: Sequence[str], values: Values, scale: float | None = None) -> str:
    """Tokens on coloured backgrounds, for pages and notebooks. The hover text of each is its number.

    Args:
        tokens: T tokens.
        values: (T,).
        scale: what full colour stands for; None for the largest |value|.

    Returns:
        HTML with inline styles.
    """
    scale = scale or scale_of(values)
    spans = []
    for token, value in zip(tokens, values, strict=True):
        style = f"{background(float(value), scale)};padding:2px 1px;border-radius:3px;white-space:pre-wrap"
        spans.append(f'<span style="{style}" title="{value:+.4f}">{escaped(_seen(token, value))}</span>')
    return f'<div style="font:16px/1.9 Georgia,serif">{"".join(spans)}</div>'
