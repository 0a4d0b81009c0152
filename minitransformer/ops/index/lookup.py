"""Ids and their rows: the embedding lookup, and one-hot rows."""

from __future__ import annotations

from minitransformer import kernels
from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import Array, Arrays, int64, namespace
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.index.bounds import check_ids, check_range
from minitransformer.ops.laws import Moves


class Embedding(Moves):
    """y = weight[ids]: each id picks its row, (V, C) and (..) to (.., C). A row picked twice gets both gradients, added."""

    reads = "others"

    def forward(self, weight: Array, ids: Array) -> Array:  # (V, C), (..) -> (.., C)
        return kernels.of(weight).embedding(weight, ids)

    # a row gets the cotangents of all its uses, added
    def vjp(self, g: Array, weight: Array, ids: Array) -> Arrays:
        return kernels.of(weight).index_vjp(g.reshape(-1, weight.shape[1]), weight, ids.reshape(-1)), None


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """For each class id, a row of zeros with a 1 at that id.

    Args:
        tensor: integer ids (..), at least 0.
        num_classes: the length of a row; -1 means one more than the largest id.

    Returns:
        int64, (.., num_classes).

    Raises:
        TypeError: the ids are not integers.
        IndexError: an id is out of range.
    """
    if tensor.dtype.kind not in "iu":
        raise TypeError(f"one_hot: expected integer ids, got {tensor.dtype}; call .long()")
    n = int(tensor.array.max()) + 1 if num_classes == -1 else num_classes
    check_range(tensor.array, 0, n - 1, "one_hot: id {} is outside 0..{}", n - 1)
    return Tensor((tensor.array[..., None] == namespace(tensor.array).arange(n)).astype(int64))


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """For each id the row of a matrix with that number.

    Args:
        input: integer ids (..).
        weight: (V, C).
        padding_idx: the id of padding, whose row gets no gradient; counted from the end if it is negative.
        max_norm: rows that are longer are shortened to that, in place, before they are looked up.
        norm_type: p of the norm that tells how long they are.
        scale_grad_by_freq: whether the gradient of a row is divided by how often its id is asked for.
        sparse: accepted as in PyTorch; no effect: gradients are dense.

    Returns:
        (.., C).

    Raises:
        TypeError: the ids are no tensor of integers.
        ValueError: the weight is no matrix, or has no row `padding_idx`.
        IndexError: an id is out of range; on a GPU only inside `detect_anomaly`.
    """
    if not isinstance(input, Tensor):
        raise TypeError(
            f"embedding: expected a tensor of ids, got {type(input).__name__}; make one with tensor(ids)"
        )
    if weight.ndim != 2:
        raise ValueError(f"embedding: expected a weight (V, C), got {weight.shape}")
    if input.dtype.kind not in "iu":
        raise TypeError(f"embedding: expected integer ids, got {input.dtype}; call .long()")
    check_ids(input.array, weight.shape[0], "embedding: id {} is outside the vocabulary 0..{}")
    if max_norm is not None:
        _shorten(weight, input.array, max_norm, norm_type)
    vectors = Embedding()(weight, input)
    if scale_grad_by_freq:
        counts = _times(input.array).astype(weight.dtype)
        vectors = vectors.detach() + (vectors - vectors.detach()) / Tensor(counts[..., None])
    if padding_idx is None:
        return vectors
    if not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise ValueError(
            f"embedding: expected padding_idx to be a row of {weight.shape[0]}, got {padding_idx}"
        )
    return where((input == padding_idx % weight.shape[0]).unsqueeze(-1), vectors.detach(), vectors)


@no_grad()
def _shorten(weight: Tensor, ids: Array, max_norm: float, norm_type: float) -> None:
    """Shorten the rows of these ids that are longer than `max_norm`, in place."""
    rows = weight.array[ids]
    xp = namespace(rows)
    length = xp.linalg.norm(rows, norm_type, -1, keepdims=True)
    weight.writable()[ids] = xp.where(length > max_norm, rows * (max_norm / (length + 1e-7)), rows)


def _times(ids: Array) -> Array:
    """For each id how often it is among them all: (..) -> (..)."""
    counts = namespace(ids).bincount(ids.ravel())
    return counts[ids]
