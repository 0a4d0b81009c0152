"""Gradient x input: the simplest attribution, and the one that relevance has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.autograd import cotangents, enable_grad, key, seed_cotangent, tape
from minitransformer.devices import to_host
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.outputs import Target, target_logit
from minitransformer.explain.targets import as_batch, explained, forward, token_vectors


def gradient_x_input(
    model,
    ids,
    target: Target = None,
    position=-1,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """sum_c x_c d(logit)/dx_c for each token's embedding x (Shrikumar et al., arXiv 1605.01713, 2016).

    Arguments and errors as `lrp`'s. It accounts for nothing: there is no ledger.
    """
    batch = as_batch(ids)  # (B, T)
    with enable_grad(), explained(model):
        logits, model_ids = forward(model, batch, batch_first)
        logit, targets = target_logit(logits, target, position, batch_first)
        vectors = token_vectors(logit, tape(logit), model_ids)
        slopes = cotangents(logit, seed_cotangent(logit, None), [key(t) for t in vectors])
        parts = [to_host((t.array * slopes.get(key(t), 0)).sum(axis=-1)) for t in vectors]
    total = sum(part if batch_first else part.T for part in parts)  # (B, T)
    shape = numpy.shape(ids)
    return Explanation(
        "gradient x input", batch.reshape(shape), total.reshape(shape), targets, logit.item(), tokens
    )
