"""The function whose ordinary gradient is the modified gradient of LRP: finite differences of it judge a walk.

The gradient form of a rule changes slopes. The same change, said of values: what the rule takes for a constant keeps the value it
had when the tape was made, whatever the input becomes. At the tape's own input this function has the value of the model.

| op | as a function of its inputs x, with x0 and y0 as recorded |
|---|---|
| an activation function, a power | y0 / x0 times x: the secant's slope is a constant |
| a product of two explained factors, elementwise or of matrices | (x y0 + x0 y) / 2, and so on for more factors |
| `LayerNorm`, `RMSNorm` | with the sigma of x0 |
| a / b | a over the recorded b; b / b0 of y0 where b alone is explained |
| a variance | the mean of x (x0 - mean of x0): the other factor of the square is a constant |
| what a rule holds constant: gates, divisors, attention weights of CP-LRP, `explain.constant` | as recorded |
| all others | themselves |

None of this reads a relevance law, so that both can be held against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minitransformer.autograd import Op, key, tape
from minitransformer.backends import Array, namespace
from minitransformer.explain.entered import entered
from minitransformer.explain.explanation import WalkBooks
from minitransformer.explain.rules import Composite, SignalTakesAll
from minitransformer.explain.walk import Walk
from minitransformer.ops.elementwise.arithmetic import Div, Mul
from minitransformer.ops.elementwise.powers import Pow
from minitransformer.ops.laws import Activates
from minitransformer.ops.networks.normalization import LayerNorm, RMSNorm
from minitransformer.ops.networks.recurrent import GRUStep, LSTMStep, clear_gru_step, clear_lstm_step
from minitransformer.ops.products.einsum import Einsum
from minitransformer.ops.products.linalg import MatMul
from minitransformer.ops.reduce.products import Cumprod, Prod
from minitransformer.ops.reduce.sums import Var
from minitransformer.ops.tensors.convert import Cast
from minitransformer.settings import enable_grad

Values = dict[Any, Array]  # of tensors, under what `key` gives
Arrays = Sequence[Array]
Replayed = Callable[[Any, Arrays, Arrays], Any]  # (op, recorded inputs, new inputs) -> output

# ops that stand beside a clear form, in which all that gates scale is a signal
STEPS: dict[type[Op], Callable[..., Any]] = {LSTMStep: clear_lstm_step, GRUStep: clear_gru_step}


def replay(walk: Walk, ops: Sequence[Op], values: Values) -> Values:
    """Compute the modified function of a tape for other values of its sources.

    Args:
        walk: a walk of this tape, whose plan says which inputs are explained.
        ops: the tape, newest op first.
        values: key -> new value of each source of the walk.

    Returns:
        key -> value, of all that depends on a source.
    """
    found = dict(values)
    for op in reversed(ops):
        if True in (stop := walk.stops[op]).needs:
            old = walk.values.arrays(op)
            new = [a if k is None else found[k] for k, a in zip(stop.ways, old, strict=True)]
            op.needs = stop.needs
            out = _again(walk, op, old, new)
            outs = out if op.outputs > 1 else (out,)
            found.update({(op, i): y for i, y in enumerate(outs) if (op, i) not in values})
    return found


def _again(walk: Walk, op: Op, old: Arrays, new: Arrays) -> Any:
    """The output of one op, or a tuple of them."""
    if type(op) in STEPS:
        gated = Walk(Composite({Mul: SignalTakesAll()}, walk.composite), "gradient", WalkBooks(0.0))
        return _inside(gated, STEPS[type(op)], op, old, new)
    if op.clear is not None:
        return _inside(walk.within(op), op.clear, op, old, new)
    kind = next((kind for kind in type(op).__mro__ if kind in AS), None)
    return op.forward(*new) if kind is None else AS[kind](op, old, new)


def _inside(walk: Walk, clear: Callable[..., Any], op: Op, old: Arrays, new: Arrays) -> Any:
    """An op made of others: its clear form is recorded for the old inputs, and replayed for the new ones."""
    leaves = [entered(*each) for each in zip(op.inputs, old, op.needs, strict=True)]
    with enable_grad():
        outs = clear(*leaves)
    every = outs if op.outputs > 1 else (outs,)
    ops = sorted({o for out in every for o in tape(out)}, key=lambda o: o.number, reverse=True)
    explained = [(leaf, a) for leaf, a, need in zip(leaves, new, op.needs, strict=True) if need]
    walk.plan(ops, [leaf for leaf, _ in explained])
    found = replay(walk, ops, dict(explained))
    values = tuple(found.get(key(out), out.array) for out in every)
    return values if op.outputs > 1 else values[0]


def _ratio(a: Array, b: Array) -> Array:
    """a / b, and 0 where b is 0."""
    return a / namespace(b).where(b == 0, 1, b) * (b != 0)


def _secant(op: Op, old: Arrays, new: Arrays) -> Array:
    return _ratio(op.forward(*old), old[0]) * new[0]


def _product(op: Op, old: Arrays, new: Arrays) -> Array:
    """For each explained factor the product with the others as recorded; the mean of these."""
    explained = [i for i, need in enumerate(op.needs[: len(old)]) if need]
    parts = [op.forward(*old[:i], new[i], *old[i + 1 :]) for i in explained]
    return sum(parts) / len(parts)


def _product_of_all(op: Any, old: Arrays, new: Arrays) -> Array:
    ratios = _ratio(new[0], old[0]).mean(axis=op.dim, keepdims=op.keepdim)
    return op.forward(*old) * ratios


def _running_product(op: Any, old: Arrays, new: Arrays) -> Array:
    ratios = _ratio(new[0], old[0])
    ones = namespace(ratios).ones_like(ratios)
    return op.forward(*old) * ratios.cumsum(axis=op.dim) / ones.cumsum(axis=op.dim)


def _quotient(op: Op, old: Arrays, new: Arrays) -> Array:
    if op.needs[1] and not op.needs[0]:
        return op.forward(*old) * (new[1] / old[1])
    return op.forward(*new)


def _power(op: Op, old: Arrays, new: Arrays) -> Array:
    parts = []
    if op.needs[0]:  # a power of 0 is a constant
        xp = namespace(old[0])
        parts.append(op.forward(*old) * xp.where(xp.asarray(old[1] == 0), 1, _ratio(new[0], old[0])))
    if op.needs[1]:
        parts.append(op.forward(old[0], new[1]))
    return sum(parts) / len(parts)


def _layer_norm(op: Any, old: Arrays, new: Arrays) -> Array:
    x, weight, bias = new
    centred = old[0] - old[0].mean(axis=-1, keepdims=True)
    sigma = namespace(x).sqrt((centred**2).mean(axis=-1, keepdims=True) + op.eps)
    return (x - x.mean(axis=-1, keepdims=True)) / sigma * weight + bias


def _rms_norm(op: Any, old: Arrays, new: Arrays) -> Array:
    rms = namespace(old[0]).sqrt((old[0] ** 2).mean(axis=-1, keepdims=True) + op.eps)
    return new[0] / rms * new[1]


def _variance(op: Any, old: Arrays, new: Arrays) -> Array:
    products = new[0] * (old[0] - old[0].mean(axis=op.dim, keepdims=True))
    return products.sum(axis=op.dim, keepdims=op.keepdim) / (op.count(old[0]) - op.correction)


AS: dict[type[Op], Replayed] = {
    Activates: _secant,
    Mul: _product,
    MatMul: _product,
    Einsum: _product,
    Prod: _product_of_all,
    Cumprod: _running_product,
    Div: _quotient,
    Pow: _power,
    LayerNorm: _layer_norm,
    RMSNorm: _rms_norm,
    Var: _variance,
    Cast: lambda op, old, new: new[0],  # a small step would be lost in rounding
}
