"""The losses of a training as a curve, for a page and as an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor
from os import PathLike
from typing import TYPE_CHECKING

import numpy

from minitransformer.disk import write
from minitransformer.pictures.chart import SOFT, png, quiet
from minitransformer.pictures.colours import hex_colour
from minitransformer.pictures.ticks import labelled, multiples, round_step, round_ticks
from minitransformer.plain import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = numpy.ndarray
SMOOTH = 20  # steps in the running mean
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 256, 46, 12, 14, 46
SIZE = (7.0, 3.2)  # of the image, in inches
FAINT = "#b5cde3"


@dataclass(frozen=True)
class LossCurve:
    """The loss of each step (faint), its running mean, and the loss on held-out data as dots.

    Args:
        losses: of each step, in nats.
        held_out: (step, loss) on held-out data.
        level: (name, loss) of something to compare with, such as guessing.
        smooth: the number of steps in the running mean.
    """

    losses: Sequence[float]
    held_out: Sequence[tuple[int, float]] = ()
    level: tuple[str, float] | None = None
    smooth: int = SMOOTH

    @property
    def steps(self) -> Array:
        """The numbers of the steps from 1 on, (N,)."""
        return numpy.arange(1, len(self.losses) + 1)

    @property
    def window(self) -> int:
        """The number of steps in the running mean, no more than there are."""
        return min(self.smooth, len(self.losses))

    @property
    def mean(self) -> tuple[Array, Array]:
        """The middle of each window, and the mean of its losses, (N - window + 1,) each."""
        mean = numpy.convolve(self.losses, numpy.full(self.window, 1 / self.window), mode="valid")
        return numpy.arange(len(mean)) + (self.window + 1) / 2, mean

    @property
    def _held_out(self) -> tuple[list[int], list[float]]:
        """The steps and the losses of `held_out`."""
        return [step for step, _ in self.held_out], [loss for _, loss in self.held_out]

    @property
    def said(self) -> str:
        """The curve in words."""
        last = self.mean[1][-1]
        return f"Loss over {len(self.losses)} steps, from {self.losses[0]:.2f} to {last:.2f} nats"

    def to_html(self) -> str:
        """The curve with its legend, for pages in the style `STYLE`.

        Returns:
            HTML with SVG.
        """
        words = f"training, mean of {self.window} steps", "text it never saw"
        key = f'<span class="mean"></span>{escaped(words[0])} <span class="held"></span>{escaped(words[1])}'
        parts = f"<title>{escaped(self.said)}</title>" + "".join(self._parts())
        svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{parts}</svg>'
        return f'<figure>{svg}<p class="key">{key}</p></figure>'

    def _parts(self) -> Iterator[str]:
        shown = [*self.losses, *(loss for _, loss in self.held_out), *([self.level[1]] if self.level else [])]
        axes = _Axes.around(len(self.losses), min(shown), max(shown))
        yield from axes.ticks()
        yield axes.line(self.steps, self.losses, "each")
        yield axes.line(*self.mean, "mean")
        if self.level:
            yield from axes.level(*self.level)
        if self.held_out:
            yield axes.line(*self._held_out, "between")
        for step, loss in self.held_out:
            yield axes.dot(step, loss)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the curve to a PNG file.

        Args:
            path: the file.
        """
        write(path, png(self.draw, SIZE, self.said))

    def draw(self, figure: Figure) -> None:
        """Draw the curve.

        Args:
            figure: an empty figure of matplotlib.
        """
        axes = quiet(figure.add_subplot(xlabel="training step", ylabel="loss in nats"), "y")
        axes.plot(self.steps, self.losses, color=FAINT, linewidth=1, label="each step")
        axes.plot(*self.mean, color=hex_colour(-1), label=f"mean of {self.window} steps")
        if self.level:
            axes.axhline(self.level[1], color=SOFT, linestyle="--", linewidth=1, label=self.level[0])
        if self.held_out:
            axes.plot(*self._held_out, "o:", color=hex_colour(1), markersize=4, label="held out")
        axes.legend()


@dataclass(frozen=True)
class _Axes:
    """Where a step and a loss stand in the SVG. The losses go from `lowest` to `highest`, multiples of `distance`."""

    steps: int
    lowest: float
    highest: float
    distance: float

    @classmethod
    def around(cls, steps: int, low: float, high: float) -> _Axes:
        """Axes that hold losses from `low` to `high`."""
        high = high if high > low else low + 1
        distance = round_step(low, high)
        return cls(steps, distance * floor(low / distance), distance * ceil(high / distance), distance)

    @property
    def span(self) -> float:
        return self.highest - self.lowest

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (step - 1) / max(self.steps - 1, 1)

    def y(self, loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (loss - self.lowest) / self.span)

    def line(self, steps: Sequence[float] | Array, losses: Sequence[float] | Array, kind: str) -> str:
        points = " ".join(f"{self.x(s):.1f},{self.y(v):.1f}" for s, v in zip(steps, losses, strict=True))
        return f'<polyline points="{points}" class="{kind}"/>'

    def dot(self, step: float, loss: float) -> str:
        at = f'cx="{self.x(step):.1f}" cy="{self.y(loss):.1f}"'
        return f'<circle {at} r="4" class="held"><title>step {step}: {loss:.3f}</title></circle>'

    def across(self, loss: float, kind: str) -> str:
        at = f'x1="{LEFT}" x2="{WIDTH - RIGHT}"'
        return f'<line {at} y1="{self.y(loss):.1f}" y2="{self.y(loss):.1f}" class="{kind}"/>'

    def level(self, name: str, loss: float) -> Iterator[str]:
        """A dashed line with its name, which stands below it near the top and above it elsewhere."""
        below = self.y(loss) + (16 if self.y(loss) < HEIGHT / 3 else -6)
        at = f'x="{WIDTH - RIGHT}" y="{below:.1f}"'
        yield self.across(loss, "level")
        yield f'<text {at} text-anchor="end">{escaped(name)}: {loss:.2f}</text>'

    def ticks(self) -> Iterator[str]:
        """Losses and steps, round numbers, with their grid."""
        for loss in multiples(self.distance, self.lowest, self.highest):
            said = labelled(loss, self.distance)
            yield f'<text x="{LEFT - 8}" y="{self.y(loss) + 4:.1f}" text-anchor="end">{said}</text>'
            yield self.across(loss, "grid")
        for step in round_ticks(1, max(self.steps, 2)):
            if step == int(step) and step <= self.steps:
                anchor = "end" if step == self.steps else "middle"
                yield f'<text x="{self.x(step):.1f}" y="{HEIGHT - 26}" text-anchor="{anchor}">{step:.0f}</text>'
        said = "training step; upwards: loss in nats"
        yield f'<text x="{WIDTH / 2}" y="{HEIGHT - 4}" text-anchor="middle">{said}</text>'
