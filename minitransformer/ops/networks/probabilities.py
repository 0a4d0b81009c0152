"""Losses of probabilities: how far a distribution, or the probability of a yes, is from its target."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.backends import HOST, Array
from minitransformer.ops.elementwise.choice import clamp_min, where
from minitransformer.ops.elementwise.exponentials import exp, log
from minitransformer.ops.networks.differences import check_alike
from minitransformer.ops.networks.loss import reduced, reduction_of
from minitransformer.ops.networks.rectifiers import softplus
from minitransformer.ops.precision import raised

LEAST = -100.0  # of a logarithm, as in PyTorch


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (ln target - input), whose sum is the Kullback-Leibler divergence of e^input from the target.

    Args:
        input: log-probabilities, any shape.
        target: probabilities of a shape that broadcasts with it.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "batchmean" for the sum divided by the first size, which is the divergence; "mean", "sum" or "none".
        log_target: whether the targets are log-probabilities too.

    Returns:
        A 0-d tensor, or one number for each target with "none".

    Raises:
        ValueError: the reduction is another word.
    """
    input, target = raised(input, target)
    loss = exp(target) * (target - input) if log_target else _entropy(target) - target * input
    if reduction == "batchmean" and size_average is None and reduce is None:
        return loss.sum() / (input.shape[0] if input.ndim else 1)
    return reduced(loss, reduction_of(size_average, reduce, reduction))


def _entropy(p: Tensor) -> Tensor:
    """p ln p, and 0 for p = 0."""
    return p * log(where(p != 0, p, 1.0))


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-target ln input - (1 - target) ln(1 - input), with logarithms of at least -100.

    Args:
        input: probabilities, any shape.
        target: probabilities of the same shape, mostly 0 and 1.
        weight: a factor for each element, which broadcasts; None means 1.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each target.

    Returns:
        A 0-d tensor, or the same shape with "none".

    Raises:
        ValueError: the shapes differ.
        RuntimeError: an input is outside [0, 1]; on a GPU this is not looked for.
    """
    check_alike("binary_cross_entropy", input, target)
    input, target, weight = raised(input, target, weight)
    if isinstance(input.array, HOST) and _outside(input.array):
        raise RuntimeError(
            "binary_cross_entropy: expected inputs in [0, 1]; for logits there is .._with_logits"
        )
    loss = -target * _ln(input) - (1 - target) * _ln(1 - input)
    return reduced(loss if weight is None else loss * weight, reduction_of(size_average, reduce, reduction))


def _ln(p: Tensor) -> Tensor:
    """ln p, not below -100."""
    return clamp_min(where(p > 0, log(where(p > 0, p, 1.0)), LEAST), LEAST)


def _outside(p: Array) -> bool:
    """Whether a number is no probability."""
    return not bool(((p >= 0) & (p <= 1)).all())


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), computed without a logarithm of nearly 0.

    Args:
        input: logits, any shape.
        target: probabilities of the same shape, mostly 0 and 1.
        weight: a factor for each element, which broadcasts; None means 1.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each target.
        pos_weight: a factor for each yes, which broadcasts; None means 1.

    Returns:
        A 0-d tensor, or the same shape with "none".

    Raises:
        ValueError: the shapes differ.
    """
    check_alike("binary_cross_entropy_with_logits", input, target)
    input, target, weight, pos_weight = raised(input, target, weight, pos_weight)
    yes = softplus(-input, threshold=math.inf)  # -ln sigmoid(input)
    yes = yes if pos_weight is None else yes * (1 + (pos_weight - 1) * target)
    loss = (1 - target) * input + yes
    return reduced(loss if weight is None else loss * weight, reduction_of(size_average, reduce, reduction))
