"""Losses of numbers."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module
from minitransformer.ops.networks.loss import reduction_of


class Loss(Module):
    """A loss with a reduction.

    Args:
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.reduction = reduction_of(size_average, reduce, reduction)


class WeightedLoss(Loss):
    """A loss with weights, which are a buffer: they are moved and saved with the module.

    Args:
        weight: how much each class or element counts; None counts all alike.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MSELoss(Loss):
    """(input - target)^2.

    Args:
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of numbers.

        Args:
            input: (..), floating-point.
            target: the same shape.

        Returns:
            (), or with reduction "none" the shape of `input`.

        Raises:
            ValueError: if the shapes differ.
        """
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """|input - target|.

    Args:
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of numbers.

        Args:
            input: (..), floating-point.
            target: the same shape.

        Returns:
            (), or with reduction "none" the shape of `input`.

        Raises:
            ValueError: if the shapes differ.
        """
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """d^2 / (2 beta) for a distance d = |input - target| below beta, d - beta / 2 above.

    Args:
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".
        beta: where the parabola becomes a line, 0 or more.

    Raises:
        ValueError: for another reduction.

    Source:
        Girshick, ICCV 2015.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of numbers.

        Args:
            input: (..), floating-point.
            target: the same shape.

        Returns:
            (), or with reduction "none" the shape of `input`.

        Raises:
            ValueError: if the shapes differ.
        """
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """d^2 / 2 for a distance d = |input - target| up to delta, delta (d - delta / 2) above.

    Args:
        reduction: "mean", "sum" or "none".
        delta: where the parabola becomes a line, above 0.

    Raises:
        ValueError: for another reduction.

    Source:
        Huber, Annals of Mathematical Statistics 35, 1964.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of numbers.

        Args:
            input: (..), floating-point.
            target: the same shape.

        Returns:
            (), or with reduction "none" the shape of `input`.

        Raises:
            ValueError: if the shapes differ.
        """
        return F.huber_loss(input, target, self.reduction, self.delta)
