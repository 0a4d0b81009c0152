"""The loss curve as a picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy

from minitransformer.disk import write
from minitransformer.training import Trainer

SMOOTH = 20  # steps in the running mean


def save_loss_curve(trainer: Trainer, path: Path) -> None:
    """Draw the loss of each step, its running mean, and the figures on held-out data."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss (nats)")
    steps = numpy.arange(1, trainer.step + 1)
    losses = numpy.array(trainer.losses)
    axes.plot(steps, losses, color="#b5cde3", linewidth=1, label="each step")
    if trainer.step >= SMOOTH:
        mean = numpy.convolve(losses, numpy.full(SMOOTH, 1 / SMOOTH), mode="valid")
        axes.plot(steps[SMOOTH - 1 :], mean, color="#2166ac", label=f"mean of {SMOOTH} steps")
    if trainer.evaluations:
        axes.plot(
            *zip(*trainer.evaluations, strict=True), "o-", color="#e66101", markersize=4, label="held out"
        )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=130)
    write(path, picture.getvalue())
