"""Take tokens away and ask again: what occlusion, Shapley values and the judges of faithfulness have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.devices import to_host
from minitransformer.explain.answer import Explanation
from minitransformer.explain.question import Position, Question, changed_embeddings
from minitransformer.explain.targets import LogOdds, One, Target
from minitransformer.nn.modes import in_use
from minitransformer.nn.module import Module
from minitransformer.ops.creation import tensor
from minitransformer.tokenization.tokenizer import UNK

REPLACEMENTS = ("zero", "unk", "delete")
BATCH_SIZE = 256  # sequences shown to the model at once

Array = numpy.ndarray
Logit = Callable[[Tensor], Tensor | Array]  # ids (N, T) -> one number for each, (N,)


def logit_of(model, target: One, position: int = -1, batch_first: bool = True) -> Logit:
    """The function ids (N, T) -> logits (N,) that the judges ask: one logit of the model, in use and not in training.

    `target` is the class or token, a pair (a, b) for logit a less logit b, or `LogOdds`; `position` the token whose logits are
    meant, ignored by classifiers.
    """
    device = next(model.parameters()).device

    def logit(ids: Tensor) -> Tensor:
        ids = ids.to(device)
        with no_grad(), in_use(model):
            logits = model(ids if batch_first else ids.transpose(0, 1))
        if logits.ndim == 3:
            logits = logits[:, position] if batch_first else logits[position]
        if isinstance(target, LogOdds):
            others = [label for label in range(logits.shape[-1]) if label != target.label]
            return logits[:, target.label] - logits[:, others].logsumexp(-1)
        return logits[:, target[0]] - logits[:, target[1]] if isinstance(target, tuple) else logits[:, target]

    return logit


def ask_logit(logit: Logit, ids: Array) -> Array:
    """The numbers of each sequence, float64: (N, T) -> (N,). Raises ValueError for another shape, NaN or infinity."""
    try:
        with no_grad():
            answer = logit(tensor(ids))
    except Exception as error:
        error.add_note(f"raised by logit, given integer ids of shape {ids.shape} (tokens left out)")
        raise
    answer = numpy.asarray(
        to_host(answer.array) if isinstance(answer, Tensor) else answer, dtype=numpy.float64
    )
    if answer.shape != ids.shape[:1]:
        raise ValueError(
            f"logit: expected one number for each of {len(ids)} sequences, shape {ids.shape[:1]}, got {answer.shape}"
        )
    if not numpy.isfinite(answer).all():
        raise ValueError(f"logit: expected finite numbers, got {answer[~numpy.isfinite(answer)][0]}")
    return answer


def one_sequence(ids) -> Array:
    """The ids as integers (T,). Raises ValueError for anything else."""
    ids = ids.numpy() if isinstance(ids, Tensor) else numpy.asarray(ids)
    if ids.dtype.kind not in "iu" or ids.ndim != 1 or not ids.size:
        raise ValueError(
            f"ids: expected one sequence of integers (T,), at least one token, got {ids.dtype} {ids.shape}"
        )
    return ids


def masked_logits(logit: Logit, ids, keep: Array, replace: str = "zero", unk_id: int = UNK) -> Array:
    """The logit with only the kept tokens left. ids (T,), keep (N, T) bool -> (N,) float64.

    `replace` says what becomes of the others: "zero" sets their embeddings to zero and leaves them in their places, "unk"
    puts `unk_id`, "delete" closes the gaps (and leaves one `unk_id` where nothing is left). `logit` takes ids (N, T').
    Raises ValueError for bad shapes and answers, and whatever `logit` raises.
    """
    ids, keep = one_sequence(ids), numpy.asarray(keep, dtype=bool)
    if replace not in REPLACEMENTS:
        raise ValueError(f"replace: expected one of {', '.join(REPLACEMENTS)}, got {replace!r}")
    if keep.ndim != 2 or keep.shape[1] != len(ids):
        raise ValueError(f"keep: expected shape (N, {len(ids)}), one column for each token, got {keep.shape}")
    ask = {"zero": _zero, "unk": _unk, "delete": _delete}[replace]
    parts = [ask(logit, ids, keep[i : i + BATCH_SIZE], unk_id) for i in range(0, len(keep), BATCH_SIZE)]
    return numpy.concatenate(parts) if parts else numpy.zeros(0)


def _zero(logit: Logit, ids: Array, keep: Array, unk_id: int) -> Array:
    batch = numpy.tile(ids, (len(keep), 1))  # (N, T)

    def silence(embedding, vectors: Tensor) -> Tensor:  # (N, T, C)
        return vectors * tensor(keep[..., None], dtype=vectors.dtype, device=vectors.device)

    with changed_embeddings(batch, silence):
        return ask_logit(logit, batch)


def _unk(logit: Logit, ids: Array, keep: Array, unk_id: int) -> Array:
    return ask_logit(logit, numpy.where(keep, ids, unk_id))


def _delete(logit: Logit, ids: Array, keep: Array, unk_id: int) -> Array:
    answers, counts = numpy.empty(len(keep)), keep.sum(axis=1)
    for count in numpy.unique(counts):  # sequences of one length go together
        rows = keep[counts == count]
        left = (
            numpy.broadcast_to(ids, rows.shape)[rows].reshape(-1, count)
            if count
            else numpy.full((len(rows), 1), unk_id)
        )
        answers[counts == count] = ask_logit(logit, left)
    return answers


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
        model, ids, target, position, batch_first, tokens: as in `explain.lrp`.
        replace, unk_id: what a token becomes, as in `masked_logits`.

    Returns:
        An `Explanation`.

    Raises:
        IndexError, ValueError: as `explain.lrp` and `masked_logits` do.

    Source:
        Zeiler and Fergus, ECCV 2014, section 4.2.
    """
    asked = Question(model, ids, target, position, batch_first)
    (batch,) = asked.texts
    positions = numpy.broadcast_to(position, len(batch)).tolist()
    keep = numpy.vstack(
        [numpy.ones(batch.shape[1], bool), ~numpy.eye(batch.shape[1], dtype=bool)]
    )  # (1 + T, T)

    def falls(sequence: Array, one: One, place: int) -> Array:  # (T,) -> (T,)
        logit = logit_of(model, one, place, batch_first)
        full, *without = masked_logits(logit, sequence, keep, replace, unk_id)
        return full - numpy.array(without)

    rows = [falls(*each) for each in zip(batch, asked.targets, positions, strict=True)]
    return asked.explanation(f"occlusion, {replace}", numpy.stack(rows), tokens)
