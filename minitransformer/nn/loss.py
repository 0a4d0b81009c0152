"""Losses as modules."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module
from minitransformer.ops.loss import reduction_of


class _ClassLoss(Module):
    """What losses of classes share: their settings; the classes' `weight` (V,) moves and is saved with the module."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ):
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index, self.reduction = ignore_index, reduction_of(size_average, reduce, reduction)


class CrossEntropyLoss(_ClassLoss):
    """-ln softmax(logits)[class]: logits (N, V, ..) and class ids (N, ..) -> (), or (N, ..) if `reduction` is "none".

    Targets equal to `ignore_index` do not count, others as much as their class's `weight`; `label_smoothing` spreads that share
    of each target over all classes. Probabilities (N, V, ..) may stand in the place of ids.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(weight, size_average, ignore_index, reduce, reduction)
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Raises ValueError if shapes do not fit, IndexError for a class out of range."""
        settings = dict(
            ignore_index=self.ignore_index, reduction=self.reduction, label_smoothing=self.label_smoothing
        )
        return F.cross_entropy(input, target, self.weight, **settings)


class NLLLoss(_ClassLoss):
    """-log_probabilities[class], as `CrossEntropyLoss` of what `log_softmax` gave."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Raises ValueError if shapes do not fit, IndexError for a class out of range."""
        return F.nll_loss(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class MSELoss(Module):
    """(input - target)^2 for equal shapes: averaged, summed, or each by itself as `reduction` says."""

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"):
        super().__init__()
        self.reduction = reduction_of(size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Raises ValueError if the shapes differ."""
        return F.mse_loss(input, target, reduction=self.reduction)
