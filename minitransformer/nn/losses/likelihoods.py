"""Losses of distributions."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.losses.differences import Loss


class PoissonNLLLoss(Loss):
    """rate - target ln rate, see `functional.poisson_nll_loss`.

    Args:
        log_input: whether inputs are ln rate, not the rate.
        full: whether to add Stirling's approximation of ln target!.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        eps: added to a rate within the logarithm.
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """The loss of counts.

        Args:
            log_input: (..).
            target: counts, which broadcast.

        Returns:
            (), or with reduction "none" the shape of both together.
        """
        settings = self.log_input, self.full, None, self.eps
        return F.poisson_nll_loss(log_input, target, *settings, reduction=self.reduction)


class GaussianNLLLoss(Loss):
    """(ln var + (input - target)^2 / var) / 2, see `functional.gaussian_nll_loss`.

    Args:
        full: whether to add ln(2 pi) / 2.
        eps: the least variance.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(None, None, reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """The loss of numbers.

        Args:
            input: means (..).
            target: the same shape, or one that broadcasts.
            var: variances: the same shape, or with a last dimension of 1, or without that; or a number.

        Returns:
            (), or with reduction "none" the shape of `input`.

        Raises:
            ValueError: if a variance is negative, or the shapes do not fit.
        """
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)
