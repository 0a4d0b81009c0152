"""The embedding table: a learned vector for each id."""

from __future__ import annotations

from typing import Any, Self

from minitransformer.autograd import Tensor, no_grad
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.hooks import embedding_edit
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter
from minitransformer.ops.elementwise.choice import where


class Embedding(Module):
    """A vector for each id: row `id` of `weight`.

    `weight` (num_embeddings, embedding_dim) starts with standard normal values.

    Args:
        num_embeddings: the number of ids, the size of the vocabulary.
        embedding_dim: the size of each vector.
        padding_idx: the id of padding. Its row starts as zeros and gets no gradient, so it stays zeros.
        max_norm: rows that are longer are shortened to that, in place, before they are looked up; None for no limit.
        norm_type: p of the norm that tells how long they are.
        scale_grad_by_freq: whether the gradient of a row is divided by how often its id is asked for.
        sparse: accepted as in PyTorch; no effect: gradients are dense.
        _weight: the table to use, in place of random values; its memory is shared.
        _freeze: whether the table is not trained.
        device: where `weight` lives; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: if `padding_idx` is not in [-num_embeddings, num_embeddings), or the table has another shape.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"padding_idx: expected a row of {num_embeddings}, got {padding_idx}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        if _weight is None:
            self.weight = init.parameter(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.reset_parameters()
        elif _weight.shape == (num_embeddings, embedding_dim):
            self.weight = Parameter(_weight)
        else:
            raise ValueError(f"Embedding: expected {(num_embeddings, embedding_dim)}, got {_weight.shape}")
        self.weight.requires_grad_(not _freeze)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """A layer with a table that was learned before.

        Args:
            embeddings: the table (num_embeddings, embedding_dim), floating-point; its memory is shared.
            freeze: whether it is not trained.
            padding_idx: the id of padding, whose row gets no gradient.
            max_norm: as for the class, as the following three.
            norm_type: see there.
            scale_grad_by_freq: see there.
            sparse: no effect.

        Returns:
            The layer.

        Raises:
            ValueError: if the table is no matrix.
        """
        if embeddings.ndim != 2:
            raise ValueError(f"from_pretrained: expected a table (ids, channels), got {embeddings.shape}")
        rows, channels = embeddings.shape
        return cls(
            rows, channels, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze
        )

    @no_grad()
    def reset_parameters(self) -> None:
        """Set `weight` to new initial values."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        """Look up the vectors of ids.

        Args:
            input: ids (..), of an integer dtype.

        Returns:
            The vectors (.., embedding_dim), in the dtype of `weight`.

        Raises:
            IndexError: if an id is outside the table (on a device, the vector is NaN instead).
            TypeError: if `input` is floating-point.
        """
        vectors = self._look_up(input)
        edit = embedding_edit.get()
        return vectors if edit is None else edit(self, input, vectors)

    def _look_up(self, input: Tensor) -> Tensor:  # (..) -> (.., C)
        vectors = self._rows(input)
        if self.padding_idx is None:
            return vectors
        return where((input == self.padding_idx).unsqueeze(-1), vectors.detach(), vectors)

    def _rows(self, input: Tensor) -> Tensor:  # (..) -> (.., C)
        settings = self.max_norm, self.norm_type, self.scale_grad_by_freq
        return F.embedding(input, self.weight, None, *settings)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        usual = {"max_norm": None, "norm_type": 2, "scale_grad_by_freq": False}
        more = [f", {k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v]
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}{''.join(more)}"
