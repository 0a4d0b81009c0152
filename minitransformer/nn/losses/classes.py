"""Losses of classes."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.losses.differences import WeightedLoss


class _ClassLoss(WeightedLoss):
    """The settings of losses over classes, with `weight` (V,)."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index


class CrossEntropyLoss(_ClassLoss):
    """-ln softmax(logits)[class].

    Args:
        weight: (V,), how much each class counts; None counts all alike.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        ignore_index: targets of this value do not count.
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean" (weighted by the classes' weights), "sum" or "none".
        label_smoothing: in [0, 1]: the share of each target that is spread evenly over all classes.

    Raises:
        ValueError: for another reduction.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, ignore_index, reduce, reduction)
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of logits.

        Args:
            input: logits (N, V, ..), or (V,).
            target: class ids (N, ..), or (): integers in [0, V); or probabilities of the shape of `input`.

        Returns:
            (), or with reduction "none" the shape of the class ids.

        Raises:
            ValueError: if the shapes do not fit.
            IndexError: if a class id is out of range.
        """
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_ClassLoss):
    """-log_probabilities[class]: `CrossEntropyLoss` for what `log_softmax` returned.

    Args:
        weight: (V,), how much each class counts; None counts all alike.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        ignore_index: targets of this value do not count.
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean" (weighted by the classes' weights), "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of log-probabilities.

        Args:
            input: log-probabilities (N, V, ..), or (V,).
            target: class ids (N, ..), or (): integers in [0, V).

        Returns:
            (), or with reduction "none" the shape of `target`.

        Raises:
            ValueError: if the shapes do not fit.
            IndexError: if a class id is out of range.
        """
        weight, reduction = self.weight, self.reduction
        return F.nll_loss(input, target, weight, ignore_index=self.ignore_index, reduction=reduction)
