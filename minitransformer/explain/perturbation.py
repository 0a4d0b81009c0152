"""Outputs of a model without some of its tokens, which occlusion, Shapley values and the measures of faithfulness use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.question import Position, Question, changed_embeddings
from minitransformer.explain.targets import LogOdds, One, Target
from minitransformer.nn.embedding import Embedding
from minitransformer.nn.modes import in_use
from minitransformer.nn.module import Module
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.tensors.python import host_array
from minitransformer.tokenization.tokenizer import UNK

REPLACEMENTS = ("zero", "unk", "delete")
BATCH_SIZE = 256  # sequences shown to the model at once

Array = numpy.ndarray
Logit = Callable[[Tensor], Tensor | Array]  # ids (N, T) -> one number for each, (N,)


def logit_of(model: Module, target: One, *, position: int = -1, batch_first: bool = True) -> Logit:
    """One output of a model, in eval mode, as a function of the ids.

    Args:
        model: gives logits (N, V), (N, T, V), or (T, N, V) with `batch_first=False`.
        target: a class or token, a pair (a, b) for logit a less logit b, or `LogOdds`.
        position: the token whose logits are meant; ignored if the logits are (N, V).
        batch_first: whether the model reads (N, T) rather than (T, N).

    Returns:
        A function: ids (N, T) -> outputs (N,).
    """
    device = next(model.parameters()).device

    def logit(ids: Tensor) -> Tensor:
        ids = ids.to(device)
        with no_grad(), in_use(model):
            logits: Tensor = model(ids if batch_first else ids.transpose(0, 1))
        if logits.ndim == 3:
            logits = logits[:, position] if batch_first else logits[position]
        if isinstance(target, LogOdds):
            others = [label for label in range(logits.shape[-1]) if label != target.label]
            return logits[:, target.label] - logits[:, others].logsumexp(-1)
        return logits[:, target[0]] - logits[:, target[1]] if isinstance(target, tuple) else logits[:, target]

    return logit


def ask_logit(logit: Logit, ids: Array) -> Array:
    """Call `logit` and check what it returns.

    Args:
        logit: ids (N, T) -> one number for each sequence (N,).
        ids: (N, T).

    Returns:
        float64 (N,).

    Raises:
        ValueError: the result has another shape, or is not finite; and whatever `logit` raises, with a note.
    """
    try:
        with no_grad():
            found = logit(tensor(ids))
    except Exception as error:
        error.add_note(f"raised by logit, given integer ids of shape {ids.shape} (tokens left out)")
        raise
    values = numpy.asarray(host_array(found), dtype=numpy.float64)
    if values.shape != ids.shape[:1]:
        raise ValueError(
            f"logit: expected one number for each of {len(ids)} sequences, shape {ids.shape[:1]}, got {values.shape}"
        )
    if not numpy.isfinite(values).all():
        raise ValueError(f"logit: expected finite numbers, got {values[~numpy.isfinite(values)][0]}")
    return values


def one_sequence(ids: Any) -> Array:
    """The ids of one sequence on the host.

    Args:
        ids: integers (T,), an array, a tensor or a list.

    Returns:
        (T,), an array.

    Raises:
        ValueError: other numbers, another shape, or no token.
    """
    array = ids.numpy() if isinstance(ids, Tensor) else numpy.asarray(ids)
    if array.dtype.kind not in "iu" or array.ndim != 1 or not array.size:
        raise ValueError(
            f"ids: expected one sequence of integers (T,), at least one token, got {array.dtype} {array.shape}"
        )
    return array


def masked_logits(logit: Logit, ids: Any, keep: Array, replace: str = "zero", unk_id: int = UNK) -> Array:
    """The output for a sequence with some of its tokens removed.

    Args:
        logit: ids (N, T') -> one number for each sequence (N,), such as `logit_of(model, target)`.
        ids: one sequence (T,).
        keep: bool (N, T), a row for each question, False for the removed tokens.
        replace: what a removed token becomes: "zero" sets its embedding to zero, "unk" puts `unk_id` in its place, "delete"
            takes it out of the sequence, which gets shorter (one `unk_id` if no token is left).
        unk_id: the id of the unknown token.

    Returns:
        float64 (N,).

    Raises:
        ValueError: a bad shape or `replace`, or `logit` returns another shape or no finite numbers; and whatever `logit`
            raises.
    """
    ids = one_sequence(ids)
    keep = numpy.asarray(keep, dtype=bool)
    if replace not in REPLACEMENTS:
        raise ValueError(f"replace: expected one of {', '.join(REPLACEMENTS)}, got {replace!r}")
    if keep.ndim != 2 or keep.shape[1] != len(ids):
        raise ValueError(f"keep: expected shape (N, {len(ids)}), one column for each token, got {keep.shape}")
    ask = {"zero": _with_zeros, "unk": _with_unknowns, "delete": _with_fewer}[replace]
    parts = [ask(logit, ids, keep[i : i + BATCH_SIZE], unk_id) for i in range(0, len(keep), BATCH_SIZE)]
    return numpy.concatenate(parts) if parts else numpy.zeros(0)


def _with_zeros(logit: Logit, ids: Array, keep: Array, unk_id: int) -> Array:
    """Removed tokens keep their place, with an embedding of zeros."""
    batch = numpy.tile(ids, (len(keep), 1))  # (N, T)

    def silenced(embedding: Embedding, vectors: Tensor) -> Tensor:  # (N, T, C)
        return vectors * tensor(keep[..., None], dtype=vectors.dtype, device=vectors.device)

    with changed_embeddings(batch, silenced):
        return ask_logit(logit, batch)


def _with_unknowns(logit: Logit, ids: Array, keep: Array, unk_id: int) -> Array:
    """Removed tokens become the unknown token."""
    return ask_logit(logit, numpy.where(keep, ids, unk_id))


def _with_fewer(logit: Logit, ids: Array, keep: Array, unk_id: int) -> Array:
    """Removed tokens are taken out; sequences of one length form a batch."""
    counts = keep.sum(axis=1)  # (N,)
    found = numpy.empty(len(keep))
    for count in numpy.unique(counts):
        rows = keep[counts == count]
        kept = numpy.broadcast_to(ids, rows.shape)[rows].reshape(len(rows), count)
        found[counts == count] = ask_logit(logit, kept if count else numpy.full((len(rows), 1), unk_id))
    return found


def occlusion(
    model: Module,
    ids: Any,
    target: Target = None,
    *,
    position: Position = -1,
    replace: str = "zero",
    unk_id: int = UNK,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """How much the output falls without each token: f(x) - f(x without i).

    Args:
        model: gives logits, as in `explain.lrp`.
        ids: integers (T,) or (B, T).
        target: the explained logit, in one of the forms that `explain.lrp` takes.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        batch_first: False for a model that reads (T, B).
        tokens: strings to show, of the shape of `ids`.
        replace: what a removed token becomes: "zero", "unk" or "delete", as in `masked_logits`.
        unk_id: the id of the unknown token.

    Returns:
        An `Explanation`.

    Raises:
        IndexError, ValueError: as `explain.lrp` and `masked_logits` do.

    Source:
        Zeiler and Fergus, ECCV 2014, section 4.2.
    """
    asked = Question(model, ids, target, position, batch_first)
    batch = asked.only
    positions = numpy.broadcast_to(position, len(batch)).tolist()
    keep = numpy.vstack(
        [numpy.ones(batch.shape[1], bool), ~numpy.eye(batch.shape[1], dtype=bool)]
    )  # (1 + T, T)

    def falls(sequence: Array, one: One, at: int) -> Array:  # (T,) -> (T,)
        logit = logit_of(model, one, position=at, batch_first=batch_first)
        outputs = masked_logits(logit, sequence, keep, replace, unk_id)  # (1 + T,)
        fall: Array = outputs[0] - outputs[1:]
        return fall

    rows = [falls(*each) for each in zip(batch, asked.targets, positions, strict=True)]
    return asked.explanation(f"occlusion, {replace}", numpy.stack(rows), tokens)
