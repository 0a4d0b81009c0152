"""The methods that compute each element on its own: arithmetic, functions, comparisons and logic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise import (
    arithmetic,
    choice,
    compare,
    exponentials,
    hyperbolic,
    logic,
    mixtures,
    powers,
    rounding,
    trigonometry,
)
from minitransformer.ops.networks import activation
from minitransformer.ops.operands import Operand
from minitransformer.ops.tensors.inplace import in_place


def reflected(function: Callable[[Any, Any], Tensor]) -> Callable[[Tensor, Operand], Tensor]:
    """The method for `number - tensor` and the like.

    Args:
        function: a function of two operands.

    Returns:
        The function with its operands exchanged.
    """

    def exchanged(input: Tensor, other: Operand) -> Tensor:
        return function(other, input)

    return exchanged


class Elementwise:
    """Arithmetic, functions of each element, comparisons and logic."""

    # arithmetic
    add = __add__ = __radd__ = arithmetic.add
    sub = __sub__ = arithmetic.sub
    mul = __mul__ = __rmul__ = arithmetic.mul
    div = __truediv__ = arithmetic.div
    neg = __neg__ = arithmetic.neg
    pow = __pow__ = powers.pow
    floor_divide = __floordiv__ = rounding.floor_divide
    remainder = __mod__ = rounding.remainder
    __rsub__ = reflected(arithmetic.sub)
    __rtruediv__ = reflected(arithmetic.div)
    __rpow__ = reflected(powers.pow)
    __rfloordiv__ = reflected(rounding.floor_divide)
    __rmod__ = reflected(rounding.remainder)
    add_ = __iadd__ = in_place(arithmetic.add)
    sub_ = __isub__ = in_place(arithmetic.sub)
    mul_ = __imul__ = in_place(arithmetic.mul)
    div_ = __itruediv__ = in_place(arithmetic.div)
    neg_ = in_place(arithmetic.neg)
    pow_ = __ipow__ = in_place(powers.pow)
    floor_divide_ = __ifloordiv__ = in_place(rounding.floor_divide)
    remainder_ = __imod__ = in_place(rounding.remainder)

    # functions of each element
    abs = __abs__ = arithmetic.abs_
    exp = exponentials.exp
    expm1 = exponentials.expm1
    log = exponentials.log
    log2 = exponentials.log2
    log10 = exponentials.log10
    log1p = exponentials.log1p
    erf = exponentials.erf
    square = powers.square
    sqrt = powers.sqrt
    rsqrt = powers.rsqrt
    sin = trigonometry.sin
    cos = trigonometry.cos
    tan = trigonometry.tan
    asin = trigonometry.asin
    acos = trigonometry.acos
    atan = trigonometry.atan
    sinh = hyperbolic.sinh
    cosh = hyperbolic.cosh
    tanh = activation.tanh
    sigmoid = activation.sigmoid
    relu = activation.relu
    floor = rounding.floor
    ceil = rounding.ceil
    trunc = rounding.trunc
    round = rounding.round
    sign = rounding.sign
    frac = rounding.frac
    reciprocal = mixtures.reciprocal
    lerp = mixtures.lerp
    addcmul = mixtures.addcmul
    addcdiv = mixtures.addcdiv
    clip = clamp = choice.clip
    clamp_min = choice.clamp_min
    clamp_max = choice.clamp_max
    maximum = choice.maximum
    minimum = choice.minimum
    abs_ = in_place(arithmetic.abs_)
    exp_ = in_place(exponentials.exp)
    expm1_ = in_place(exponentials.expm1)
    log_ = in_place(exponentials.log)
    log2_ = in_place(exponentials.log2)
    log10_ = in_place(exponentials.log10)
    log1p_ = in_place(exponentials.log1p)
    erf_ = in_place(exponentials.erf)
    square_ = in_place(powers.square)
    sqrt_ = in_place(powers.sqrt)
    rsqrt_ = in_place(powers.rsqrt)
    sin_ = in_place(trigonometry.sin)
    cos_ = in_place(trigonometry.cos)
    tan_ = in_place(trigonometry.tan)
    asin_ = in_place(trigonometry.asin)
    acos_ = in_place(trigonometry.acos)
    atan_ = in_place(trigonometry.atan)
    sinh_ = in_place(hyperbolic.sinh)
    cosh_ = in_place(hyperbolic.cosh)
    tanh_ = in_place(activation.tanh)
    sigmoid_ = in_place(activation.sigmoid)
    relu_ = in_place(activation.relu)
    floor_ = in_place(rounding.floor)
    ceil_ = in_place(rounding.ceil)
    trunc_ = in_place(rounding.trunc)
    round_ = in_place(rounding.round)
    sign_ = in_place(rounding.sign)
    frac_ = in_place(rounding.frac)
    reciprocal_ = in_place(mixtures.reciprocal)
    lerp_ = in_place(mixtures.lerp)
    addcmul_ = in_place(mixtures.addcmul)
    addcdiv_ = in_place(mixtures.addcdiv)
    clip_ = clamp_ = in_place(choice.clip)
    clamp_min_ = in_place(choice.clamp_min)
    clamp_max_ = in_place(choice.clamp_max)

    # comparisons and logic
    eq = compare.eq
    ne = compare.ne
    lt = __lt__ = compare.lt
    le = __le__ = compare.le
    gt = __gt__ = compare.gt
    ge = __ge__ = compare.ge
    __hash__ = object.__hash__  # in sets and dictionaries a tensor is itself, whatever its values
    __and__ = __rand__ = compare.bitwise_and
    __or__ = __ror__ = compare.bitwise_or
    __xor__ = __rxor__ = compare.bitwise_xor
    __iand__ = in_place(compare.bitwise_and)
    __ior__ = in_place(compare.bitwise_or)
    __ixor__ = in_place(compare.bitwise_xor)
    __invert__ = compare.bitwise_not
    logical_not = compare.logical_not
    logical_and = logic.logical_and
    logical_or = logic.logical_or
    logical_xor = logic.logical_xor
    isclose = logic.isclose
    allclose = compare.allclose
    equal = compare.equal
    all = compare.all_
    any = compare.any_
    isnan = compare.isnan
    isinf = compare.isinf
    isfinite = compare.isfinite

    def __eq__(self: Any, other: Any) -> Tensor:  # type: ignore[override]  # Python's objects give a bool
        """`self == other`, of each element; False where `other` is neither a tensor nor a number."""
        answer: Tensor = compare.equals(self, other)
        return answer

    def __ne__(self: Any, other: Any) -> Tensor:  # type: ignore[override]  # as __eq__
        """`self != other`, of each element; True where `other` is neither a tensor nor a number."""
        answer: Tensor = compare.differs(self, other)
        return answer
