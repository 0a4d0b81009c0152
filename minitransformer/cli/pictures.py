"""Small pictures for web pages, in HTML and SVG that need nothing else: curves, attention maps, bars, tables.

Colours are classes and variables of the page's style, so that each picture is right on light and dark screens.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import numpy

from minitransformer.plain import escaped

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 250, 46, 12, 14, 40
CELL, LABEL = 16, 70  # of an attention map
FAINT = 0.005  # a share of attention too small to be drawn


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Container[int] = ()) -> str:
    """A table whose first cells name the rows; columns in `numbers` are set to the right. Wider than the screen, it scrolls."""
    heads = _cells(head, numbers, ["col"] * len(head))
    body = "".join(f"<tr>{_cells(row, numbers, ['row'])}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(texts: Sequence[str], numbers: Container[int], scopes: Sequence[str]) -> str:
    """The cells of a row; the first ones are heads, of the scopes given."""
    cells = []
    for i, text in enumerate(texts):
        right = ' class="number"' if i in numbers else ""
        tag, scope = ("th", f' scope="{escaped(scopes[i])}"') if i < len(scopes) else ("td", "")
        cells.append(f"<{tag}{scope}{right}>{escaped(text)}</{tag}>")
    return "".join(cells)


def bars(values: Mapping[str, float]) -> str:
    """Shares from 0 to 1 as bars, one below the other, with their percentage."""
    rows = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td class="bar"><div style="width:{100 * v:.1f}%"></div></td>'
        f'<td class="number">{v:.1%}</td></tr>'
        for name, v in values.items()
    )
    return f'<table class="bars">{rows}</table>'


def leaning(value: float, scale: float) -> str:
    """A table cell with a signed number, on a bar that leans right for + and left for -; full at |value| = `scale`."""
    end = 50 + 50 * max(-1.0, min(value / scale, 1.0))  # percent of the cell's width
    a, b = sorted((50.0, end))
    colour = "var(--for)" if value >= 0 else "var(--against)"
    bar = f"linear-gradient(90deg,transparent {a:.1f}%,{colour} {a:.1f}% {b:.1f}%,transparent {b:.1f}%)"
    return f'<td class="lean" style="background-image:{bar}">{value:+.3f}</td>'


def curve(
    losses: Sequence[float],
    held_out: Sequence[tuple[int, float]] = (),
    blind: tuple[str, float] | None = None,
    smooth: int = 20,
) -> str:
    """The loss of each step (faint), its running mean, (step, loss) on held-out data as dots, as SVG with its legend.

    `blind` names a loss to compare with, such as that of guessing.
    """
    y = numpy.array(losses)
    window = min(smooth, len(y))
    mean = numpy.convolve(y, numpy.full(window, 1 / window), mode="valid")  # (steps - window + 1,)
    marks = [v for _, v in held_out] + ([blind[1]] if blind else [])
    place = _Axes(len(y), float(min(y.min(), *marks, y.min())), float(max(y.max(), *marks, y.max())))
    steps = numpy.arange(1, len(y) + 1)
    middles = numpy.arange(len(mean)) + (window + 1) / 2  # of the windows
    parts = [place.ticks(), place.line(steps, y, "each"), place.line(middles, mean, "mean")]
    parts += [place.level(*blind)] if blind else []
    parts += [place.line([s for s, _ in held_out], [v for _, v in held_out], "between")] if held_out else []
    parts += [place.dot(step, value) for step, value in held_out]
    said = f"Loss over {len(y)} steps, from {y[0]:.2f} to {mean[-1]:.2f} nats"
    key = f'<span class="mean"></span>training, mean of {window} steps <span class="held"></span>text it never saw'
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escaped(said)}</title>{"".join(parts)}</svg>'
    )
    return f'<figure>{svg}<p class="key">{key}</p></figure>'


class _Axes:
    """Where steps and losses are drawn."""

    def __init__(self, steps: int, lowest: float, highest: float):
        self.steps = steps
        self.lowest = lowest
        self.span = (highest - lowest) or 1.0

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (step - 1) / max(self.steps - 1, 1)

    def y(self, loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (loss - self.lowest) / self.span)

    def line(self, steps, losses, kind: str) -> str:
        points = " ".join(f"{self.x(s):.1f},{self.y(v):.1f}" for s, v in zip(steps, losses, strict=True))
        return f'<polyline points="{points}" class="{kind}"/>'

    def dot(self, step: float, value: float) -> str:
        at = f'cx="{self.x(step):.1f}" cy="{self.y(value):.1f}"'
        return f'<circle {at} r="4" class="held"><title>step {step}: {value:.3f}</title></circle>'

    def across(self, loss: float, kind: str) -> str:
        return f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(loss):.1f}" y2="{self.y(loss):.1f}" class="{kind}"/>'

    def level(self, name: str, value: float) -> str:
        below = self.y(value) + (16 if self.y(value) < HEIGHT / 3 else -6)
        text = (
            f'<text x="{WIDTH - RIGHT}" y="{below:.1f}" text-anchor="end">{escaped(name)}: {value:.2f}</text>'
        )
        return self.across(value, "level") + text

    def ticks(self) -> str:
        losses = numpy.linspace(self.lowest, self.lowest + self.span, 4)
        steps = numpy.unique(numpy.linspace(1, self.steps, 5).astype(int))
        below = HEIGHT - 22
        middle = WIDTH / 2
        marks = [
            f'<text x="{LEFT - 8}" y="{self.y(v) + 4:.1f}" text-anchor="end">{v:.2f}</text>' for v in losses
        ]
        marks += [self.across(v, "grid") for v in losses]
        ends = ["middle"] * (len(steps) - 1) + ["end"]
        marks += [
            f'<text x="{self.x(s):.1f}" y="{below}" text-anchor="{e}">{s}</text>'
            for s, e in zip(steps, ends, strict=True)
        ]
        marks += [
            f'<text x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">training step; upwards: loss in nats</text>'
        ]
        return "".join(marks)


def scatter(
    rows: Mapping[str, Sequence[tuple[str, float]]],
    limits: Mapping[str, float],
    low: int = -18,
    high: int = -2,
) -> str:
    """Rows of named errors as dots on a scale of powers of ten, from 10^low to 10^high, each row with its limit, as SVG."""
    step, left = 40, 158

    def x(error: float) -> float:
        return left + (WIDTH - left - RIGHT) * (min(max(numpy.log10(max(error, 1e-99)), low), high) - low) / (
            high - low
        )

    parts = []
    bottom = step * len(rows) + 12
    for power in range(low, high + 1, 4):
        at = x(10.0**power)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="6" y2="{bottom}" class="grid"/>')
        anchor = "end" if power == high else "middle"
        said = "0" if power == low else f"1e{power}"
        parts.append(f'<text x="{at:.1f}" y="{bottom + 15}" text-anchor="{anchor}">{said}</text>')
    for i, (name, errors) in enumerate(rows.items()):
        middle = step * i + 28
        limit = x(limits[name])
        parts.append(f'<text x="{left - 12}" y="{middle + 4}" text-anchor="end">{escaped(name)}</text>')
        parts.append(
            f'<line x1="{limit:.1f}" x2="{limit:.1f}" y1="{middle - 16}" y2="{middle + 16}" class="limit"/>'
        )
        for j, (of, error) in enumerate(errors):
            y = middle + (j * 7 % 23) - 11  # spread, so that none hides another
            said = f"<title>{escaped(of)}: {error:.1e}</title>"
            parts.append(f'<circle cx="{x(error):.1f}" cy="{y}" r="2.6" class="check">{said}</circle>')
    said = "<title>The error of each check, and what is allowed</title>"
    return f'<svg viewBox="0 0 {WIDTH} {bottom + 22}" role="img">{said}{"".join(parts)}</svg>'


def attention_map(weights: numpy.ndarray, tokens: Sequence[str], title: str) -> str:
    """Who looks where, (T, S), as SVG: a row for each query, a column for each key, strong colour for a large share."""
    size = LABEL + CELL * len(tokens)
    squares = "".join(
        _square(i, j, float(w), tokens) for (i, j), w in numpy.ndenumerate(weights) if w > FAINT
    )
    labels = "".join(_labels(i, token) for i, token in enumerate(tokens))
    frame = f'<rect x="{LABEL}" y="{LABEL}" width="{size - LABEL}" height="{size - LABEL}" class="frame"/>'
    name = escaped(title)
    svg = f'<svg viewBox="0 0 {size + 24} {size + 2}" role="img"><title>{name}</title>{frame}{squares}{labels}</svg>'
    return f"<figure>{svg}<figcaption>{name}</figcaption></figure>"


def _square(i: int, j: int, share: float, tokens: Sequence[str]) -> str:
    said = escaped(f"{tokens[i].strip()} looks at {tokens[j].strip()}: {share:.0%}")
    at = f'x="{LABEL + CELL * j}" y="{LABEL + CELL * i}" width="{CELL - 1}" height="{CELL - 1}"'
    return f'<rect {at} class="look" opacity="{share:.3f}"><title>{said}</title></rect>'


def _labels(i: int, token: str) -> str:
    at = LABEL + CELL * i + 12
    word = escaped(token.strip()[:10] or "_")
    across = f'<text x="{LABEL - 4}" y="{at}" text-anchor="end">{word}</text>'
    return across + f'<text transform="translate({at},{LABEL - 5}) rotate(-60)">{word}</text>'
