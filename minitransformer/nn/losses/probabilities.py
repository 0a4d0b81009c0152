"""Losses of probabilities."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.losses.differences import WeightedLoss
from minitransformer.nn.module import Module
from minitransformer.ops.networks.loss import reduction_of


class KLDivLoss(Module):
    """target (ln target - input), see `functional.kl_div`.

    Args:
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "batchmean" for the divergence; "mean", "sum" or "none".
        log_target: whether the targets are log-probabilities too.

    Raises:
        ValueError: for another reduction.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__()
        by_batch = reduction == "batchmean" and size_average is None and reduce is None
        self.reduction = reduction if by_batch else reduction_of(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of log-probabilities.

        Args:
            input: log-probabilities (..).
            target: the same shape: probabilities, or log-probabilities with `log_target`.

        Returns:
            (), or with reduction "none" the shape of `input`.
        """
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class BCELoss(WeightedLoss):
    """-target ln input - (1 - target) ln(1 - input), see `functional.binary_cross_entropy`.

    Args:
        weight: a factor for each element, which broadcasts; None means 1. It is a buffer.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of probabilities.

        Args:
            input: probabilities (..).
            target: the same shape: probabilities, mostly 0 and 1.

        Returns:
            (), or with reduction "none" the shape of `input`.

        Raises:
            ValueError: if the shapes differ.
        """
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """`BCELoss` of sigmoid(input), computed without a logarithm of nearly 0.

    Args:
        weight: a factor for each element, which broadcasts; None means 1. It is a buffer.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".
        pos_weight: a factor for each yes, which broadcasts; None means 1. It is a buffer.

    Raises:
        ValueError: for another reduction.
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of logits.

        Args:
            input: logits (..).
            target: the same shape: probabilities, mostly 0 and 1.

        Returns:
            (), or with reduction "none" the shape of `input`.

        Raises:
            ValueError: if the shapes differ.
        """
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
