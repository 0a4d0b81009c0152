"""Losses of scores: the right ones shall be above the wrong ones, or above 0, by a margin."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise.choice import clamp_min, where
from minitransformer.ops.index.lookup import one_hot
from minitransformer.ops.index.picking import gather
from minitransformer.ops.networks.differences import check_alike
from minitransformer.ops.networks.loss import reduced, reduction_of
from minitransformer.ops.networks.rectifiers import logsigmoid, softplus


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The distance itself for a target of 1, max(0, margin - distance) for one of -1.

    Args:
        input: distances, any shape.
        target: the same shape: 1 or -1.
        margin: how far apart what belongs apart shall be.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each distance.

    Returns:
        A 0-d tensor, or the shape of `input` with "none".
    """
    near, far = where(target != -1, input, 0.0), where(target != 1, clamp_min(margin - input, 0), 0.0)
    return reduced(near + far, reduction_of(size_average, reduce, reduction))


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """ln(1 + e^(-target input)).

    Args:
        input: scores, any shape.
        target: the same shape: 1 or -1.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each score.

    Returns:
        A 0-d tensor, or the shape of `input` with "none".

    Raises:
        ValueError: the shapes differ.
    """
    check_alike("soft_margin_loss", input, target)
    return reduced(
        softplus(-target * input, threshold=float("inf")), reduction_of(size_average, reduce, reduction)
    )


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of max(0, margin - right score + score)^p, in which the right class counts 0.

    Args:
        input: scores (N, C), or (C,).
        target: the right classes (N,), or ().
        p: the power, 1 or 2.
        margin: by how much the right score shall be above the others.
        weight: (C,), a factor for each row by its right class.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each row.

    Returns:
        A 0-d tensor, or (N,) with "none".

    Raises:
        ValueError: p is neither 1 nor 2, or the shapes do not fit.
    """
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: expected p 1 or 2, got {p}")
    rows = input if input.ndim == 2 else input.reshape(1, -1)
    classes = target.reshape(-1)
    if input.ndim > 2 or len(classes) != len(rows):
        raise ValueError(f"multi_margin_loss: expected (N, C) and (N,), got {input.shape} and {target.shape}")
    right = gather(rows, 1, classes.unsqueeze(1))  # (N, 1)
    over = clamp_min(margin - right + rows, 0)
    over = over if p == 1 else over * over
    over = over if weight is None else over * weight[classes].unsqueeze(1)
    loss = where(one_hot(classes, rows.shape[1]) == 1, 0.0, over).mean(1)
    return reduced(
        loss if input.ndim == 2 else loss.squeeze(0), reduction_of(size_average, reduce, reduction)
    )


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-target ln sigmoid(input) - (1 - target) ln sigmoid(-input), the mean over classes.

    Args:
        input: scores (.., C).
        target: the same shape: 1 for each class that is there, else 0.
        weight: (C,), a factor for each class.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each row.

    Returns:
        A 0-d tensor, or (..) with "none".

    Raises:
        ValueError: the shapes differ.
    """
    check_alike("multilabel_soft_margin_loss", input, target)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    loss = loss if weight is None else loss * weight
    return reduced(loss.mean(-1), reduction_of(size_average, reduce, reduction))
