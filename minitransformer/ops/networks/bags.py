"""Bags of rows: for each bag of ids the sum, the mean or the largest of their rows."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.ops.creation.filled import arange, zeros
from minitransformer.ops.index.lookup import embedding
from minitransformer.ops.index.placing import index_add
from minitransformer.ops.order.distinct import bincount, bucketize
from minitransformer.ops.shape.joining import stack

MODES = ("sum", "mean", "max")


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """For each bag of ids one vector: the sum, the mean, or by channel the largest, of their rows of a matrix.

    Args:
        input: integer ids: (B, N), each row a bag; or (N,), with `offsets`.
        weight: (V, C).
        offsets: (B,), where each bag begins in (N,), the first at 0.
        max_norm: as in `embedding`, like the two that follow.
        norm_type: see there.
        scale_grad_by_freq: see there.
        mode: "sum", "mean" or "max".
        sparse: accepted as in PyTorch; no effect: gradients are dense.
        per_sample_weights: what each row is multiplied by, of the shape of `input`; for sums only.
        include_last_offset: whether the last of the offsets ends the last bag, and begins none.
        padding_idx: the id of padding, which is in no bag.

    Returns:
        (B, C); zeros for an empty bag.

    Raises:
        ValueError: another mode, or the shapes do not fit.
        NotImplementedError: weights for samples that are not summed.
    """
    _check(input, offsets, mode, per_sample_weights)
    ids, bag, count = _in_bags(input, offsets, include_last_offset)  # (n,), (n,)
    rows = embedding(ids, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)  # (n, C)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    if padding_idx is not None:
        there = ids != padding_idx % weight.shape[0]
        rows, bag = rows[there], bag[there]
    if mode == "max":
        return stack([_largest(rows[bag == i]) for i in range(count)]) if count else rows[:0]
    total = index_add(zeros(count, rows.shape[1], dtype=rows.dtype, device=rows.device), 0, bag, rows)
    if mode == "sum":
        return total
    return total / bincount(bag, minlength=count).clamp(min=1).unsqueeze(-1)


def _check(input: Tensor, offsets: Tensor | None, mode: str, weights: Tensor | None) -> None:
    if mode not in MODES:
        raise ValueError(f"embedding_bag: expected a mode of {', '.join(MODES)}, got {mode!r}")
    if input.ndim not in (1, 2) or (input.ndim == 1) != (offsets is not None):
        raise ValueError(
            f"embedding_bag: expected ids (B, N), or (N,) with offsets, got {input.shape} "
            f"{'without' if offsets is None else 'with'} offsets"
        )
    if weights is not None and weights.shape != input.shape:
        raise ValueError(f"embedding_bag: expected weights {input.shape}, got {weights.shape}")
    if weights is not None and mode != "sum":
        raise NotImplementedError(f"embedding_bag: per_sample_weights are for mode='sum', got {mode!r}")


def _in_bags(input: Tensor, offsets: Tensor | None, with_end: bool) -> tuple[Tensor, Tensor, int]:
    """The ids in one row, the number of the bag of each, and the number of bags."""
    each = arange(input.numel(), device=input.device)
    if offsets is None:
        bags, size = input.shape
        return input.reshape(-1), each // max(size, 1), bags
    bag = bucketize(each, offsets.to(each.dtype), right=True) - 1
    return input, bag, len(offsets) - with_end


def _largest(rows: Tensor) -> Tensor:
    """(n, C) -> (C,); zeros if there is none."""
    return rows.max(0).values if len(rows) else rows.sum(0)
