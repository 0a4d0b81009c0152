"""Cross-entropy of logits whose vocabulary is shared out: no rank ever has the logits of all words."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.backends import namespace
from minitransformer.collectives.engine import Engine
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.index.bounds import check_range
from minitransformer.ops.index.picking import gather
from minitransformer.ops.networks.loss import reduced
from minitransformer.ops.networks.ranks import bounds, summed


def vocabulary_cross_entropy(
    input: Tensor,
    target: Tensor,
    engine: Engine,
    vocab_size: int,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-ln softmax(logits)[target], as `cross_entropy` of the logits of all ranks. Of each row, three numbers travel.

    Args:
        input: this rank's logits (N, V / ranks), from a `ColwiseLinear`.
        target: class ids (N,), the same on all ranks.
        engine: the group that shares the vocabulary.
        vocab_size: V.
        ignore_index: targets with this id count for nothing.
        reduction: "mean", "sum", or "none" for one loss for each target.

    Returns:
        A 0-d tensor, or (N,) with "none"; the same on all ranks.

    Raises:
        ValueError: the shapes do not fit.
        IndexError: a class id is out of range.

    Source:
        Shoeybi et al., arXiv:1909.08053, section 3: the loss of a split vocabulary.
    """
    start, end = bounds(vocab_size, engine)
    if input.ndim != 2 or input.shape != (len(target), end - start):
        raise ValueError(
            f"vocabulary_cross_entropy: expected logits {(len(target), end - start)}, got {input.shape}"
        )
    keep = target != ignore_index
    ids = where(keep, target, 0)
    check_range(
        ids.array, 0, vocab_size - 1, "vocabulary_cross_entropy: class {} is outside 0..{}", vocab_size - 1
    )
    largest = (
        namespace(input.array)
        .concatenate([input.array, namespace(input.array).full((len(target), 1), -math.inf, input.dtype)], 1)
        .max(1, keepdims=True)
    )  # (N, 1); -inf where a rank has no word
    engine.all_reduce(largest, ReduceOp.MAX)
    logits = input - Tensor(largest)  # (N, V / ranks)
    norm = summed(logits.exp().sum(1), engine)  # (N,)
    mine = (ids >= start) & (ids < end)
    right = (
        gather(logits, 1, where(mine, ids - start, 0).unsqueeze(1)).squeeze(1)
        if end > start
        else logits.sum(1)
    )
    losses = norm.log() - summed(where(mine, right, 0.0), engine)  # (N,)
    return reduced(where(keep, losses, 0.0), reduction, keep.array)
