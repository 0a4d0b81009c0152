"""How many floating-point operations a program takes: counted op by op, while it runs, from the shapes alone.

A multiply-add is two operations. Two columns are kept apart:

- **products**: what multiplies and sums, which is where the time of a Transformer goes. The figures are those of PyTorch's
  `torch.utils.flop_counter`, which counts nothing else: the product of (n, k) and (k, m) takes 2 n k m.
- **elementwise**: other arithmetic, by the table `EACH`: operations for each element of an op's largest array, where an
  elementary function such as exp counts as one. The gradient takes as many again for each input that needs one. Moves, gathers
  and casts count as none; nor do the additions where gradients meet, and the optimiser.

Causal attention counts whole, as in PyTorch, though the kernels skip most of what it hides.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from minitransformer.autograd import Op, Tensor
from minitransformer.autograd.function import Applied
from minitransformer.ops.laws import Moves
from minitransformer.ops.networks.activation import GELU, Sigmoid, SiLU
from minitransformer.ops.networks.attention import Attention
from minitransformer.ops.networks.dropout import Dropout
from minitransformer.ops.networks.loss import CrossEntropy
from minitransformer.ops.networks.normalization import LayerNorm, RMSNorm
from minitransformer.ops.networks.recurrent import GRUStep, LSTMStep
from minitransformer.ops.networks.softmax import LogSoftmax, Softmax
from minitransformer.ops.products.einsum import Einsum, path
from minitransformer.ops.products.linalg import Linear, MatMul
from minitransformer.ops.products.subscripts import Labels
from minitransformer.settings import after_walk, setting, watchers
from minitransformer.utils.checkpoint import Checkpoint

Shape: TypeAlias = Sequence[int]
Shapes: TypeAlias = Sequence[Shape]
# of an op, its inputs and its output: the operations of its forward, and those of the gradient of each input
Counted: TypeAlias = tuple[int, Sequence[int]]

EACH: dict[type[Op], int] = {
    Softmax: 5,  # maximum, difference, exp, sum, quotient
    LogSoftmax: 4,  # maximum, difference, exp, sum
    CrossEntropy: 5,  # of each logit: the same, and the product with the target
    LayerNorm: 7,  # sum, difference, square, sum, quotient, weight, bias
    RMSNorm: 4,  # square, sum, quotient, weight
    GELU: 5,  # quotient, erf, sum, product, half
    Sigmoid: 3,  # exp, sum, quotient
    SiLU: 4,  # a sigmoid, and the product with it
    LSTMStep: 4,  # of each gate: sum, sigmoid, and two for its part of the state
    GRUStep: 4,
    Attention: 6,  # of each score: scale, and a softmax
    Dropout: 1,
    Moves: 0,
    **dict.fromkeys((MatMul, Linear, Einsum), 0),  # a bias is left out too
    **dict.fromkeys((Checkpoint, Applied), 0),  # the ops inside are counted themselves
}
USUAL = 1  # of an op that is not in the table


def of_matmul(op: Op, shapes: Shapes, y: Shape) -> Counted:
    """Of Y = A B, and of linear maps: each of the two gradients is a product of the same three sizes.

    Args:
        op: a `MatMul` or a `Linear`.
        shapes: of its inputs; the last size of the first is summed over.
        y: the shape of its output.

    Returns:
        The operations of forward, and of the gradient of each input.
    """
    flops = 2 * math.prod(y) * shapes[0][-1]
    return flops, (flops, flops, 0)


def of_attention(op: Op, shapes: Shapes, y: Shape) -> Counted:
    """Of softmax(Q K^T) V: two products forward and four backward, which are always computed together.

    Args:
        op: an `Attention`.
        shapes: (.., T, d), (.., S, d), (.., S, e).
        y: (.., T, e).

    Returns:
        The operations of forward, and of the gradient of each input: P^T G for V, and half of the other three for Q and for K.
    """
    scores = math.prod(y[:-1]) * shapes[1][-2]
    of_scores, of_values = 2 * scores * shapes[0][-1], 2 * scores * y[-1]
    return of_scores + of_values, (of_scores + of_values, of_scores, of_values)


def of_einsum(op: Einsum, shapes: Shapes, y: Shape) -> Counted:
    """Of a sum of products, two operands at a time; the gradient of an operand is such a sum of the others.

    Args:
        op: an `Einsum`.
        shapes: of its operands.
        y: the shape of its output.

    Returns:
        The operations of forward, and of the gradient of each operand.
    """
    operands = list(zip(op.terms, shapes, strict=True))
    toward = [
        contraction([(op.out, y), *operands[:i], *operands[i + 1 :]], term) for i, term in enumerate(op.terms)
    ]
    return contraction(operands, op.out), toward


def contraction(operands: Sequence[tuple[Labels, Shape]], out: Labels) -> int:
    """The operations of a sum of products, in the order in which `Einsum` multiplies.

    Args:
        operands: labels and shape of each.
        out: the labels of the result.

    Returns:
        For two operands with labels of sizes n, k, m, of which the one of size k is summed over, 2 n k m. Where nothing is
        summed there are no additions, and it is no product here: 0.
    """
    sizes = {label: n for labels, shape in operands for label, n in zip(labels, shape, strict=True)}
    left = [set(labels) for labels, _ in operands]
    steps = path([labels for labels, _ in operands], out, [_Sized(shape) for _, shape in operands])
    flops = 0
    for places in steps:
        together = set[int]().union(*(left.pop(i) for i in sorted(places, reverse=True)))
        kept = together & set(out).union(*left)
        flops += 2 * math.prod(sizes[label] for label in together) if kept != together else 0
        left.append(kept)
    return flops


@dataclass(frozen=True)
class _Sized:
    """What the path finder reads of an array."""

    shape: Shape


PRODUCTS: dict[type[Op], Callable[[Any, Shapes, Shape], Counted]] = {
    MatMul: of_matmul,
    Linear: of_matmul,
    Einsum: of_einsum,
    Attention: of_attention,
}


@dataclass
class Flops:
    """The operations of one kind of op, or of a whole program.

    Attributes:
        calls: how often its forward ran.
        forward: products outside of a backward walk.
        backward: products inside of one, those of what gradient checkpointing computes again included.
        elementwise_forward: all other arithmetic outside of a backward walk, by the table `EACH`.
        elementwise_backward: the same inside of one.
    """

    calls: int = 0
    forward: int = 0
    backward: int = 0
    elementwise_forward: int = 0
    elementwise_backward: int = 0

    @property
    def products(self) -> int:
        """All products."""
        return self.forward + self.backward

    def add(self, products: int, elementwise: int, backward: bool) -> None:
        """Add to one of the two directions.

        Args:
            products: operations of products.
            elementwise: other operations.
            backward: whether they ran inside a backward walk.
        """
        if backward:
            self.backward += products
            self.elementwise_backward += elementwise
        else:
            self.forward += products
            self.elementwise_forward += elementwise


class FlopCounter:
    """Counts the operations of all that runs inside a `with` block. A program without one pays nothing for it.

    >>> import minitransformer as mt
    >>> from minitransformer.cost import FlopCounter
    >>> a, b = mt.ones(2, 3, requires_grad=True), mt.ones(3, 4)
    >>> with FlopCounter() as counter:
    ...     (a @ b).sum().backward()
    >>> counter.total.forward, counter.total.backward  # 2 * 2 * 3 * 4, and once again for the gradient of a
    (48, 48)

    Attributes:
        by_op: the operations of each op, by its name, in the order in which they came.
    """

    def __init__(self) -> None:
        self.by_op: dict[str, Flops] = defaultdict(Flops)

    @property
    def total(self) -> Flops:
        """The operations of all ops together."""
        rows = self.by_op.values()
        return Flops(*(sum(getattr(row, name) for row in rows) for name in Flops.__dataclass_fields__))

    def get_total_flops(self) -> int:
        """All products, under PyTorch's name.

        Returns:
            What `torch.utils.flop_counter.FlopCounterMode` would give.
        """
        return self.total.products

    def __enter__(self) -> FlopCounter:
        self._heard = setting(watchers, (*watchers.get(), self._listen))
        self._heard.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._heard.__exit__(*error)

    def _listen(self, op: Op, inputs: Sequence[Any], y: Any, cotangents: Any) -> None:
        shapes = [t.array.shape for t in inputs if isinstance(t, Tensor)]
        outs = [part.shape for part in (y if isinstance(y, tuple) else (y,)) if part is not None]
        law, each = _tabled(type(op))  # type: ignore[arg-type]  # a class can be hashed
        forward, toward = law(op, shapes, outs[0])
        each = each and each * _elements(op, shapes, outs)
        row = self.by_op[str(op)]
        if cotangents is None:
            row.calls += 1
            row.add(forward, each, after_walk.get() is not None)
        else:
            needs = [need for t, need in zip(inputs, op.needs, strict=True) if isinstance(t, Tensor)]
            row.add(sum(n for n, need in zip(toward, needs, strict=False) if need), each * sum(needs), True)


@functools.cache
def _tabled(kind: type[Op]) -> tuple[Callable[[Any, Shapes, Shape], Counted], int]:
    """What the two tables say of a class of ops, or of the nearest that it is derived from."""
    law = next((PRODUCTS[base] for base in kind.__mro__ if base in PRODUCTS), _no_product)
    return law, next((EACH[base] for base in kind.__mro__ if base in EACH), USUAL)


def _no_product(op: Op, shapes: Shapes, y: Shape) -> Counted:
    return 0, ()


def _elements(op: Op, shapes: Shapes, outs: Shapes) -> int:
    """The elements of an op's largest array; of attention, that of its scores."""
    if isinstance(op, Attention):
        return math.prod(shapes[0][:-1]) * shapes[1][-2]
    return max(map(math.prod, [*shapes, *outs]), default=0)
