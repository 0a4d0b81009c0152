"""Losses of scores."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.losses.differences import Loss, WeightedLoss


class HingeEmbeddingLoss(Loss):
    """The distance itself for a target of 1, max(0, margin - distance) for one of -1.

    Args:
        margin: how far apart what belongs apart shall be.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of distances.

        Args:
            input: (..).
            target: the same shape: 1 or -1.

        Returns:
            (), or with reduction "none" the shape of `input`.
        """
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class SoftMarginLoss(Loss):
    """ln(1 + e^(-target input)).

    Args:
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of scores.

        Args:
            input: (..).
            target: the same shape: 1 or -1.

        Returns:
            (), or with reduction "none" the shape of `input`.

        Raises:
            ValueError: if the shapes differ.
        """
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(WeightedLoss):
    """The mean over classes of max(0, margin - right score + score)^p, see `functional.multi_margin_loss`.

    Args:
        p: the power, 1 or 2.
        margin: by how much the right score shall be above the others.
        weight: (C,), a factor for each row by its right class.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another power or reduction.
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: expected p 1 or 2, got {p}")
        self.p, self.margin = p, margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of scores.

        Args:
            input: (N, C), or (C,).
            target: the right classes (N,), or ().

        Returns:
            (), or with reduction "none" (N,).

        Raises:
            ValueError: if the shapes do not fit.
        """
        settings = self.p, self.margin, self.weight
        return F.multi_margin_loss(input, target, *settings, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """Of each class whether it is there, the mean over classes, see `functional.multilabel_soft_margin_loss`.

    Args:
        weight: (C,), a factor for each class.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of scores.

        Args:
            input: (.., C).
            target: the same shape: 1 for each class that is there, else 0.

        Returns:
            (), or with reduction "none" (..).

        Raises:
            ValueError: if the shapes differ.
        """
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)
