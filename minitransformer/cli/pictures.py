"""Small pictures for web pages, in HTML and SVG that need nothing else: curves, attention maps, bars, tables."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy

BLUE, ORANGE, WIDTH, HEIGHT = "#2166ac", "#c2500a", 640, 220
LEFT, BOTTOM, TOP = 44, 34, 12


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> str:
    """A table whose cells from column `numbers_from` on are numbers, set to the right."""
    th = "".join(f'<th scope="col"{_right(i, numbers_from)}>{html.escape(h)}</th>' for i, h in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f"<td{_right(i, numbers_from)}>{html.escape(c)}</td>" for i, c in enumerate(row)) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{th}</tr></thead><tbody>{body}</tbody></table></div>'


def _right(i: int, numbers_from: int) -> str:
    return ' class="number"' if i >= numbers_from else ""


def bars(values: Mapping[str, float]) -> str:
    """Shares from 0 to 1 as bars, one below the other, with their percentage."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td class="bar"><div style="width:{100 * v:.1f}%"></div></td>'
        f'<td class="number">{v:.1%}</td></tr>'
        for name, v in values.items()
    )
    return f'<table class="bars">{rows}</table>'


def curve(losses: Sequence[float], held_out: Sequence[tuple[int, float]] = (), smooth: int = 10) -> str:
    """The loss of each step (faint), its running mean (blue), and figures on held-out data (orange), as SVG."""
    y = numpy.array(losses)
    window = min(smooth, len(y))
    mean = numpy.convolve(y, numpy.full(window, 1 / window), mode="valid")  # (steps - window + 1,)
    lowest, highest = min(y.min(), *(v for _, v in held_out), y.min()), y.max()
    place = _Axes(len(y), float(lowest), float(highest))
    lines = [place.line(range(1, len(y) + 1), y, BLUE, 1, 0.3), place.line(range(window, len(y) + 1), mean, BLUE, 2, 1.0)]
    lines += [place.dot(step, value) for step, value in held_out]
    said = f"Loss over {len(y)} steps, from {y[0]:.2f} to {mean[-1]:.2f} nats"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">{place.ticks()}{"".join(lines)}</svg>'


class _Axes:
    """Where steps and losses are drawn."""

    def __init__(self, steps: int, lowest: float, highest: float):
        self.steps, self.lowest, self.span = steps, lowest, (highest - lowest) or 1.0

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - 12) * (step - 1) / max(self.steps - 1, 1)

    def y(self, loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (loss - self.lowest) / self.span)

    def line(self, steps, losses, colour: str, width: float, opacity: float) -> str:
        points = " ".join(f"{self.x(s):.1f},{self.y(v):.1f}" for s, v in zip(steps, losses, strict=True))
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" opacity="{opacity}"/>'

    def dot(self, step: float, value: float) -> str:
        at = f'cx="{self.x(step):.1f}" cy="{self.y(value):.1f}"'
        return f'<circle {at} r="4" fill="{ORANGE}"><title>{value:.3f}</title></circle>'

    def ticks(self) -> str:
        losses = numpy.linspace(self.lowest, self.lowest + self.span, 4)
        steps = numpy.unique(numpy.linspace(1, self.steps, 5).astype(int))
        marks = [f'<text x="{LEFT - 8}" y="{self.y(v) + 4:.1f}" text-anchor="end">{v:.1f}</text>' for v in losses]
        marks += [f'<line x1="{LEFT}" x2="{WIDTH}" y1="{self.y(v):.1f}" y2="{self.y(v):.1f}" class="grid"/>' for v in losses]
        marks += [f'<text x="{self.x(s):.1f}" y="{HEIGHT - 14}" text-anchor="middle">{s}</text>' for s in steps]
        return "".join(marks) + f'<text x="{LEFT}" y="{HEIGHT - 1}">step</text>'


def attention_map(weights: numpy.ndarray, tokens: Sequence[str], title: str) -> str:
    """Who looks where, (T, S), as SVG: a row for each query, a column for each key, dark for a large share."""
    cell, label = 15, 74
    size = label + cell * len(tokens)
    parts = []
    for i, j in numpy.ndindex(weights.shape):
        if (w := float(weights[i, j])) > 0.005:
            said = html.escape(f"{tokens[i].strip()} looks at {tokens[j].strip()}: {w:.0%}")
            parts.append(
                f'<rect x="{label + cell * j}" y="{label + cell * i}" width="{cell - 1}" height="{cell - 1}" fill="{BLUE}" '
                f'opacity="{w:.3f}"><title>{said}</title></rect>'
            )
    for i, token in enumerate(tokens):
        at, word = label + cell * i + 11, html.escape(token.strip()[:10] or "_")
        parts.append(f'<text x="{label - 4}" y="{at}" text-anchor="end">{word}</text>')
        parts.append(f'<text transform="translate({at},{label - 4}) rotate(-60)">{word}</text>')
    frame = f'<rect x="{label}" y="{label}" width="{size - label}" height="{size - label}" class="frame"/>'
    name = html.escape(title)
    figure = f'<svg viewBox="0 0 {size + 24} {size}" role="img" aria-label="{name}">{frame}{"".join(parts)}</svg>'
    return f"<figure>{figure}<figcaption>{name}</figcaption></figure>"


STYLE = """
:root { color-scheme: light dark; --ink: #1d1d1f; --soft: #5a5a60; --paper: #fff; --line: #d9d9de; --fill: #2166ac; --box: #f5f6f8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf0; --soft: #a6a6ae; --paper: #16171a; --line: #3a3b40; --fill: #6aa9e0; --box: #212328 }
}
body { max-width: 820px; margin: 0 auto; padding: 24px 16px 64px; font: 17px/1.6 system-ui, sans-serif }
body { color: var(--ink); background: var(--paper) }
h1 { font-size: 1.9em; line-height: 1.2; margin: .4em 0 .2em }
h2 { font-size: 1.35em; margin: 2.2em 0 .3em }
h3 { font-size: 1.05em; margin: 1.4em 0 .2em }
p { margin: .5em 0 }
.soft, figcaption, .note { color: var(--soft); font-size: .88em }
table { border-collapse: collapse; font-size: .9em; margin: .6em 0 }
th, td { text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid var(--line) }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto }
.bars { width: 100% }
.bars th { width: 7em; font-weight: 400 }
.bars td.bar { width: 65% }
.bars td.bar div { background: var(--fill); height: 14px; border-radius: 3px }
svg { width: 100%; height: auto; display: block }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft) }
svg .grid { stroke: var(--line) }
svg .frame { fill: none; stroke: var(--line) }
figure { margin: 0 }
.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(165px, 1fr)); gap: 12px }
pre, .said { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--box); padding: 10px 14px; border-radius: 8px }
pre { font: 14px/1.5 ui-monospace, monospace }
.paper { background: #fff; color: #1d1d1f; padding: 6px 14px; border-radius: 8px; border: 1px solid var(--line); overflow-x: auto }
details { margin: .6em 0 }
summary { cursor: pointer }
"""


def page(title: str, body: str) -> str:
    """A whole page, for light and dark screens, wide and narrow ones; it loads nothing from elsewhere."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head><title>{html.escape(title)}</title>{head}</head><body>{body}</body></html>'
