"""Losses as modules."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module


class CrossEntropyLoss(Module):
    """-ln softmax(logits)[class]: logits (N, V, ..) and class ids (N, ..) -> (), or (N, ..) if `reduction` is "none".

    Targets equal to `ignore_index` do not count; `label_smoothing` spreads that share of each target over all classes.
    """

    def __init__(self, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0):
        super().__init__()
        self.ignore_index, self.reduction, self.label_smoothing = ignore_index, reduction, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Raises ValueError if shapes do not fit, IndexError for a class out of range."""
        return F.cross_entropy(input, target, self.ignore_index, self.reduction, self.label_smoothing)


class MSELoss(Module):
    """(input - target)^2 for equal shapes: averaged, summed, or each by itself as `reduction` says."""

    def __init__(self, *, reduction: str = "mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Raises ValueError if the shapes differ."""
        return F.mse_loss(input, target, self.reduction)
