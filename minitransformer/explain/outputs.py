"""Which output is explained: a logit, one logit against another, or the logit of a class's probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from minitransformer.autograd import Tensor
from minitransformer.devices import device_of, to_device, to_host

Array = numpy.ndarray


@dataclass(frozen=True)
class LogOdds:
    """The logit of the probability p of a class among two or more: log p / (1 - p) = its logit less the logsumexp of the others.

    Where the logit of a class says little by itself, this says why the class rather than any other. For two classes it is
    the pair (label, other). The other logits share the logsumexp by its slope, softmax; the entropy of that softmax is left,
    which no logit explains, and the ledger books it there.
    """

    label: int


One = int | tuple[int, int] | LogOdds
Target = One | Sequence[One] | None


def target_weights(logits: Tensor, target: Target, position, batch_first: bool) -> tuple[Array, float, list]:
    """The explained output as weights on the logits (of their shape), the constant to be added, and the targets [B].

    `target`: a logit; a pair (a, b), logit a less logit b; `LogOdds`; a list with one of these for each sequence; None, the
    largest logit. `position`: of which token, or of which in each sequence. Raises IndexError out of range, ValueError.
    """
    n, vocab = logits.shape[0 if batch_first or logits.ndim == 2 else 1], logits.shape[-1]
    weights, constant = numpy.zeros(logits.shape, logits.dtype), 0.0
    if logits.ndim == 3:
        places = _positions(position, n, logits.shape[1 if batch_first else 0])
        at = [(i, p) if batch_first else (p, i) for i, p in enumerate(places)]
    else:
        at = [(i,) for i in range(n)]
    chosen = [int(logits.array[i].argmax()) for i in at] if target is None else _targets(target, n, vocab)
    for i, meant in zip(at, chosen, strict=True):
        constant += _weigh(weights[i], meant, logits.array[i])
    return to_device(weights, device_of(logits.array)), constant, chosen


def _weigh(weights: Array, meant: One, logits) -> float:
    """Write the weights (V,) of one output; the constant that goes with them."""
    if isinstance(meant, LogOdds):
        weights[meant.label] = 1
        return _less_the_others(weights, meant.label, to_host(logits))
    a, *against = meant if isinstance(meant, tuple) else (meant,)
    weights[a] = 1
    weights[against] = -1
    return 0.0


def _less_the_others(weights: Array, label: int, logits: Array) -> float:
    """logsumexp z = sum_k p_k z_k + entropy(p), p = softmax z: the weights -p of the others, and less their entropy."""
    others = numpy.arange(len(logits)) != label
    scores = logits[others] - logits[others].max()
    p = numpy.exp(scores) / numpy.exp(scores).sum()
    weights[others] = -p
    return float((p[p > 0] * numpy.log(p[p > 0])).sum())


def _positions(position, n: int, steps: int) -> list[int]:
    """One place for each sequence."""
    places = [position] * n if isinstance(position, int) else [int(p) for p in position]
    if len(places) != n:
        raise ValueError(
            f"position: expected one number, or one for each of {n} sequences, got {len(places)}"
        )
    if wrong := [p for p in places if not -steps <= p < steps]:
        raise IndexError(f"position: {wrong[0]} is outside a sequence of {steps} tokens")
    return places


def _targets(target, n: int, vocab: int) -> list[One]:
    """One output for each sequence."""
    one = isinstance(target, (int, numpy.integer, tuple, LogOdds))
    listed = [target] * n if one else list(target)
    if len(listed) != n:
        raise ValueError(
            f"target: expected one for each of {n} sequences, got {len(listed)}; a pair to compare is a tuple (a, b)"
        )
    return [_checked(t, vocab) for t in listed]


def _checked(target, vocab: int) -> One:
    if isinstance(target, LogOdds):
        if vocab < 2:
            raise ValueError(f"target: {target} needs two logits or more, got {vocab}")
        return LogOdds(_in_range(target.label, vocab))
    if not isinstance(target, tuple):
        return _in_range(target, vocab)
    if len(target) != 2 or target[0] == target[1]:
        raise ValueError(
            f"target: expected a pair (a, b) of different logits, got {target}; one for each sequence is a list"
        )
    return _in_range(target[0], vocab), _in_range(target[1], vocab)


def _in_range(target, vocab: int) -> int:
    if not 0 <= target < vocab:
        raise IndexError(f"target: {target} is outside the {vocab} logits")
    return int(target)


def target_logit(logits: Tensor, target: Target, position, batch_first: bool) -> tuple[Tensor, list]:
    """The explained outputs of all sequences, summed, and which they were: (B, V), (B, T, V) or (T, B, V) -> (), [B]."""
    weights, constant, chosen = target_weights(logits, target, position, batch_first)
    return (logits * Tensor(weights)).sum() + constant, chosen
