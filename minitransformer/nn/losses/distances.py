"""Losses of vectors, and the distances that they are made of."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.losses.differences import Loss
from minitransformer.nn.module import Module


class CosineSimilarity(Module):
    """The cosine of the angle of two vectors, see `functional.cosine_similarity`.

    Args:
        dim: the dimension of the vectors.
        eps: the least length that a vector counts with.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The cosines.

        Args:
            x1: (.., C, ..).
            x2: the same shape, or one that broadcasts.

        Returns:
            (.., ..).
        """
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The norm of the difference of two vectors, see `functional.pairwise_distance`.

    Args:
        p: the power of the norm.
        eps: added to each difference.
        keepdim: whether the last dimension stays, with size 1.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distances.

        Args:
            x1: (.., C).
            x2: the same shape, or one that broadcasts.

        Returns:
            (..), or (.., 1).
        """
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineEmbeddingLoss(Loss):
    """1 - cosine of two vectors for a target of 1, max(0, cosine - margin) for one of -1.

    Args:
        margin: what the cosine of vectors that belong apart may be.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The loss of pairs.

        Args:
            input1: (N, C), or (C,).
            input2: the same shape.
            target: (N,), or (): 1 or -1.

        Returns:
            (), or with reduction "none" the shape of `target`.

        Raises:
            ValueError: if the shapes do not fit.
        """
        return F.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(Loss):
    """max(0, -target (input1 - input2) + margin): which of two numbers shall be larger.

    Args:
        margin: by how much.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The loss of pairs.

        Args:
            input1: (..).
            input2: the same shape.
            target: the same shape: 1 if input1 shall be larger, -1 if input2.

        Returns:
            (), or with reduction "none" the shape of `target`.

        Raises:
            ValueError: if the shapes do not fit.
        """
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class TripletMarginLoss(Loss):
    """max(0, margin + distance of anchor and positive - distance of anchor and negative).

    Args:
        margin: by how much the negative shall be farther.
        p: the power of the norm.
        eps: added to each difference.
        swap: whether the distance of positive and negative counts, if that is smaller.
        size_average: PyTorch's older form of `reduction`: True means "mean", False "sum".
        reduce: PyTorch's older form of `reduction`: False means "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another reduction.

    Source:
        Balntas et al., BMVC 2016.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The loss of triplets.

        Args:
            anchor: (N, C), or (C,).
            positive: the same shape: what shall be near.
            negative: the same shape: what shall be far.

        Returns:
            (), or with reduction "none" (N,).

        Raises:
            ValueError: if the numbers of dimensions differ.
        """
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )
