"""The learning rate's course that both recipes share."""

from __future__ import annotations

from minitransformer.optim import Optimizer
from minitransformer.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR

WARM_UP = 0.1  # of all steps


def warm_up_and_cosine(optimizer: Optimizer, steps: int) -> LRScheduler:
    """Up in a straight line over the first tenth of `steps`, then down to zero along a cosine."""
    warm_up = max(round(WARM_UP * steps), 1)
    phases = [LinearLR(optimizer, 0.01, 1.0, warm_up), CosineAnnealingLR(optimizer, max(steps - warm_up, 1))]
    return SequentialLR(optimizer, phases, [warm_up])
