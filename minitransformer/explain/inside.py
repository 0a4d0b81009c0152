"""Relevance inside the model: of each token after each layer, and of each head of each attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import numpy

from minitransformer.autograd import Tensor, key
from minitransformer.devices import to_host
from minitransformer.explain.attention_maps import attention_maps
from minitransformer.explain.explanation import WalkBooks
from minitransformer.explain.question import Position, Question
from minitransformer.explain.renamed import renamed
from minitransformer.explain.rules import Composite
from minitransformer.explain.targets import Target
from minitransformer.explain.walk import Walk
from minitransformer.nn.module import Module


@renamed(layers="pattern")
def layer_relevance(
    model: Module,
    ids: Any,
    target: Target = None,
    *,
    pattern: str = "*.layers.*",
    rule: str | Composite = "attnlrp",
    position: Position = -1,
    form: str = "gradient",
    eps: float = 1e-6,
    batch_first: bool = True,
) -> dict[str, numpy.ndarray]:
    """The relevance of each token after each layer, first layer first.

    Args:
        model: gives logits, as in `explain.lrp`.
        ids: integers (T,) or (B, T).
        target: the explained logit, in one of the forms that `explain.lrp` takes.
        rule: the name of a preset, or a `Composite`.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        form: "gradient" or "explicit".
        eps: the stabiliser of the divisions in the explicit form.
        batch_first: False for a model that reads (T, B).
        pattern: the names of the layers; a `*` also matches dots. Modules below a match are left out, so that
            `"*.layers.*"` gives whole layers. `"*"` gives all modules with an output (B, T, ..).

    Returns:
        The sum over channels of the relevance of each layer's output, by the layer's name, in the shape of `ids`; (B, T')
        where the layer read another text of another length. A layer that runs several times is listed for each call:
        "shared", "shared, call 2", ...

    Raises:
        ValueError: no layer matches; and as `explain.lrp` does.
        IndexError, NotImplementedError, RuntimeError: as `explain.lrp` does.
    """
    asked = Question(model, ids, target, position, batch_first)
    batch, outputs = asked.only, asked.layers.outputs
    returned = _calls((name, output) for name in _outermost(outputs, pattern) for output in outputs[name])
    tensors = {name: t for name, t in returned.items() if _is_text(t)}
    if not tensors:
        names = ", ".join(name for name in outputs if name)
        raise ValueError(
            f"pattern: {pattern!r} matches no layer with an output (B, T, ..); there are the layers {names}"
        )
    walk = Walk(rule, form, WalkBooks(eps), asked.layers)
    parts = walk.explain(asked, [(key(t), t.array) for t in tensors.values()])
    rows = [asked.by_token(part) for part in parts]  # (B, T)
    shaped = [asked.shaped(row) if row.shape == batch.shape else row for row in rows]
    return dict(zip(tensors, shaped, strict=True))


def _is_text(output: Any) -> bool:
    """Whether a layer returned vectors (B, T, C) on the tape."""
    return isinstance(output, Tensor) and output.ndim == 3 and output.op is not None


def _calls(found: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """By name, in order of calls; the second call of a name is "name, call 2"."""
    named: dict[str, Any] = {}
    count: Counter[str] = Counter()
    for name, value in found:
        count[name] += 1
        named[name if count[name] == 1 else f"{name}, call {count[name]}"] = value
    return named


def _outermost(names: Iterable[str], pattern: str) -> list[str]:
    """The names that match, in the given order, without those of modules below a match."""
    matching = [name for name in names if fnmatchcase(name, pattern)]
    if pattern == "*":
        return matching
    return [name for name in matching if not any(name.startswith(f"{other}.") for other in matching)]


def head_relevance(
    model: Module,
    ids: Any,
    target: Target = None,
    *,
    rule: str | Composite = "attnlrp",
    position: Position = -1,
    form: str = "gradient",
    eps: float = 1e-6,
    batch_first: bool = True,
) -> dict[str, numpy.ndarray]:
    """The relevance that passes through each head of each attention, at each query.

    The heads are those on the tape, of any module: see `attention_maps.py`.

    Args:
        model: gives logits, as in `explain.lrp`.
        ids: integers (T,) or (B, T).
        target: the explained logit, in one of the forms that `explain.lrp` takes.
        rule: the name of a preset, or a `Composite`.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        form: "gradient" or "explicit".
        eps: the stabiliser of the divisions in the explicit form.
        batch_first: False for a model that reads (T, B).

    Returns:
        The sum over channels of the relevance of each head's output, by the name of the layer that computes it: (H, T) for
        ids (T,), (B, H, T) for ids (B, T). An attention that runs several times is listed as in `layer_relevance`.

    Raises:
        ValueError: the model has no attention; and as `explain.lrp` does.
        IndexError, NotImplementedError, RuntimeError: as `explain.lrp` does.
    """
    asked = Question(model, ids, target, position, batch_first)
    heads = _calls((asked.layers.of(found.op), found) for found in attention_maps(asked.ops))
    if not heads:
        raise ValueError(
            "expected a model with attention: F.scaled_dot_product_attention, or a softmax times the values"
        )
    walk = Walk(rule, form, WalkBooks(eps), asked.layers)
    parts = walk.explain(asked, [((found.op, 0), found.output) for found in heads.values()])
    pairs = zip(heads.values(), parts, strict=True)
    sums = [to_host(found.heads(part).sum(axis=-1)) for found, part in pairs]  # (B, H, T)
    return {name: asked.shaped(s) for name, s in zip(heads, sums, strict=True)}
