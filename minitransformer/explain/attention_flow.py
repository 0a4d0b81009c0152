"""Explanations from attention weights: multiplied through the layers, alone or with their gradients.

The weights are those on the tape, of any module: see `attention_maps.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from minitransformer.autograd import cotangents, key
from minitransformer.devices import to_host
from minitransformer.explain.attention_maps import attention_maps
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.question import Position, Question
from minitransformer.explain.targets import Target
from minitransformer.nn.module import Module

Array = numpy.ndarray


def rollout(weights: Sequence[Array]) -> Array:
    """The share of each input token in each output vector, A_L .. A_2 A_1 with A_l = (mean over heads + I) / 2.

    The identity I stands for the residual connection.

    Args:
        weights: the attention weights (B, H, T, T) of each layer, first layer first.

    Returns:
        (B, T, T); rows add up to 1.

    Source:
        Abnar and Zuidema, ACL 2020, section 3.
    """
    steps = [(layer.mean(axis=1) + numpy.eye(layer.shape[-1])) / 2 for layer in weights]  # (B, T, T)
    total: Array = steps[0]
    for step in steps[1:]:
        total = step @ total
    return total


def gradient_rollout(weights: Sequence[Array], slopes: Sequence[Array]) -> Array:
    """R = I, then R + mean over heads of (slope * A)+ R for each layer.

    Args:
        weights: the attention weights A (B, H, T, T) of each layer, first layer first.
        slopes: d(output)/dA of each layer, of the same shapes.

    Returns:
        R, (B, T, T).

    Source:
        Chefer et al., ICCV 2021, equations 5 and 6.
    """
    total = numpy.eye(weights[0].shape[-1])
    for layer, slope in zip(weights, slopes, strict=True):
        total = total + numpy.maximum(slope * layer, 0).mean(axis=1) @ total
    return total


def attention_rollout(
    model: Module,
    ids: Any,
    target: Target = None,
    *,
    position: Position = -1,
    pooled: int | None = None,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """Attention weights multiplied through the layers of an encoder.

    They are the same for every target. Relevance is never negative, and that of each sequence adds up to 1.

    Args:
        model: gives logits, as in `explain.lrp`.
        ids: integers (T,) or (B, T).
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        batch_first: False for a model that reads (T, B).
        tokens: strings to show, of the shape of `ids`.
        target: only reported, with its logit.
        pooled: the token that a classifier reads its logits from; None for the mean of all tokens that are not padding.

    Returns:
        An `Explanation`.

    Raises:
        ValueError: the model has no attention, or other than self-attention; and as `explain.lrp` does.
        IndexError: as `explain.lrp` does.

    Source:
        Abnar and Zuidema, ACL 2020, section 3.
    """
    asked = Question(model, ids, target, position, batch_first, attention=True)
    weights = attention_weights(asked)
    return asked.explanation(
        "attention rollout", _read_rows(asked, weights, rollout(weights), pooled), tokens
    )


def generic_attention(
    model: Module,
    ids: Any,
    target: Target = None,
    *,
    position: Position = -1,
    pooled: int | None = None,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """Attention weights times their gradients, without the negative products, multiplied through the layers.

    Args:
        model: gives logits, as in `explain.lrp`.
        ids: integers (T,) or (B, T).
        target: the explained logit, in one of the forms that `explain.lrp` takes.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        batch_first: False for a model that reads (T, B).
        tokens: strings to show, of the shape of `ids`.
        pooled: as in `attention_rollout`.

    Returns:
        An `Explanation`.

    Raises:
        ValueError, IndexError: as `attention_rollout` does.

    Source:
        Chefer et al., ICCV 2021, equations 5 and 6.
    """
    asked = Question(model, ids, target, position, batch_first, attention=True)
    weights = attention_weights(asked)
    flow = gradient_rollout(weights, attention_slopes(asked))
    return asked.explanation("generic attention", _read_rows(asked, weights, flow, pooled), tokens)


def attention_weights(asked: Question) -> list[Array]:
    """The weights of every attention that the model ran, first layer first.

    Args:
        asked: the question; with `attention=True` also those of `nn.MultiheadAttention` in checkpoints are known.

    Returns:
        (B, H, T, T) on the host for each layer.

    Raises:
        ValueError: there is no attention, or other attention than self-attention.
    """
    maps = [found.weights for found in attention_maps(asked.ops)] or [t.array for t in asked.attention]
    weights = [to_host(w) for w in maps]
    batch = asked.only
    square = (len(batch), batch.shape[1], batch.shape[1])
    if not weights or any((w.shape[0], *w.shape[2:]) != square for w in weights):
        got = ", ".join(str(w.shape) for w in weights) or "none"
        raise ValueError(
            f"expected self-attention only, weights (B, H, T, T) with (B, T, T) = {square}, got {got}"
        )
    return weights


def attention_slopes(asked: Question) -> list[Array]:
    """The gradient of the explained output with respect to the attention weights of each layer.

    Args:
        asked: the question.

    Returns:
        (B, H, T, T) on the host for each layer.

    Raises:
        ValueError: no attention is on the tape of the logits.
    """
    maps = attention_maps(asked.ops)
    if not maps:
        raise ValueError(
            "expected attention weights on the tape of the logits; gradient checkpointing leaves none there"
        )
    found = cotangents([asked.logits], {key(asked.logits): asked.weights}, [each.key for each in maps])
    return [to_host(each.slopes(found.get(each.key))) for each in maps]


def _read_rows(asked: Question, weights: Sequence[Array], flow: Array, pooled: int | None) -> Array:
    """The row of `flow` (B, T, T) of the token that the logits are read from, or the mean of the rows. -> (B, T)."""
    if asked.logits.ndim == 3 or pooled is not None:
        row = asked.position if asked.logits.ndim == 3 else pooled
        return flow[numpy.arange(len(flow)), row]
    real = weights[0].max(axis=(1, 2)) > 0  # (B, T): padding gets no attention
    mean: Array = (flow * real[..., None]).sum(axis=1) / real.sum(axis=1, keepdims=True)
    return mean
