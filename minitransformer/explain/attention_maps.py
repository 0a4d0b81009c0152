"""Attention as the tape shows it, whoever wrote it: by `F.scaled_dot_product_attention`, or as softmax and product.

| on the tape | the weights |
|---|---|
| `Attention`, the fused op | what its softmax gave |
| `MatMul` whose first factor is a `Softmax`, or a softmax written by hand | that factor |
| `Einsum` of such a softmax (.., T, S) and the values, summed over S | the softmax |

Between softmax and product may lie what leaves each weight in its place or scales it: dropout, casts, `view`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from minitransformer.autograd import Op, Tensor, key
from minitransformer.backends import Array, namespace
from minitransformer.explain.factors import is_softmax
from minitransformer.ops.elementwise.arithmetic import Div
from minitransformer.ops.laws import Moves
from minitransformer.ops.networks.attention import Attention
from minitransformer.ops.networks.dropout import Dropout
from minitransformer.ops.networks.softmax import Softmax
from minitransformer.ops.products.einsum import Einsum
from minitransformer.ops.products.linalg import MatMul


@dataclass(frozen=True)
class AttentionMap:
    """One attention on a tape.

    Attributes:
        op: the op that gives the heads' outputs, a weighted mean of the values.
        made: what its softmax gave, on the tape; None where that is inside of the op.
        order: the dimensions of the output, in the order (.., T, e); None if they are in this order.
    """

    op: Op
    made: Tensor | None
    order: Sequence[int] | None = None

    @property
    def weights(self) -> Array:
        """The attention weights, (B, H, T, S)."""
        if self.made is not None:
            return by_heads(self.made.array)
        return by_heads(self.op.recalled(*self.op.arrays())[0])  # type: ignore[attr-defined]  # Attention

    @property
    def output(self) -> Array:
        """The outputs of the heads, as the op gives them."""
        return self.op.forward(*self.op.arrays())

    def heads(self, part: Array) -> Array:
        """The parts of the heads of something of the output's shape.

        Args:
            part: of the shape of `output`.

        Returns:
            (B, H, T, e).
        """
        return by_heads(part if self.order is None else part.transpose(self.order))

    @property
    def key(self) -> Any:
        """The key of the cotangent that `slopes` reads."""
        return (self.op, 0) if self.made is None else key(self.made)

    def slopes(self, g: Array | None) -> Array:
        """d(output)/d(weights).

        Args:
            g: the cotangent of what `key` means; None for zeros.

        Returns:
            (B, H, T, S).
        """
        if g is None:
            return namespace(self.weights).zeros_like(self.weights)
        if self.made is not None:
            return by_heads(g)
        value = self.op.arrays()[2]  # (.., S, e)
        slopes = g @ value.swapaxes(-1, -2)  # (.., T, e), (.., e, S) -> (.., T, S)
        keep = self.op.keep  # type: ignore[attr-defined]  # Attention
        return by_heads(slopes if keep is None else slopes * keep)


def by_heads(a: Array) -> Array:
    """With dimensions for batch and heads.

    Args:
        a: (B, H, T, n), (B, T, n) or (T, n).

    Returns:
        (B, H, T, n).
    """
    return a[:, None] if a.ndim == 3 else a[(None,) * (4 - a.ndim)]


def attention_maps(ops: Iterable[Op]) -> list[AttentionMap]:
    """The attentions among the ops of a tape.

    Args:
        ops: the ops, in any order.

    Returns:
        A map for each, oldest first.
    """
    found = [_map(op) for op in sorted(ops, key=lambda op: op.number)]
    return [attention for attention in found if attention is not None]


def _map(op: Op) -> AttentionMap | None:
    """The attention whose heads an op computes, or None."""
    if isinstance(op, Attention):
        return AttentionMap(op, None)
    if isinstance(op, Einsum):
        return next(filter(None, (_of_einsum(op, i) for i in range(len(op.inputs)))), None)
    made = _softmax(op.inputs[0]) if isinstance(op, MatMul) else None
    return None if made is None else AttentionMap(op, made)


def _of_einsum(op: Einsum, i: int) -> AttentionMap | None:
    """The attention whose weights are operand i, or None."""
    made, term = _softmax(op.inputs[i]), op.terms[i]
    if made is None or made.shape != op.inputs[i].shape:
        return None
    *kept, summed = term
    width = [label for label in op.out if label not in term]
    if summed in op.out or not set(kept) <= set(op.out) or len(width) != 1:
        return None
    return AttentionMap(op, made, [op.out.index(label) for label in (*kept, *width)])


def _softmax(t: Any) -> Tensor | None:
    """The softmax over the last dimension that a tensor is, perhaps with dropout, or None."""
    size = t.shape[-1:]
    while isinstance(t, Tensor) and isinstance(t.op, (Dropout, Moves)):
        t = t.op.inputs[0]
    if not isinstance(t, Tensor) or t.shape[-1:] != size or t.op is None:
        return None
    last = isinstance(t.op, Softmax) and t.op.dim in (-1, t.ndim - 1)
    return t if last or isinstance(t.op, Div) and is_softmax(t.op) else None
