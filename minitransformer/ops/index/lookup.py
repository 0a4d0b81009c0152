"""Ids and their rows: the embedding lookup, and one-hot rows."""

from __future__ import annotations

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, int64, namespace
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


def embedding(input: Tensor, weight: Tensor) -> Tensor:
    """For each id the row of a matrix with that number.

    Args:
        input: integer ids (..).
        weight: (V, C).

    Returns:
        (.., C).

    Raises:
        TypeError: the ids are no tensor of integers.
        ValueError: the weight is no matrix.
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
    return Embedding()(weight, input)
