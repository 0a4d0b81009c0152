"""Learning rates that change from step to step.

Warm-up followed by a cosine is a `SequentialLR` of a `LinearLR` and a `CosineAnnealingLR`.
"""

from minitransformer.optim.lr_scheduler.curves import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from minitransformer.optim.lr_scheduler.cycles import CosineAnnealingWarmRestarts, OneCycleLR
from minitransformer.optim.lr_scheduler.plateau import ReduceLROnPlateau
from minitransformer.optim.lr_scheduler.scheduler import ChainedScheduler, LRScheduler, SequentialLR
from minitransformer.optim.lr_scheduler.triangles import CyclicLR

_LRScheduler = LRScheduler  # PyTorch's older name

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
