"""Losses of distributions: how improbable a number is, up to constants."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise.choice import clamp_min, where
from minitransformer.ops.elementwise.compare import any_
from minitransformer.ops.elementwise.exponentials import exp, log
from minitransformer.ops.networks.loss import reduced, reduction_of


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """rate - target ln rate: of a count that is Poisson-distributed.

    Args:
        input: ln rate, or with `log_input` False the rate; any shape.
        target: counts, which broadcast.
        log_input: see there.
        full: whether to add Stirling's target ln target - target + ln(2 pi target) / 2 for each count above 1.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        eps: added to the rate within the logarithm.
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each count.

    Returns:
        A 0-d tensor, or the shape of both together with "none".
    """
    loss = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        safe = where(target > 1, target, 2.0)
        loss = loss + where(target > 1, safe * log(safe) - safe + 0.5 * log(2 * math.pi * safe), 0.0)
    return reduced(loss, reduction_of(size_average, reduce, reduction))


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(ln var + (input - target)^2 / var) / 2: of a number that is normally distributed.

    Args:
        input: means (..).
        target: the same shape, or one that broadcasts.
        var: variances: a shape that broadcasts to that, or the same without its last dimension; or a number.
        full: whether to add ln(2 pi) / 2.
        eps: the least variance; what is below counts as that, and has the gradient of that.
        reduction: "mean", "sum", or "none" for one loss for each number.

    Returns:
        A 0-d tensor, or the shape of `input` with "none".

    Raises:
        ValueError: a variance is negative, or the shapes do not fit.
    """
    if isinstance(var, (int, float)):
        var = input.new_full(input.shape, var)
    if var.shape == input.shape[:-1]:
        var = var.unsqueeze(-1)
    sizes = zip(reversed(var.shape), reversed(input.shape), strict=False)
    if var.ndim > input.ndim or any(n not in (1, size) for n, size in sizes):
        raise ValueError(f"gaussian_nll_loss: expected variances for {input.shape}, got {var.shape}")
    if any_(var < 0):
        raise ValueError("gaussian_nll_loss: expected variances >= 0, got a negative one")
    held = var + clamp_min(eps - var, 0).detach()
    loss = 0.5 * (log(held) + (input - target) ** 2 / held)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction_of(None, None, reduction))
