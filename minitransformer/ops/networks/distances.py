"""Losses of vectors: which of them shall be near each other, and which apart."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise.choice import clamp_min, minimum, where
from minitransformer.ops.elementwise.powers import sqrt
from minitransformer.ops.networks.loss import reduced, reduction_of
from minitransformer.ops.reduce.norms import norm

LEAST = 1e-12  # added to a squared length, as in PyTorch


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The norm of x1 - x2 + eps, over the last dimension.

    Args:
        x1: (.., C).
        x2: (.., C), which broadcasts.
        p: the power of the norm.
        eps: what keeps the slope from being undefined at 0.
        keepdim: whether the last dimension stays, with size 1.

    Returns:
        (..), or (.., 1).
    """
    return norm(x1 - x2 + eps, p, -1, keepdim)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cosine of two vectors for a target of 1, max(0, cosine - margin) for one of -1.

    Args:
        input1: (N, C), or (C,).
        input2: the same shape.
        target: (N,), or (): 1 or -1.
        margin: what the cosine of vectors that belong apart may be.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each target.

    Returns:
        A 0-d tensor, or the shape of `target` with "none".

    Raises:
        ValueError: the shapes do not fit.
    """
    if input1.shape != input2.shape or target.shape != input1.shape[:-1] or input1.ndim not in (1, 2):
        shapes = f"{input1.shape}, {input2.shape} and {target.shape}"
        raise ValueError(f"cosine_embedding_loss: expected (N, C), (N, C) and (N,), got {shapes}")
    squares = ((input1 * input1).sum(-1) + LEAST) * ((input2 * input2).sum(-1) + LEAST)
    cosine = (input1 * input2).sum(-1) / sqrt(squares)
    near = where(target == 1, 1 - cosine, 0.0)
    loss = near + where(target == -1, clamp_min(cosine - margin, 0), 0.0)
    return reduced(loss, reduction_of(size_average, reduce, reduction))


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -target (input1 - input2) + margin): which of two numbers shall be larger.

    Args:
        input1: any shape.
        input2: the same number of dimensions.
        target: the same number of dimensions: 1 if input1 shall be larger, -1 if input2.
        margin: by how much.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each target.

    Returns:
        A 0-d tensor, or one loss for each pair with "none".

    Raises:
        ValueError: the numbers of dimensions differ.
    """
    if not input1.ndim == input2.ndim == target.ndim:
        shapes = f"{input1.shape}, {input2.shape} and {target.shape}"
        raise ValueError(f"margin_ranking_loss: expected equally many dimensions, got {shapes}")
    loss = clamp_min(-target * (input1 - input2) + margin, 0)
    return reduced(loss, reduction_of(size_average, reduce, reduction))


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + distance of anchor and positive - distance of anchor and negative).

    Args:
        anchor: (N, C), or (C,).
        positive: the same shape: what shall be near.
        negative: the same shape: what shall be far.
        margin: by how much it shall be farther.
        p: the power of the norm.
        eps: as in `pairwise_distance`.
        swap: whether the distance of positive and negative counts, if that is smaller.
        size_average: an older form of `reduction`: False means "sum", True "mean".
        reduce: an older form of `reduction`: False means "none".
        reduction: "mean", "sum", or "none" for one loss for each target.

    Returns:
        A 0-d tensor, or (N,) with "none".

    Raises:
        ValueError: `margin` is not above 0, or the numbers of dimensions differ.

    Source:
        Balntas et al., BMVC 2016.
    """
    if margin <= 0:
        raise ValueError(f"triplet_margin_loss: expected margin > 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        shapes = f"{anchor.shape}, {positive.shape} and {negative.shape}"
        raise ValueError(f"triplet_margin_loss: expected equally many dimensions, got {shapes}")
    far = pairwise_distance(anchor, negative, p, eps)
    far = minimum(far, pairwise_distance(positive, negative, p, eps)) if swap else far
    loss = clamp_min(margin + pairwise_distance(anchor, positive, p, eps) - far, 0)
    return reduced(loss, reduction_of(size_average, reduce, reduction))
