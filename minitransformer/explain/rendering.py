"""Explanations for people: coloured tokens in the terminal, in notebooks, and on a page of their own.

Orange speaks for the explained output and blue against it, a pair that colour-blind readers can tell apart; depth of
colour is |relevance| on one scale for all tokens shown together, and the number is in the hover text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.disk import write
from minitransformer.explain.targets import LogOdds
from minitransformer.plain import escaped, spelt_out

# orange, blue; purple for what has no sign
FOR = (230, 97, 1)
AGAINST = (33, 102, 172)
ATTENTION = (94, 60, 153)
FONT = "font-family:system-ui,sans-serif;font-size:14px"


def finite(values, shape: tuple[int, ...] | None = None) -> numpy.ndarray:
    """Values as float64; raises ValueError unless they are all finite, and of that shape if one is given."""
    values = numpy.asarray(values, dtype=numpy.float64)
    if shape is not None and values.shape != shape:
        raise ValueError(
            f"expected numbers of shape {shape}, one for each token and name, got shape {values.shape}"
        )
    if not numpy.isfinite(values).all():
        wrong = numpy.argwhere(~numpy.isfinite(values))[0].tolist()
        raise ValueError(
            f"expected finite numbers, got {values[tuple(wrong)]} at {wrong}: what made them went wrong"
        )
    return values


def scale_of(values) -> float:
    """The largest |value|, 1 if all are zero: what full colour stands for."""
    return float(numpy.abs(values).max(initial=0.0)) or 1.0


def _colour(value: float, scale: float) -> tuple[tuple[int, int, int], float]:
    return (FOR if value >= 0 else AGAINST), min(abs(value) / scale, 1.0)


def hex_colour(sign: int) -> str:
    """The colour of what speaks for, or of what speaks against, in full."""
    return "#{:02x}{:02x}{:02x}".format(*(FOR if sign >= 0 else AGAINST))


def background(value: float, scale: float) -> str:
    """A background that lets light and dark paper through, so that the ink of either can be read on it."""
    (r, g, b), depth = _colour(value, scale)
    return f"background-color:rgba({r},{g},{b},{0.75 * depth:.3f})"


def shade(value: float, scale: float) -> str:
    """The same for the terminal: ink and an opaque background, as rich names them."""
    colour, depth = _colour(value, scale)
    red, green, blue = (round(255 + (c - 255) * depth) for c in colour)
    ink = "black" if red + green + blue > 380 else "white"
    return f"{ink} on rgb({red},{green},{blue})"


def visible(token: str) -> str:
    """The token, its control characters spelt out, and its white space made visible where it is all there is."""
    if token.strip():
        return spelt_out(token)
    return token.replace("\n", "\u23ce").replace("\t", "\u21e5").replace(" ", "\u2423") or "\u2205"


def plain_strip(tokens: Sequence[str], values) -> str:
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


def html_ledger(ledger) -> str:
    """The ledger as a table."""
    rows = [
        f'<tr><td style="text-align:left;padding:1px 12px">{escaped(name)}</td>'
        f'<td style="text-align:right;font-variant-numeric:tabular-nums;padding:1px 12px">{amount:+.4f}</td>'
        f'<td style="text-align:left;opacity:0.75;padding:1px 12px">{escaped(ledger.meaning[name])}</td></tr>'
        for name, amount in ledger.items()
    ]
    return (
        f'<table style="border-collapse:collapse;font:14px sans-serif;margin:8px 0">{"".join(rows)}</table>'
    )


def outputs(targets: Sequence) -> str:
    """The explained outputs in words: "output 1", "output 1 less output 0", "output 1 less all others"; their sum if several."""
    return " + ".join(_output(target) for target in targets)


def _output(target) -> str:
    if isinstance(target, LogOdds):
        return f"output {target.label} less all others"
    return " less ".join(f"output {t}" for t in (target if isinstance(target, tuple) else (target,)))


def html_explanation(explanation) -> str:
    """Title, token strips on one scale, and the ledger if there is one."""
    scale = scale_of(explanation.relevance)
    title = f"{explanation.method}: {outputs(explanation.target)} = {explanation.output:+.4f}"
    strips = "".join(html_strip(tokens, values, scale) for tokens, values in explanation.rows())
    ledger = html_ledger(explanation.ledger) if explanation.ledger else ""
    return f'<div><div style="font:14px sans-serif;opacity:0.85">{escaped(title)}</div>{strips}{ledger}</div>'


def print_explanation(explanation) -> None:
    """The same in the terminal."""
    from rich.text import Text

    from minitransformer.terminal import Terminal

    console = Terminal()
    method = Text(explanation.method, style="bold")
    console.print(Text.assemble(method, f": {outputs(explanation.target)} = {explanation.output:+.4f}"))
    scale = scale_of(explanation.relevance)
    # colours say nothing in a file or a pipe, so there the numbers stand
    for tokens, values in explanation.rows():
        strip = (
            rich_strip(tokens, values, scale) if console.is_terminal else Text(plain_strip(tokens, values))
        )
        console.print(strip, soft_wrap=not console.is_terminal)
    if explanation.ledger:
        console.print(repr(explanation.ledger))


def page(title: str, body: str) -> str:
    """A whole HTML page around a fragment; it loads nothing from elsewhere."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escaped(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"></head>'
        f'<body style="max-width:960px;margin:32px auto;padding:0 16px;font-family:sans-serif">{body}</body></html>'
    )


def save_page(path, title: str, body: str) -> None:
    """Write a page to a file."""
    write(path, page(title, body))
