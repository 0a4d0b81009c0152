"""Layer-wise relevance propagation: the tape walked back with the third law in place of the gradient.

Two forms of the same rules. *Explicit* walks relevance itself: at each op, R of the output is divided among the inputs
(Bach et al., PLoS ONE 10(7), 2015). *Gradient* walks a modified gradient and multiplies by the activation at the end: no
division by small sums, one backward pass (Achtibat et al., ICML 2024; Arras et al., arXiv 2502.15886).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.autograd import Op, Tensor, enable_grad, key, live_from, propagate, tape
from minitransformer.backends import Array, float64, namespace, to_host
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.ledger import Ledger
from minitransformer.explain.rules import BLOCKED, Books
from minitransformer.ops.creation import tensor
from minitransformer.ops.index import Embedding
from minitransformer.ops.laws import is_number

FORMS = ("gradient", "explicit")


class Walk:
    """One walk back from an output: the law of each op in the chosen form, and its books."""

    def __init__(self, rule: str, form: str, eps: float):
        if rule not in BLOCKED:
            raise ValueError(f"rule: expected one of {', '.join(BLOCKED)}, got {rule!r}")
        if form not in FORMS:
            raise ValueError(f"form: expected 'gradient' or 'explicit', got {form!r}")
        self.blocked, self.explicit, self.books = BLOCKED[rule], form == "explicit", Books(eps)

    def run(self, root: Tensor, seed: Array, sources: list) -> dict:
        """What arrives at each key in `sources`: relevance in explicit form, the modified gradient in gradient form."""
        return propagate(root, seed, self.law, live_from(root, sources, self.blocked), keep=set(sources))

    def law(self, op: Op, r) -> tuple:
        """The inputs' parts of what arrived at an op's output."""
        arrays, live = op.arrays(), op.needs
        self.books.op = op
        if hasattr(op, "clear"):
            return self._through_clear_form(op, r, arrays, live)
        law = op.relprop if self.explicit else getattr(op, "modified", op.relprop)
        parts = law(r, self.books, *arrays)
        self._book(op, parts, arrays, live)
        return parts

    def _book(self, op: Op, parts, arrays, live) -> None:
        """Relevance of inputs that are not explained goes to the ledger; that of the others sets its scale."""
        scale = 0.0
        for source, part, a, explained in zip(op.inputs, parts, arrays, live, strict=True):
            if part is None:
                continue
            relevance = part if self.explicit else part * self.books.finite(a)
            if explained:
                scale = scale + abs(relevance).sum(dtype=float64)
            else:
                role = None if is_number(source) else source.role
                self.books.absorb("positions" if role == "positions" else "bias", relevance)
        self.books.scales.append(scale)

    def _through_clear_form(self, op: Op, r, arrays, live) -> tuple:
        """An op made of others passes relevance on as they do: run it in clear ops, and walk those."""
        with enable_grad():
            leaves = [Tensor(a, requires_grad=explained) for a, explained in zip(arrays, live, strict=True)]
            out = op.clear(*leaves)
        found = self.run(out, r, [key(t) for t, explained in zip(leaves, live, strict=True) if explained])
        return tuple(found.get(leaf) for leaf in leaves)

    def ledger(self, tokens: float, total: float) -> Ledger:
        """The books, closed."""
        entries = [(op, sink, float(amount)) for op, sink, amount in self.books.entries]
        return Ledger(tokens, total, max((float(s) for s in self.books.scales), default=0.0), entries)


def _seed(output: Tensor, explicit: bool) -> Array:
    if output.array.size != 1 or not output.requires_grad:
        raise ValueError(f"relevance: expected one recorded number to explain, got shape {output.shape}; index or sum it")
    return output.array.copy() if explicit else namespace(output.array).ones_like(output.array)


def relevance(
    output: Tensor, wrt: Sequence[Tensor], rule: str = "attnlrp", form: str = "gradient", eps: float = 1e-6
) -> list[numpy.ndarray]:
    """How much each element of the tensors `wrt` contributed to the scalar `output`.

    `wrt` may be leaves or results on the way; everything else counts as constant. Returns one array for each, of its shape.
    `eps` is the stabiliser of the explicit form. Raises ValueError if `output` does not depend on one of them,
    NotImplementedError naming the op if one on the way has no relevance rule.
    """
    walk = Walk(rule, form, eps)
    found = walk.run(output, _seed(output, walk.explicit), [key(t) for t in wrt])
    if missing := [i for i, t in enumerate(wrt) if key(t) not in found]:
        raise ValueError(f"relevance: the output does not depend on wrt{missing}, or only through what {rule!r} holds constant")
    return [to_host(found[key(t)] if walk.explicit else t.array * found[key(t)]) for t in wrt]


def lrp(
    model,
    ids,
    target: int | Sequence[int] | None = None,
    rule: str = "attnlrp",
    position: int = -1,
    form: str = "gradient",
    eps: float = 1e-6,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """Explain a logit of `model(ids)` by the relevance of each token.

    `ids` (T,) or (B, T); `target` the logit to explain, the largest if None, or one for each sequence; `position` the
    token whose logits are meant, ignored by classifiers (whose logits are (B, V)). `batch_first=False` for models that
    take (T, B). `tokens` are strings to show. Returns an `Explanation` whose `relevance` has the shape of `ids`, with a
    `ledger`. Raises ValueError, IndexError, NotImplementedError as `relevance` does.
    """
    batch = as_batch(ids)  # (B, T)
    walk = Walk(rule, form, eps)
    with enable_grad(), explained(model):
        logits, model_ids = forward(model, batch, batch_first)
        logit, targets = target_logit(logits, target, position, batch_first)
        lookups = token_lookups(logit, model_ids)
        found = walk.run(logit, _seed(logit, walk.explicit), [(op, 0) for op in lookups])
        parts = [token_relevance(op, found.get((op, 0)), walk.explicit) for op in lookups]  # (B, T) or (T, B)
    total = sum(part if batch_first else part.T for part in parts)  # (B, T)
    ledger = walk.ledger(float(total.sum(dtype=float64)), logit.item())
    shape = numpy.shape(ids)
    return Explanation(f"LRP, {rule}", batch.reshape(shape), total.reshape(shape), targets, logit.item(), tokens, ledger)


def token_relevance(lookup: Op, part, explicit: bool) -> numpy.ndarray:
    """The relevance of each looked-up token: the sum over its channels."""
    vectors = lookup.forward(*lookup.arrays())  # (.., C)
    if part is None:
        return numpy.zeros(vectors.shape[:-1], vectors.dtype)
    return to_host((part if explicit else part * vectors).sum(axis=-1))


def as_batch(ids) -> numpy.ndarray:
    ids = ids.numpy() if isinstance(ids, Tensor) else numpy.asarray(ids)
    if ids.dtype.kind not in "iu" or ids.ndim not in (1, 2) or not ids.size:
        raise ValueError(f"ids: expected integers (T,) or (B, T), at least one token, got {ids.dtype} {ids.shape}")
    return ids.reshape(-1, ids.shape[-1])


class explained:
    """The model in use, not in training, with gradients recorded from its embeddings even if they are frozen."""

    def __init__(self, model):
        self.model, self.training = model, getattr(model, "training", False)
        self.frozen = [p for p in model.parameters() if not p.requires_grad]

    def __enter__(self):
        self.model.eval()
        for p in self.frozen:
            p.requires_grad_(True)

    def __exit__(self, *error):
        self.model.train(self.training)
        for p in self.frozen:
            p.requires_grad_(False)


def forward(model, batch: numpy.ndarray, batch_first: bool) -> tuple[Tensor, Tensor]:
    """The model's logits for host ids (B, T), and the ids as the model got them, on its device."""
    device = next((p.device for p in model.parameters()), "cpu")
    ids = tensor(batch if batch_first else batch.T, device=device)
    logits = model(ids)
    if logits.ndim not in (2, 3) or not logits.requires_grad:
        raise ValueError(f"expected recorded logits (B, V), (B, T, V) or (T, B, V) from the model, got shape {logits.shape}")
    return logits, ids


