"""What is explained: a model's logits for some ids, which of them is meant, and the tokens it is traced back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from minitransformer.autograd import Op, Tensor, enable_grad, tape
from minitransformer.backends import Array, namespace
from minitransformer.devices import device_of, to_device, to_host
from minitransformer.explain.layers import Layers
from minitransformer.nn.module import Module
from minitransformer.ops.creation import tensor
from minitransformer.ops.index import Embedding

Target = int | tuple[int, int] | Sequence[int | tuple[int, int]] | None


def as_batch(ids) -> numpy.ndarray:
    """Host ids (B, T) from (T,) or (B, T). Raises ValueError for anything else, and for no token at all."""
    ids = ids.numpy() if isinstance(ids, Tensor) else numpy.asarray(ids)
    if ids.dtype.kind not in "iu" or ids.ndim not in (1, 2) or not ids.size:
        raise ValueError(f"ids: expected integers (T,) or (B, T), at least one token, got {ids.dtype} {ids.shape}")
    return ids.reshape(-1, ids.shape[-1])


class explained:
    """The model in use, not in training, with gradients recorded from its embeddings even if they are frozen."""

    def __init__(self, model: Module):
        self.training = [module for module in model.modules() if module.training]
        self.frozen = [p for p in model.parameters() if not p.requires_grad]

    def __enter__(self):
        self._set(training=False, requires_grad=True)

    def __exit__(self, *error):
        self._set(training=True, requires_grad=False)

    def _set(self, training: bool, requires_grad: bool) -> None:
        for module in self.training:
            module.training = training
        for p in self.frozen:
            p.requires_grad_(requires_grad)


def forward(model, batch: numpy.ndarray, batch_first: bool) -> tuple[Tensor, Tensor]:
    """The model's logits for host ids (B, T), and the ids as the model got them, on its device."""
    device = next((p.device for p in model.parameters()), "cpu")
    ids = tensor(batch if batch_first else batch.T, device=device)
    logits = model(ids)
    if logits.ndim not in (2, 3) or not logits.requires_grad:
        raise ValueError(f"expected recorded logits (B, V), (B, T, V) or (T, B, V) from the model, got shape {logits.shape}")
    return logits, ids


def target_weights(logits: Tensor, target: Target, position, batch_first: bool) -> tuple[Array, list]:
    """The explained output as weights on the logits, 1 for a logit meant and -1 for one it is held against, and [B] targets.

    `target`: a logit; a pair (a, b), logit a less logit b; a list with one of these for each sequence; None, the largest.
    `position`: of which token, or of which in each sequence. Raises IndexError out of range, ValueError.
    """
    n, vocab = logits.shape[0 if batch_first or logits.ndim == 2 else 1], logits.shape[-1]
    weights = numpy.zeros(logits.shape, logits.dtype)
    if logits.ndim == 3:
        places = _positions(position, n, logits.shape[1 if batch_first else 0])
        at = [(i, p) if batch_first else (p, i) for i, p in enumerate(places)]
    else:
        at = [(i,) for i in range(n)]
    chosen = [int(logits.array[i].argmax()) for i in at] if target is None else _targets(target, n, vocab)
    for i, meant in zip(at, chosen, strict=True):
        a, *against = meant if isinstance(meant, tuple) else (meant,)
        weights[(*i, a)] += 1
        for b in against:
            weights[(*i, b)] -= 1
    return to_device(weights, device_of(logits.array)), chosen


def _positions(position, n: int, steps: int) -> list[int]:
    """One place for each sequence."""
    places = [position] * n if isinstance(position, int) else [int(p) for p in position]
    if len(places) != n:
        raise ValueError(f"position: expected one number, or one for each of {n} sequences, got {len(places)}")
    if wrong := [p for p in places if not -steps <= p < steps]:
        raise IndexError(f"position: {wrong[0]} is outside a sequence of {steps} tokens")
    return places


def _targets(target, n: int, vocab: int) -> list[int | tuple[int, ...]]:
    """One logit or pair for each sequence."""
    one = isinstance(target, (int, numpy.integer, tuple))
    listed = [target] * n if one else list(target)
    if len(listed) != n:
        raise ValueError(f"target: expected one for each of {n} sequences, got {len(listed)}; a pair to compare is a tuple (a, b)")
    chosen = [tuple(map(int, t)) if isinstance(t, tuple) else int(t) for t in listed]
    for t in chosen:
        numbers = t if isinstance(t, tuple) else (t,)
        if isinstance(t, tuple) and (len(t) != 2 or t[0] == t[1]):
            raise ValueError(f"target: expected a pair (a, b) of different logits, got {t}; one for each sequence is a list")
        if any(not 0 <= c < vocab for c in numbers):
            raise IndexError(f"target: {t} is outside the {vocab} logits")
    return chosen


def target_logit(logits: Tensor, target: Target, position, batch_first: bool) -> tuple[Tensor, list]:
    """The explained outputs of all sequences, summed, and which they were: (B, V), (B, T, V) or (T, B, V) -> (), [B]."""
    weights, chosen = target_weights(logits, target, position, batch_first)
    return (logits * Tensor(weights)).sum(), chosen


def token_lookups(output: Tensor, ids: Tensor) -> list[Op]:
    """The embedding lookups of the explained ids on the tape of `output`."""
    found = [op for op in tape(output) if isinstance(op, Embedding) and _same_ids(op.inputs[1].array, ids.array)]
    if not found:
        raise ValueError("the model's output does not depend on an embedding lookup of these ids; use explain.relevance")
    return found


def _same_ids(looked_up: Array, ids: Array) -> bool:
    return looked_up.shape == ids.shape and bool((looked_up == ids).all())


def token_relevance(lookup: Op, part, explicit: bool) -> numpy.ndarray:
    """The relevance of each looked-up token: the sum over its channels."""
    vectors = lookup.forward(*lookup.arrays())  # (.., C)
    if part is None:
        return numpy.zeros(vectors.shape[:-1], vectors.dtype)
    return to_host((part if explicit else part * vectors).sum(axis=-1))


@dataclass(frozen=True)
class Answer:
    """A model's logits on the tape, and what of them is explained.

    `weights` on the logits add up to the explained `output`; `lookups` are the ops that read the tokens' vectors.
    """

    batch: numpy.ndarray  # ids (B, T)
    logits: Tensor
    weights: Array
    targets: list
    lookups: list[Op]
    layers: Layers

    @property
    def relevance(self) -> Array:
        """What a walk of relevance begins with: the explained logits, zero for all others. Shape of the logits."""
        asked = namespace(self.weights).where(self.weights == 0, 0, self.logits.array)  # logits may be -inf
        return self.weights * asked

    @property
    def output(self) -> float:
        return float(self.relevance.sum())


def answer(model, ids, target: Target, position, batch_first: bool) -> Answer:
    """Run the model on ids (T,) or (B, T), in use rather than in training, and see what is asked."""
    batch = as_batch(ids)
    with enable_grad(), explained(model), Layers(model) as layers:
        logits, model_ids = forward(model, batch, batch_first)
    weights, targets = target_weights(logits, target, position, batch_first)
    return Answer(batch, logits, weights, targets, token_lookups(logits, model_ids), layers)
