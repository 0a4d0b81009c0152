"""Which input of a product or of a quotient counts as a constant: a gate, or what a norm divides by.

Such a factor scales a signal and carries none itself, so that all relevance goes to the signal. The tape tells which one it is,
by the ops that made it; no value is looked at, so that the answer is the same for every text:

| the tape shows | constant | relevance | as in |
|---|---|---|---|
| signal * gate | the gate | all to the signal | Arras et al., WASSA 2017, section 3.1 |
| x / d(x), x * (1 / d(x)) | the divisor d | all to x | `LayerNorm`: Ali et al., ICML 2022 |
| e / sum(e) with e = exp(x) | none: a softmax written by hand | by its tangent | `Softmax`: Achtibat et al., ICML 2024 |
| gate * gate, signal * signal | none | half each | Achtibat et al., ICML 2024 |

A factor beside a constant is never held: it may be an activation that a parameter weighs. A gate is a sigmoid, or a tanh or erf to
which a number is added, as in 1 + tanh(x), or an affine function of one. A tanh by itself has both signs: it is a signal, so that
sigmoid(a) * tanh(b) goes to tanh(b), and tanh(a) * tanh(b) half to each.
"""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Live, Op, Tensor
from minitransformer.explain.entered import seen
from minitransformer.ops.elementwise.arithmetic import Add, Div, Mul, Neg, Sub
from minitransformer.ops.elementwise.exponentials import Erf, Exp
from minitransformer.ops.elementwise.powers import Pow
from minitransformer.ops.laws import Moves, is_number
from minitransformer.ops.networks.activation import Sigmoid, Tanh
from minitransformer.ops.reduce.sums import Sum


def is_constant_factor(op: Op, i: int, live: Live) -> bool:
    """Whether an input of a product or quotient only scales the other one, which is a signal.

    Args:
        op: any op; False for all but products and quotients.
        i: the number of the input.
        live: whether a tensor depends on an explained one.

    Returns:
        True or False.
    """
    if isinstance(op, Mul):
        return _scales(op.inputs[i], op.inputs[1 - i], live)
    return isinstance(op, Div) and i == 1 and _is_live(op.inputs[0], live) and not is_softmax(op)


def _scales(factor: Tensor | float, signal: Tensor | float, live: Live) -> bool:
    """Whether a factor is a gate, or one over a divisor, and the other one is neither."""
    if not _is_live(signal, live):
        return False
    if is_gate(factor) or is_gate(signal):
        return is_gate(factor) and not is_gate(signal)
    return is_reciprocal(factor, live) and not is_reciprocal(signal, live)


def is_gate(t: Tensor | float | None) -> bool:
    """Whether the tape says that a tensor is a sigmoid, a tanh or erf to which a number is added, or an affine function of one.

    That is one negated, shifted or scaled by numbers and by tensors that require no gradient, or moved: reshaped, split,
    indexed, cast.

    Args:
        t: an input of an op.

    Returns:
        True or False; False for a number.
    """
    shifted, t = False, seen(t)
    while isinstance(t, Tensor) and not isinstance(t.op, (Sigmoid, Tanh, Erf)):
        shifted = shifted or isinstance(t.op, (Add, Sub)) and any(map(is_number, t.op.inputs or ()))
        t = _affine(t.op)
    return isinstance(t, Tensor) and (shifted or isinstance(t.op, Sigmoid))


def _affine(op: Op | None) -> Tensor | None:
    """The one input of which an op gives an affine function, or None."""
    if not isinstance(op, (Add, Sub, Neg, Mul, Div, Moves)):
        return None
    recorded = [t for t in op.inputs or () if isinstance(t, Tensor) and t.requires_grad]
    if len(recorded) != 1 or isinstance(op, Div) and recorded[0] is not op.inputs[0]:
        return None
    return seen(recorded[0])


def is_reciprocal(t: Tensor | float | None, live: Live) -> bool:
    """Whether the tape says that a tensor is one over a live one, or a negative power of it, perhaps scaled or moved.

    Args:
        t: an input of an op.
        live: whether a tensor depends on an explained one.

    Returns:
        True or False; False for a number.
    """
    t = seen(t)
    while isinstance(t, Tensor) and live(t) and isinstance(t.op, (Mul, Div, Pow, Moves)):
        if _inverts(t.op, live):
            return True
        first, *others = [x for x in t.op.inputs if _is_live(x, live)]
        if others or isinstance(t.op, Pow):
            return False
        t = seen(first)
    return False


def _inverts(op: Op, live: Live) -> bool:
    """Whether an op gives one over its live input: by a quotient of a constant, or a power with a negative number."""
    if isinstance(op, Div):
        return not _is_live(op.inputs[0], live)
    return isinstance(op, Pow) and is_number(op.inputs[1]) and op.inputs[1] < 0


def is_softmax(op: Op) -> bool:
    """Whether the tape says that a quotient is a softmax written by hand: exponentials over their sum.

    Between the two may lie masks, and between sum and quotient a number that is added, or moves such as `expand`.

    Args:
        op: a quotient.

    Returns:
        True or False.
    """
    above, below = map(seen, op.inputs)
    while isinstance(below, Tensor) and not isinstance(below.op, Sum):
        below = _affine(below.op)
    summed = seen(below.op.inputs[0]) if isinstance(below, Tensor) and below.op else None
    return summed is not None and _is_exponential(above) and _same(summed, above)


def _is_exponential(t: Tensor | float | None) -> bool:
    """Whether a tensor is an exponential, perhaps masked."""
    while isinstance(t, Tensor) and isinstance(t.op, (Mul, Moves)):
        t = _affine(t.op)
    return isinstance(t, Tensor) and isinstance(t.op, Exp)


def _same(a: Any, b: Any) -> bool:
    """Whether two tensors are one result, or exponentials of one."""
    if a.op is not b.op and isinstance(a.op, Exp) and isinstance(b.op, Exp):
        a, b = seen(a.op.inputs[0]), seen(b.op.inputs[0])
    return a is b or a.op is not None and (a.op, a.index) == (b.op, b.index)


def _is_live(t: Tensor | float | None, live: Live) -> bool:
    return isinstance(t, Tensor) and live(t)
