"""The laws by which the cost of large models is computed, and one of one's own small runs.

With N parameters, D tokens, and the sizes of a model and its batch:

- a training run takes 6 N D operations: 2 for each parameter and token forward, 4 backward (Kaplan et al., arXiv 2001.08361,
  2020, section 2.1); 8 N D if backward computes the activations again (Narayanan et al., SC 2021, section 5.1 and equation 4);
- an iteration takes 96 B s l h^2 (1 + s / 6h + V / 16 l h) operations, the latter included (Narayanan et al., SC 2021,
  equation 3);
- the loss falls as E + A N^-alpha (the part for N of Hoffmann et al., arXiv 2203.15556, 2022, equation 2; Kaplan et al. have
  no E).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

DAY = 86_400.0  # seconds


def training_flops(parameters: float, tokens: float, recomputed: bool = False) -> float:
    """The operations of a training run: 6 N D.

    Args:
        parameters: N.
        tokens: D.
        recomputed: whether backward computes the activations a second time: 8 N D.

    Returns:
        Operations.

    Raises:
        ValueError: a number is not above 0.

    Source:
        Kaplan et al., arXiv 2001.08361, 2020, section 2.1; with `recomputed` Narayanan et al., SC 2021, section 5.1.
    """
    if not min(parameters, tokens) > 0:
        raise ValueError(f"expected parameters and tokens above 0, got {parameters} and {tokens}")
    return (8.0 if recomputed else 6.0) * parameters * tokens


def iteration_flops(batch: int, length: int, layers: int, width: int, vocab_size: int) -> float:
    """The operations of one iteration of a GPT whose activations are computed again.

    Args:
        batch: B, sequences.
        length: s, tokens of each.
        layers: l.
        width: h.
        vocab_size: V.

    Returns:
        96 B s l h^2 (1 + s / 6h + V / 16 l h).

    Source:
        Narayanan et al., SC 2021, equation 3.
    """
    attention, head = length / (6 * width), vocab_size / (16 * layers * width)
    return 96.0 * batch * length * layers * width**2 * (1 + attention + head)


@dataclass(frozen=True)
class LargeRun:
    """A published training run. What it takes is computed from these numbers.

    Attributes:
        name: of the model.
        parameters: N.
        tokens: D.
        layers: l.
        width: h.
        vocab_size: V.
        batch: sequences in a batch.
        length: tokens of each.
        gpus: how many.
        gpu_flops: operations a second that each did, as reported.
        gpu_watts: of each at full load, by its data sheet.
        source: of the numbers.
    """

    name: str
    parameters: float
    tokens: float
    layers: int
    width: int
    vocab_size: int
    batch: int
    length: int
    gpus: int
    gpu_flops: float
    gpu_watts: float
    source: str

    @property
    def flops(self) -> float:
        """6 N D."""
        return training_flops(self.parameters, self.tokens)

    @property
    def computed(self) -> float:
        """8 N D, what is computed."""
        return training_flops(self.parameters, self.tokens, recomputed=True)

    @property
    def iteration(self) -> float:
        """The operations of one iteration."""
        return iteration_flops(self.batch, self.length, self.layers, self.width, self.vocab_size)

    @property
    def iteration_seconds(self) -> float:
        """The seconds of one iteration."""
        return self.iteration / (self.gpus * self.gpu_flops)

    @property
    def days(self) -> float:
        """8 N D / (GPUs x operations a second), in days."""
        return self.seconds_at(self.gpus * self.gpu_flops) / DAY

    @property
    def joules(self) -> float:
        """GPUs x watts x seconds: of the GPUs alone."""
        return self.gpus * self.gpu_watts * self.days * DAY

    def seconds_at(self, flops_per_second: float) -> float:
        """How long the run would take.

        Args:
            flops_per_second: of the machine.

        Returns:
            Seconds.
        """
        return self.computed / flops_per_second


MT_NLG = LargeRun(
    name="MT-NLG",
    parameters=530e9,
    tokens=270e9,
    layers=105,
    width=20_480,
    vocab_size=51_200,  # 50,257, filled up for the division among GPUs
    batch=1920,
    length=2048,
    gpus=420 * 8,
    gpu_flops=113e12,
    gpu_watts=400.0,
    source="Smith et al., arXiv 2201.11990, 2022, sections 2 and 3; 400 W: data sheet of the A100 SXM",
)


@dataclass(frozen=True)
class ScalingLaw:
    """loss = E + A N^-alpha.

    Attributes:
        floor: E, what no model goes below.
        factor: A.
        exponent: alpha.
        residual: the root of the mean squared error of log(loss - E).
    """

    floor: float
    factor: float
    exponent: float
    residual: float

    def loss(self, parameters: float) -> float:
        """What the law gives.

        Args:
            parameters: N.

        Returns:
            The loss.
        """
        return float(self.floor + self.factor * parameters**-self.exponent)


FLOORS = 200  # values of E that are tried


def fit(parameters: Sequence[float], losses: Sequence[float], floor: float | None = None) -> ScalingLaw:
    """Fit loss = E + A N^-alpha: for each of some values of E, a line through log(loss - E) over log N by least squares.

    The E whose line fits best is taken, of `FLOORS` values from 0 to a little below the smallest loss. Few runs tell E badly:
    the law is for reading trends, and says nothing far beyond the sizes that it was fitted to.

    Args:
        parameters: N of each run.
        losses: the loss of each, in the same order.
        floor: E if it is known, such as 0; None looks for it.

    Returns:
        The law.

    Raises:
        ValueError: fewer than three runs (two with `floor`), sizes that are all the same, or a loss not above `floor`.
    """
    sizes, heights = numpy.asarray(parameters, float), numpy.asarray(losses, float)
    least = 3 if floor is None else 2
    if len(sizes) != len(heights) or len(set(sizes)) < least:
        raise ValueError(
            f"fit: expected {least} different sizes, with a loss each, got {parameters}, {losses}"
        )
    if not (sizes.min() > 0 and heights.min() > (floor or 0)):
        raise ValueError(
            f"fit: expected sizes above 0 and losses above {floor or 0}, got {parameters}, {losses}"
        )
    floors = numpy.linspace(0, heights.min() * 0.999, FLOORS) if floor is None else [floor]
    return min((_line(sizes, heights, float(e)) for e in floors), key=lambda law: law.residual)


def _line(sizes: numpy.ndarray, heights: numpy.ndarray, floor: float) -> ScalingLaw:
    """The law of one E."""
    x, y = numpy.log(sizes), numpy.log(heights - floor)
    slope, intercept = numpy.polyfit(x, y, 1)
    error = y - (slope * x + intercept)
    return ScalingLaw(floor, float(numpy.exp(intercept)), float(-slope), float(numpy.sqrt((error**2).mean())))
