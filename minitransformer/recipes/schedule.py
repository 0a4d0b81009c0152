"""The schedule of the learning rate that all recipes use."""

from __future__ import annotations

from minitransformer.optim import Optimizer
from minitransformer.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR

WARM_UP = 0.1  # of all steps


def warm_up_and_cosine(optimizer: Optimizer, steps: int) -> LRScheduler:
    """A learning rate that rises linearly over the first tenth of the steps, then falls to zero along a cosine.

    Args:
        optimizer: the optimizer; its own learning rate is the highest one.
        steps: the number of steps of the whole run.

    Returns:
        The scheduler; `step()` follows each step of the optimizer.
    """
    warm_up = max(round(WARM_UP * steps), 1)
    phases = [LinearLR(optimizer, 0.01, 1.0, warm_up), CosineAnnealingLR(optimizer, max(steps - warm_up, 1))]
    return SequentialLR(optimizer, phases, [warm_up])
