"""The layer of bags of rows: one vector for a bag of ids."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.embedding import Embedding


class EmbeddingBag(Embedding):
    """For each bag of ids the sum, the mean or the largest of their rows of `weight`, see `functional.embedding_bag`.

    Args:
        num_embeddings: as for `Embedding`, like the four that follow.
        embedding_dim: see there.
        max_norm: see there.
        norm_type: see there.
        scale_grad_by_freq: see there.
        mode: "sum", "mean" or "max".
        sparse: accepted as in PyTorch; no effect.
        _weight: the table to use, in place of random values.
        include_last_offset: whether the last of the offsets ends the last bag, and begins none.
        padding_idx: the id of padding, which is in no bag.
        device: where `weight` lives; None means the default device.
        dtype: a floating-point dtype; None means float32.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        sizes = num_embeddings, embedding_dim, padding_idx
        super().__init__(
            *sizes, max_norm, norm_type, scale_grad_by_freq, sparse, _weight, device=device, dtype=dtype
        )
        self.mode, self.include_last_offset = mode, include_last_offset

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """Look up the rows of each bag, and make one of them.

        Args:
            input: ids: (B, N), or (N,) with `offsets`.
            offsets: (B,), where each bag begins.
            per_sample_weights: what each row is multiplied by, of the shape of `input`; for sums only.

        Returns:
            (B, embedding_dim).
        """
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, mode={self.mode!r}"
