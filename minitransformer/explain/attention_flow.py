"""What attention alone says: weights multiplied through the layers, plain or weighted by their gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.autograd import Op, Tensor, cotangents, enable_grad, seed_cotangent, tape
from minitransformer.devices import to_host
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.outputs import Target, target_logit
from minitransformer.explain.targets import as_batch, explained, forward
from minitransformer.nn.hooks import record_attention

Array = numpy.ndarray


def rollout(weights: Sequence[Array]) -> Array:
    """How much of each token's vector came from each input token. Per layer (B, H, T, T) -> (B, T, T), rows add up to 1.

    A_l = (mean over heads + I) / 2, the I for the residual connection; A_L .. A_2 A_1.
    """
    steps = [(layer.mean(axis=1) + numpy.eye(layer.shape[-1])) / 2 for layer in weights]  # (B, T, T)
    total = steps[0]
    for step in steps[1:]:
        total = step @ total
    return total


def gradient_rollout(weights: Sequence[Array], slopes: Sequence[Array]) -> Array:
    """R = I, then R + mean over heads of (slope * A)+ R for each layer. Per layer (B, H, T, T) -> (B, T, T)."""
    total = numpy.eye(weights[0].shape[-1])
    for layer, slope in zip(weights, slopes, strict=True):
        total = total + numpy.maximum(slope * layer, 0).mean(axis=1) @ total
    return total


def attention_rollout(
    model,
    ids,
    target: Target = None,
    position: int | Sequence[int] = -1,
    pooled: int | None = None,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """Attention weights multiplied through the layers of an encoder (Abnar & Zuidema, ACL 2020, section 3).

    The same for every target: `target` is only reported. A language model's logits are read off the token `position`; a
    classifier's off the token `pooled`, or off the mean of all tokens that are not padding if None. Relevance is never
    negative and each sequence's adds up to 1. Other arguments and errors as `lrp`'s; ValueError unless every layer is
    self-attention.
    """
    seen = _Attention(model, ids, target, position, batch_first)
    return seen.explanation("attention rollout", rollout(seen.weights), ids, pooled, tokens)


def generic_attention(
    model,
    ids,
    target: Target = None,
    position: int | Sequence[int] = -1,
    pooled: int | None = None,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """Attention weights times their gradients, negative parts cut, multiplied through (Chefer et al., ICCV 2021, equations 5, 6).

    Arguments and errors as `attention_rollout`'s, but the target matters.
    """
    seen = _Attention(model, ids, target, position, batch_first)
    return seen.explanation(
        "generic attention", gradient_rollout(seen.weights, seen.slopes()), ids, pooled, tokens
    )


class _Attention:
    """One run of the model: the explained logit, and every layer's weights (B, H, T, T), first layer first."""

    def __init__(self, model, ids, target: Target, position, batch_first: bool):
        self.batch, self.position = as_batch(ids), position  # (B, T)
        with enable_grad(), explained(model), record_attention() as recorded:
            logits, _ = forward(model, self.batch, batch_first)
            self.logit, self.targets = target_logit(logits, target, position, batch_first)
        self.per_token = logits.ndim == 3
        self.ops = _softmaxes(self.logit, recorded)
        self.weights = [to_host(t.array) for t in recorded]
        square = (len(self.batch), self.batch.shape[1], self.batch.shape[1])
        if not self.ops or any((w.shape[0], *w.shape[2:]) != square for w in self.weights):
            got = ", ".join(str(w.shape) for w in self.weights) or "none"
            raise ValueError(
                f"expected self-attention only, weights (B, H, T, T) with (B, T, T) = {square}, got {got}"
            )

    def slopes(self) -> list[Array]:
        """d(logit)/dA of every layer, (B, H, T, T)."""
        keys = [(op, 0) for op in self.ops]
        found = cotangents(self.logit, seed_cotangent(self.logit, None), keys)
        return [
            to_host(found[k]) if k in found else numpy.zeros_like(w)
            for k, w in zip(keys, self.weights, strict=True)
        ]

    def explanation(self, method: str, flow: Array, ids, pooled: int | None, tokens) -> Explanation:
        """The row of `flow` (B, T, T) that the logit was read off, or the mean of the rows."""
        if self.per_token or pooled is not None:
            relevance = flow[numpy.arange(len(flow)), self.position if self.per_token else pooled]  # (B, T)
        else:
            real = self.weights[0].max(axis=(1, 2)) > 0  # (B, T): nothing looks at padding
            relevance = (flow * real[..., None]).sum(axis=1) / real.sum(axis=1, keepdims=True)
        shape = numpy.shape(ids)
        arrays = self.batch.reshape(shape), relevance.reshape(shape)
        return Explanation(method, *arrays, self.targets, self.logit.item(), tokens)


def _softmaxes(logit: Tensor, recorded: list[Tensor]) -> list[Op]:
    """The ops on the tape that made the recorded weights, in their order."""
    made = {id(op.y): op for op in tape(logit) if hasattr(op, "y")}
    return [made[id(t.array)] for t in recorded if id(t.array) in made]
