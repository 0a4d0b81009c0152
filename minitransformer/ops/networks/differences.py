"""Losses of numbers: how far each is from its target."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise.arithmetic import abs_
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.networks.loss import reduced, reduction_of
from minitransformer.ops.precision import raised


def check_alike(name: str, input: Tensor, *others: Tensor | None) -> None:
    """Refuse tensors of different shapes: broadcast, they would give a loss that nobody meant.

    Args:
        name: of the loss, for the error.
        input: a tensor.
        *others: the others; None does not count.

    Raises:
        ValueError: the shapes differ.
    """
    shapes = [t.shape for t in (input, *others) if t is not None]
    if len(set(shapes)) > 1:
        raise ValueError(f"{name}: expected equal shapes, got {' and '.join(map(str, shapes))}")


def _distance(name: str, input: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """|input - target|."""
    check_alike(name, input, target, weight)
    input, target = raised(input, target)
    return abs_(input - target)


def _weighted(loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """The losses times their weights, whose sum the mean divides by."""
    if weight is None:
        return reduced(loss, reduction)
    total = reduced(loss * weight, "none" if reduction == "none" else "sum")
    return total / weight.sum() if reduction == "mean" else total


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)^2.

    Args:
        input: any shape.
        target: the same shape.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each target.
        weight: a factor for each element, of the same shape; the mean divides by the sum of the weights.

    Returns:
        A 0-d tensor, or the same shape with "none".

    Raises:
        ValueError: the shapes differ.
    """
    check_alike("mse_loss", input, target, weight)
    input, target, weight = raised(input, target, weight)
    difference = input - target
    return _weighted(difference * difference, weight, reduction_of(size_average, reduce, reduction))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|.

    Args:
        input: any shape.
        target: the same shape.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each target.
        weight: a factor for each element, of the same shape; the mean divides by the sum of the weights.

    Returns:
        A 0-d tensor, or the same shape with "none".

    Raises:
        ValueError: the shapes differ.
    """
    distance = _distance("l1_loss", input, target, weight)
    return _weighted(distance, weight, reduction_of(size_average, reduce, reduction))


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d^2 / (2 beta) for a distance d = |input - target| below `beta`, d - beta / 2 above.

    Args:
        input: any shape.
        target: the same shape.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each target.
        beta: where the parabola becomes a line, 0 or more.

    Returns:
        A 0-d tensor, or the same shape with "none".

    Raises:
        ValueError: the shapes differ, or `beta` is negative.

    Source:
        Girshick, ICCV 2015.
    """
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: expected beta >= 0, got {beta}")
    d = _distance("smooth_l1_loss", input, target)
    loss = where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta) if beta else d
    return reduced(loss, reduction_of(size_average, reduce, reduction))


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d^2 / 2 for a distance d = |input - target| up to `delta`, delta (d - delta / 2) above.

    Args:
        input: any shape.
        target: the same shape.
        reduction: "mean", "sum", or "none" for one loss for each target.
        delta: where the parabola becomes a line, above 0.
        weight: a factor for each element, of the same shape; the mean divides by their number.

    Returns:
        A 0-d tensor, or the same shape with "none".

    Raises:
        ValueError: the shapes differ, or `delta` is not above 0.

    Source:
        Huber, Annals of Mathematical Statistics 35, 1964.
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: expected delta > 0, got {delta}")
    d = _distance("huber_loss", input, target, weight)
    loss = where(d <= delta, d * d * 0.5, (d - 0.5 * delta) * delta)
    loss = loss if weight is None else loss * weight
    return reduced(loss, reduction_of(None, None, reduction))