def target_logit(logits: Tensor, target, position: int, batch_first: bool) -> tuple[Tensor, list[int]]:
    """The explained logits of all sequences, summed, and which they were: (B, V) or (B, T, V) -> (), [B]."""
    if logits.ndim == 3:
        steps = logits.shape[1 if batch_first else 0]
        if not -steps <= position < steps:
            raise IndexError(f"position: {position} is outside a sequence of {steps} tokens")
        logits = logits[:, position] if batch_first else logits[position]
    n, vocab = logits.shape
    chosen = logits.array.argmax(axis=-1).tolist() if target is None else numpy.broadcast_to(target, (n,)).tolist()
    if any(not 0 <= c < vocab for c in chosen):
        raise IndexError(f"target: {target} is outside the {vocab} logits")
    return sum((logits[i, c] for i, c in enumerate(chosen[1:], 1)), logits[0, chosen[0]]), chosen


def token_lookups(output: Tensor, ids: Tensor) -> list[Op]:
    """The embedding lookups of the explained ids on the tape of `output`."""
    found = [op for op in tape(output) if isinstance(op, Embedding) and _same_ids(op.inputs[1].array, ids.array)]
    if not found:
        raise ValueError("the model's output does not depend on an embedding lookup of these ids; use explain.relevance")
    return found


def _same_ids(looked_up: Array, ids: Array) -> bool:
    return looked_up.shape == ids.shape and bool((looked_up == ids).all())
