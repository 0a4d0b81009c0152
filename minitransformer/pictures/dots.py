"""Errors as dots on a scale of powers of ten, for pages in the style `STYLE`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log10

from minitransformer.plain import escaped

WIDTH, LEFT, RIGHT = 592, 190, 12  # of the picture, and of its margins
STEP = 40  # from one row to the next


def scatter(
    rows: Mapping[str, Sequence[tuple[str, float]]],
    limits: Mapping[str, float],
    low: int = -18,
    high: int = -2,
) -> str:
    """Rows of errors as dots, each row with its limit.

    Args:
        rows: the (name, error) of each dot, by the name of its row.
        limits: the largest error allowed in each row.
        low: the scale begins at 10^low.
        high: the scale ends at 10^high; larger errors stand at its end.

    Returns:
        The picture as SVG.
    """
    scale = _Powers(low, high)
    bottom = STEP * len(rows) + 12
    parts = list(scale.grid(bottom))
    for i, (name, errors) in enumerate(rows.items()):
        parts += scale.row(name, errors, limits[name], STEP * i + 28)
    said = "<title>The error of each check, and what is allowed</title>"
    return f'<svg viewBox="0 0 {WIDTH} {bottom + 22}" role="img">{said}{"".join(parts)}</svg>'


@dataclass(frozen=True)
class _Powers:
    """The scale from 10^low to 10^high."""

    low: int
    high: int

    def x(self, error: float) -> float:
        power: float = min(max(log10(max(error, 1e-99)), self.low), self.high)
        return LEFT + (WIDTH - LEFT - RIGHT) * (power - self.low) / (self.high - self.low)

    def grid(self, bottom: int) -> Iterator[str]:
        for power in range(self.low, self.high + 1, 4):
            at = self.x(10.0**power)
            yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="6" y2="{bottom}" class="grid"/>'
            anchor = "end" if power == self.high else "middle"
            said = "0" if power == self.low else f"1e{power}"
            yield f'<text x="{at:.1f}" y="{bottom + 15}" text-anchor="{anchor}">{said}</text>'

    def row(self, name: str, errors: Sequence[tuple[str, float]], limit: float, middle: int) -> Iterator[str]:
        yield f'<text x="{LEFT - 12}" y="{middle + 4}" text-anchor="end">{escaped(name)}</text>'
        at = f'x1="{self.x(limit):.1f}" x2="{self.x(limit):.1f}"'
        yield f'<line {at} y1="{middle - 16}" y2="{middle + 16}" class="limit"/>'
        for j, (of, error) in enumerate(errors):
            y = middle + (j * 7 % 23) - 11  # spread, so that none hides another
            said = f"<title>{escaped(of)}: {error:.1e}</title>"
            yield f'<circle cx="{self.x(error):.1f}" cy="{y}" r="2.6" class="check">{said}</circle>'
