"""How large gradients are, by layer: what overflows and what vanishes in float16, and what a `GradScaler` does about it.

A float16 holds magnitudes from 2^-24 to 65,504, a little below 2^16. The gradients of a loss are far below 1, so that many fall
under the lower end and become 0. The scaler multiplies the loss, and with it every gradient on the way back, by a power of two: the
whole histogram moves to the right, out of that end. If it moves too far, the largest become infinite, and the step is skipped.

>>> import minitransformer as mt
>>> x = mt.tensor([1.0, 2.0], requires_grad=True)
>>> with GradientExponents() as seen:
...     (x * 0.5).sum().backward()
>>> seen.layers[""].share_below(1.0), seen.layers[""].share_above(2.0**18)
(0.0, 1.0)

Source:
    Micikevicius et al., ICLR 2018, section 3.2.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.devices import to_host
from minitransformer.nn import Module
from minitransformer.nn.layer_record import Layers
from minitransformer.pictures.grid import Grid
from minitransformer.pictures.picture import Picture
from minitransformer.settings import setting, watchers

LEAST, MOST = -24, 15  # exponents of the smallest and of the largest magnitudes that a float16 holds


@dataclass
class Exponents:
    """The magnitudes of numbers, by their exponent e: 2^e <= |g| < 2^(e + 1).

    Attributes:
        counts: how many have each exponent.
        zeros: how many are 0.
        infinite: how many are infinite or NaN.
    """

    counts: Counter[int] = field(default_factory=Counter)
    zeros: int = 0
    infinite: int = 0

    def add(self, array: Array) -> None:
        """Count the numbers of an array.

        Args:
            array: any shape and floating-point dtype.
        """
        xp = namespace(array)
        sizes = abs(array.astype("float64", copy=False)).ravel()
        self.zeros += int((sizes == 0).sum())
        kept = sizes[xp.isfinite(sizes)]
        self.infinite += sizes.size - kept.size
        exponents, counts = xp.unique(xp.frexp(kept[kept > 0])[1] - 1, return_counts=True)
        self.counts.update(dict(zip(to_host(exponents).tolist(), to_host(counts).tolist(), strict=True)))

    def share_below(self, scale: float) -> float:
        """The share of the numbers other than 0 that a float16 would hold as 0, or not fully, if they were multiplied.

        Args:
            scale: by what, a power of two.

        Returns:
            From 0 to 1.
        """
        return self._share(scale, lambda e: e < LEAST)

    def share_above(self, scale: float) -> float:
        """The share of the numbers other than 0 that would be too large for a float16, or are infinite already.

        Args:
            scale: by what they are multiplied, a power of two.

        Returns:
            From 0 to 1.
        """
        return self._share(scale, lambda e: e > MOST)

    def _share(self, scale: float, outside: Callable[[int], bool]) -> float:
        moved = round(math.log2(scale))
        total = self.counts.total() + self.infinite
        beyond = self.infinite if outside(MOST + 1) else 0
        found = sum(n for e, n in self.counts.items() if outside(e + moved)) + beyond
        return found / total if total else 0.0


class GradientExponents:
    """The exponents of all gradients that run back through a model inside a `with` block, by the layer that they reach.

    It hears the cotangents of the inputs of each op: of activations as well as of parameters, in the dtype in which they were
    computed. Inside `autocast` those of products are float16, and what vanished there is counted as 0.

    Args:
        model: its layers name the rows; None files all under "".
        scale: by which the loss was multiplied: exponents are those of the gradients divided by it.

    Attributes:
        layers: the name of a module -> the exponents of the gradients that reach it.
    """

    def __init__(self, model: Module | None = None, scale: float = 1.0):
        self.layers: dict[str, Exponents] = defaultdict(Exponents)
        self.scale = scale
        self._names = Layers(model)

    def __enter__(self) -> GradientExponents:
        self._names.__enter__()
        self._heard = setting(watchers, (*watchers.get(), self._listen))
        self._heard.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._heard.__exit__(*error)
        self._names.__exit__(*error)

    def _listen(self, op: Op, inputs: Sequence[Any], y: Any, cotangents: Any) -> None:
        for t, g in zip(inputs, cotangents or (), strict=False):
            if isinstance(t, Tensor) and g is not None and g.dtype.kind in FLOATS:
                self.layers[self._names.of(op)].add(g.astype("float64") / self.scale)

    @property
    def total(self) -> Exponents:
        """The exponents of all layers together."""
        every = Exponents()
        for one in self.layers.values():
            every.counts.update(one.counts)
            every.zeros += one.zeros
            every.infinite += one.infinite
        return every

    def picture(self, scale: float | None = None) -> Picture:
        """A row for each layer, and a column for each four exponents: what share of its gradients lies there, in percent.

        Args:
            scale: what a scaler would multiply by: the last two columns tell what would then vanish and overflow in float16. None
                for the scale in use.

        Returns:
            The picture.
        """
        scale = self.scale if scale is None else scale
        found = [e for one in self.layers.values() for e in one.counts]
        starts = range(4 * (min(found, default=0) // 4), max(found, default=0) + 1, 4)
        names = [*(f"2^{start}" for start in starts), "zero", "vanish", "overflow"]
        rows = [_row(one, starts, scale) for one in self.layers.values()]
        values = numpy.array(rows).reshape(len(rows), len(names))
        title = f"gradients by exponent, %; times {scale:g} in float16"
        grid = Grid([name or "(model)" for name in self.layers], names, values, values)
        return Picture(title, grid.fragment, grid.text, grid.draw, grid.size)


def _row(one: Exponents, starts: range, scale: float) -> list[float]:
    """The percentages of a layer."""
    total = max(one.counts.total() + one.zeros + one.infinite, 1)
    shares = [sum(one.counts[e] for e in range(start, start + 4)) / total for start in starts]
    ends = one.zeros / total, one.share_below(scale), one.share_above(scale)
    return [100 * share for share in (*shares, *ends)]
