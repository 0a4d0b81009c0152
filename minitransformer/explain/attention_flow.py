"""Explanations from attention weights: multiplied through the layers, alone or with their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from minitransformer.devices import to_host
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
        ValueError: a layer is not self-attention by `nn.MultiheadAttention`; and as `explain.lrp` does.
        IndexError: as `explain.lrp` does.

    Source:
        Abnar and Zuidema, ACL 2020, section 3.
    """
    asked = Question(model, ids, target, position, batch_first, attention=True)
    flow = rollout(attention_weights(asked))
    return asked.explanation("attention rollout", _read_rows(asked, flow, pooled), tokens)


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
    return asked.explanation("generic attention", _read_rows(asked, flow, pooled), tokens)


def attention_weights(asked: Question) -> list[Array]:
    """The recorded attention weights, first layer first.

    Args:
        asked: the question, made with `attention=True`.

    Returns:
        (B, H, T, T) on the host for each layer.

    Raises:
        ValueError: no weights were recorded, or those of other attention than self-attention.
    """
    weights = [to_host(t.array) for t in asked.attention]
    (batch,) = asked.texts
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
        asked: the question, made with `attention=True`.

    Returns:
        (B, H, T, T) on the host for each layer.

    Raises:
        ValueError: the weights are not on the tape of the logits.
    """
    if {t.op for t in asked.attention}.isdisjoint(asked.ops):
        raise ValueError(
            "expected attention weights on the tape of the logits; gradient checkpointing leaves none there"
        )
    return [to_host(slope) for slope in asked.gradients(asked.attention)]


def _read_rows(asked: Question, flow: Array, pooled: int | None) -> Array:
    """The row of `flow` (B, T, T) of the token that the logits are read from, or the mean of the rows. -> (B, T)."""
    if asked.logits.ndim == 3 or pooled is not None:
        row = asked.position if asked.logits.ndim == 3 else pooled
        return flow[numpy.arange(len(flow)), row]
    real = to_host(asked.attention[0].array).max(axis=(1, 2)) > 0  # (B, T): padding gets no attention
    mean: Array = (flow * real[..., None]).sum(axis=1) / real.sum(axis=1, keepdims=True)
    return mean
