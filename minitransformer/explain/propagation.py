"""Layer-wise relevance propagation (LRP): the tape is walked backwards with the relevance law of each op, not its gradient.

Two forms of the same rules. The *explicit* form walks relevance itself: each op divides the relevance of its output
among its inputs (Bach et al., PLoS ONE 10(7), 2015). The *gradient* form walks a modified gradient and multiplies it by
the activation at the end: one backward pass, without a division by small sums (Achtibat et al., ICML 2024; Arras et al.,
arXiv 2502.15886).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from minitransformer.autograd import Tensor, key
from minitransformer.backends import namespace
from minitransformer.devices import to_host
from minitransformer.explain.books import WalkBooks
from minitransformer.explain.composite import Composite
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.layers import Layers
from minitransformer.explain.ledger import Ledger
from minitransformer.explain.question import Position, Question
from minitransformer.explain.targets import One, Target
from minitransformer.explain.walk import Walk
from minitransformer.nn.module import Module


def account(
    output: Tensor,
    wrt: Sequence[Tensor],
    rule: str | Composite = "attnlrp",
    form: str = "gradient",
    eps: float = 1e-6,
    *,
    layers: Layers | None = None,
) -> tuple[list[numpy.ndarray], Ledger]:
    """`relevance`, with the ledger that accounts for the rest of the output.

    Args:
        output, wrt, rule, form, eps, layers: as in `relevance`.

    Returns:
        The relevance of each tensor in `wrt`, and the ledger.

    Raises:
        ValueError, NotImplementedError, RuntimeError: as `relevance` does.
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
    *,
    layers: Layers | None = None,
) -> list[numpy.ndarray]:
    """How much each element of the tensors `wrt` contributed to the scalar `output`.

    Args:
        output: a tensor of one element, recorded on the tape.
        wrt: leaves or intermediate results; all other tensors count as constants.
        rule: the name of a preset, or a `Composite`.
        form: "gradient" or "explicit".
        eps: the stabiliser of the divisions in the explicit form.
        layers: the record of the model's run, from which a composite knows the layers (see `explain.Layers`).

    Returns:
        One array for each tensor in `wrt`, of its shape.

    Raises:
        ValueError: `output` does not depend on one of `wrt`, or a rule does not fit an op or has no gradient form.
        NotImplementedError: an op on the way has no relevance law; the error names it.
        RuntimeError: relevance goes missing at an op, which the error names.
    """
    return account(output, wrt, rule, form, eps, layers=layers)[0]


def lrp(
    model: Module,
    ids: Any,
    target: Target = None,
    rule: str | Composite = "attnlrp",
    position: Position = -1,
    form: str = "gradient",
    eps: float = 1e-6,
    batch_first: bool = True,
    *,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """Explain a logit of `model(ids)` by the relevance of each token.

    Args:
        model: gives logits (B, V) as a classifier, or (B, T, V) as a language model.
        ids: integers (T,) or (B, T).
        target: the logit to explain; a pair (a, b) for logit a less logit b; `LogOdds(c)` for the logit of the
            probability of class c; a list with one of these for each sequence; None for the largest logit.
        rule: the name of a preset, or a `Composite`; those without a gradient form need `form="explicit"`.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        form: "gradient" or "explicit".
        eps: the stabiliser of the divisions in the explicit form.
        batch_first: False for a model that reads (T, B) and gives (T, B, V).
        tokens: strings to show, of the shape of `ids`.

    Returns:
        An `Explanation` with a `ledger`; its `relevance` has the shape of `ids`.

    Raises:
        IndexError: a target or position out of range.
        ValueError, NotImplementedError, RuntimeError: as `relevance` does.
    """
    return _propagate(Question(model, ids, target, position, batch_first), "LRP", rule, form, eps, tokens)


def lrp_answer(
    model: Module,
    source: Any,
    answer: Any,
    target: One | None = None,
    *,
    rule: str | Composite = "attnlrp",
    form: str = "gradient",
    eps: float = 1e-6,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """Explain the next token of an encoder-decoder, by each token of its source and of the answer so far.

    Args:
        model: gives logits (B, T, V) for `model(source, answer)`.
        source: integers (S,).
        answer: integers (T,), with the token that begins every answer of the model.
        target: the logit to explain, after the last token of the answer; None for the largest.
        rule, form, eps: as in `lrp`.
        tokens: S + T strings to show.

    Returns:
        An `Explanation` with a `ledger`; its `relevance` is (S + T,), the source first.

    Raises:
        IndexError, ValueError, NotImplementedError, RuntimeError: as `lrp` does.
    """
    asked = Question(model, answer, target, source=source)
    return _propagate(asked, "LRP of an answer", rule, form, eps, tokens)


def _propagate(
    asked: Question,
    method: str,
    rule: str | Composite,
    form: str,
    eps: float,
    tokens: Sequence[str] | None,
) -> Explanation:
    """Walk from the explained logits to the vectors of the tokens."""
    walk = Walk(rule, form, WalkBooks(eps), asked.layers)
    total = asked.total(walk.explain(asked))  # (B, T)
    ledger = walk.ledger(asked.output, asked.logits.dtype)
    return asked.explanation(f"{method}, {walk.composite.name}", total, tokens, ledger=ledger)
