"""Gradient x input: the simplest attribution, and the one that relevance has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.autograd import cotangents, enable_grad, seed_cotangent, tape
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.outputs import Target, target_logit
from minitransformer.explain.targets import as_batch, explained, forward, token_lookups, token_relevance


def gradient_x_input(
    model, ids, target: Target = None, position=-1, batch_first: bool = True, tokens: Sequence[str] | None = None
) -> Explanation:
    """sum_c x_c d(logit)/dx_c for each token's embedding x (Shrikumar et al., arXiv 1605.01713, 2016).

    Arguments and errors as `lrp`'s. It accounts for nothing: there is no ledger.
    """
    batch = as_batch(ids)  # (B, T)
    with enable_grad(), explained(model.modules()):
        logits, model_ids = forward(model, batch, batch_first)
        logit, targets = target_logit(logits, target, position, batch_first)
        lookups = token_lookups(tape(logit), model_ids)
        found = cotangents(logit, seed_cotangent(logit, None), [(op, 0) for op in lookups])
        parts = [token_relevance(op, found.get((op, 0)), explicit=False) for op in lookups]
    total = sum(part if batch_first else part.T for part in parts)  # (B, T)
    shape = numpy.shape(ids)
    return Explanation("gradient x input", batch.reshape(shape), total.reshape(shape), targets, logit.item(), tokens)
