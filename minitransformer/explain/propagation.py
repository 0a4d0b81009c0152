"""Layer-wise relevance propagation: the tape walked back with the third law in place of the gradient.

Two forms of the same rules. *Explicit* walks relevance itself: at each op, R of the output is divided among the inputs
(Bach et al., PLoS ONE 10(7), 2015). *Gradient* walks a modified gradient and multiplies by the activation at the end: no
division by small sums, one backward pass (Achtibat et al., ICML 2024; Arras et al., arXiv 2502.15886).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.autograd import Tensor, key
from minitransformer.backends import namespace
from minitransformer.devices import to_host
from minitransformer.explain.books import WalkBooks
from minitransformer.explain.composite import Composite
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.layers import Layers
from minitransformer.explain.ledger import Ledger
from minitransformer.explain.outputs import Target
from minitransformer.explain.targets import answer
from minitransformer.explain.walk import Walk


def account(
    output: Tensor,
    wrt: Sequence[Tensor],
    rule: str | Composite = "attnlrp",
    form: str = "gradient",
    eps: float = 1e-6,
    layers: Layers | None = None,
) -> tuple[list[numpy.ndarray], Ledger]:
    """`relevance`, with the ledger that accounts for the rest of the output.

    `layers` names the layers of a composite, see `explain.Layers`. Raises as `relevance` does.
    """
    if output.array.size != 1 or not output.requires_grad:
        raise ValueError(
            f"relevance: expected one recorded number to explain, got shape {output.shape}; index or sum it"
        )
    walk, keys = Walk(rule, form, WalkBooks(eps), layers), [key(t) for t in wrt]
    seed = output.array.copy() if walk.explicit else namespace(output.array).ones_like(output.array)
    found = walk.run(output, seed, keys)
    if missing := [i for i, k in enumerate(keys) if k not in found]:
        raise ValueError(
            f"relevance: the output does not depend on wrt{missing}, or only through what {rule!r} holds constant"
        )
    parts = [walk.arrival(k, found[k], t.array) for k, t in zip(keys, wrt, strict=True)]
    return [to_host(part) for part in parts], walk.ledger(output.item(), output.dtype)


def relevance(
    output: Tensor,
    wrt: Sequence[Tensor],
    rule: str | Composite = "attnlrp",
    form: str = "gradient",
    eps: float = 1e-6,
    layers: Layers | None = None,
) -> list[numpy.ndarray]:
    """How much each element of the tensors `wrt` contributed to the scalar `output`.

    `wrt` may be leaves or results on the way; everything else counts as constant. Returns one array for each, of its shape.
    `rule` is a preset or a `Composite`, whose layers are known from `layers`, see `explain.Layers`. `eps` is the stabiliser
    of the explicit form. Raises ValueError if `output` does not depend on one of them, or a rule does not fit or has no
    gradient form; NotImplementedError naming the op if one on the way has no rule; RuntimeError if relevance goes missing.
    """
    return account(output, wrt, rule, form, eps, layers)[0]


def lrp(
    model,
    ids,
    target: Target = None,
    rule: str | Composite = "attnlrp",
    position: int | Sequence[int] = -1,
    form: str = "gradient",
    eps: float = 1e-6,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """Explain a logit of `model(ids)` by the relevance of each token.

    `ids` (T,) or (B, T). `target`: the logit to explain; a pair (a, b) for logit a less logit b, why one rather than the
    other; `LogOdds(c)` for the logit of class c's probability, why it rather than any other; a list with one of these for
    each sequence; None takes the largest logit. `position`: the token whose logits are meant, or a list with one for each
    sequence; classifiers, whose logits are (B, V), ignore it. `rule`: a preset or a `Composite`; those without a gradient
    form need `form="explicit"`. `batch_first=False` for models that take (T, B). `tokens` are strings to show. Returns an
    `Explanation` whose `relevance` has the shape of `ids`, with a `ledger`.
    Raises IndexError for a target or position out of range, and as `relevance` does.
    """
    asked = answer(model, ids, target, position, batch_first)
    walk = Walk(rule, form, WalkBooks(eps), asked.layers)
    vectors = walk.explain(asked)  # (B, T, C) or (T, B, C) each
    parts = [to_host(part.sum(axis=-1)) for part in vectors]
    total = sum(part if batch_first else part.T for part in parts)  # (B, T)
    ledger = walk.ledger(asked.output, asked.logits.dtype)
    name, shape = f"LRP, {walk.composite.name}", numpy.shape(ids)
    return Explanation(
        name, asked.batch.reshape(shape), total.reshape(shape), asked.targets, asked.output, tokens, ledger
    )
