"""Relevance on the way: of each token after each layer, and of each head of each attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy

from minitransformer.autograd import Op, Tensor, key
from minitransformer.devices import to_host
from minitransformer.explain.books import WalkBooks
from minitransformer.explain.composite import Composite
from minitransformer.explain.layers import Layers
from minitransformer.explain.outputs import Target
from minitransformer.explain.targets import answer
from minitransformer.explain.walk import Walk
from minitransformer.nn.attention import MultiheadAttention
from minitransformer.ops.attention import Attention


def layer_relevance(
    model,
    ids,
    target: Target = None,
    layers: str = "*.layers.*",
    rule: str | Composite = "attnlrp",
    position: int | Sequence[int] = -1,
    form: str = "gradient",
    eps: float = 1e-6,
    batch_first: bool = True,
) -> dict[str, numpy.ndarray]:
    """How relevance lies on the tokens after each layer whose name matches the pattern `layers`, first layer first.

    Each array has the shape of `ids`, the sum over channels of what the layer returned; where it read another text of
    another length, it is (B, T') of that. A layer that is called again has each call: "shared", "shared, call 2", ...
    `layers` "*" means all modules whose output is (B, T, ..); a `*` also stands for dots, but modules below a match are not
    meant ("*.layers.*" gives whole layers). Other arguments and errors as `explain.lrp`'s; ValueError if no layer matches.
    """
    asked = answer(model, ids, target, position, batch_first)
    outputs = asked.layers.outputs
    returned = _calls((name, output) for name in _outermost(outputs, layers) for output in outputs[name])
    tensors = {
        name: t for name, t in returned.items() if isinstance(t, Tensor) and t.ndim == 3 and t.op is not None
    }
    if not tensors:
        names = ", ".join(name for name in outputs if name)
        raise ValueError(f"layers: {layers!r} matches no layer with an output (B, T, ..); there are {names}")
    walk = Walk(rule, form, WalkBooks(eps), asked.layers)
    parts = walk.explain(asked, [(key(t), t.array) for t in tensors.values()])
    sums = [to_host(part.sum(axis=-1)) for part in parts]  # (B, T) or (T, B)
    rows = [s if batch_first else s.T for s in sums]
    shaped = [s.reshape(numpy.shape(ids)) if s.shape == asked.batch.shape else s for s in rows]
    return dict(zip(tensors, shaped, strict=True))


def _calls(found: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """What was found by name, in order of calls; from the second on, the name tells which."""
    named: dict[str, Any] = {}
    count: Counter[str] = Counter()
    for name, value in found:
        count[name] += 1
        named[name if count[name] == 1 else f"{name}, call {count[name]}"] = value
    return named


def _outermost(names: Iterable[str], pattern: str) -> list[str]:
    """The names that match, without those of modules below a match, in order of computation as they came."""
    matching = [name for name in names if fnmatchcase(name, pattern)]
    if pattern == "*":
        return matching
    return [name for name in matching if not any(name.startswith(f"{other}.") for other in matching)]


def head_relevance(
    model,
    ids,
    target: Target = None,
    rule: str | Composite = "attnlrp",
    position: int | Sequence[int] = -1,
    form: str = "gradient",
    eps: float = 1e-6,
    batch_first: bool = True,
) -> dict[str, numpy.ndarray]:
    """How much relevance passes through each head of each `MultiheadAttention`, by the attention's name, at each query.

    Each array is (H, T) for ids (T,), (B, H, T) for ids (B, T): the sum over the channels of a head's output. One that is
    called again has each call, as in `layer_relevance`. Arguments and errors as `explain.lrp`'s; ValueError if the model has
    no such attention.
    """
    asked = answer(model, ids, target, position, batch_first)
    ops = sorted(asked.ops, key=lambda op: op.number)
    heads = _calls((asked.layers.of(op), op) for op in ops if _is_head(op, asked.layers))
    if not heads:
        raise ValueError("expected a model with nn.MultiheadAttention: only there are heads known")
    walk = Walk(rule, form, WalkBooks(eps), asked.layers)
    parts = walk.explain(asked, [((op, 0), op.forward(*op.arrays())) for op in heads.values()])
    sums = [to_host(part.sum(axis=-1)) for part in parts]  # (B, H, T)
    return {name: s if len(numpy.shape(ids)) == 2 else s[0] for name, s in zip(heads, sums, strict=True)}


def _is_head(op: Op, layers: Layers) -> bool:
    return isinstance(op, Attention) and isinstance(layers.modules[layers.of(op)], MultiheadAttention)
