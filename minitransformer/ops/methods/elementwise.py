"""The methods that compute each element on its own: arithmetic, functions, comparisons and logic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise import (
    angles,
    arithmetic,
    bits,
    choice,
    compare,
    error_functions,
    exponentials,
    finite,
    hyperbolic,
    logarithms,
    logic,
    mixtures,
    powers,
    rounding,
    signs,
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
    fmod = rounding.fmod
    float_power = powers.float_power
    absolute = arithmetic.abs_
    negative = arithmetic.neg
    subtract = arithmetic.sub
    multiply = arithmetic.mul
    divide = true_divide = arithmetic.div
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
    fmod_ = in_place(rounding.fmod)
    absolute_ = in_place(arithmetic.abs_)
    negative_ = in_place(arithmetic.neg)
    subtract_ = in_place(arithmetic.sub)
    multiply_ = in_place(arithmetic.mul)
    divide_ = true_divide_ = in_place(arithmetic.div)

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
    asin = arcsin = trigonometry.asin
    acos = arccos = trigonometry.acos
    atan = arctan = trigonometry.atan
    sinh = hyperbolic.sinh
    cosh = hyperbolic.cosh
    tanh = activation.tanh
    sigmoid = activation.sigmoid
    relu = activation.relu
    floor = rounding.floor
    ceil = rounding.ceil
    trunc = fix = rounding.trunc
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
    fmax = choice.fmax
    fmin = choice.fmin
    logaddexp = logarithms.logaddexp
    logaddexp2 = logarithms.logaddexp2
    signbit = signs.signbit
    atan2 = arctan2 = angles.atan2
    exp2 = powers.exp2
    erfc = error_functions.erfc
    erfinv = error_functions.erfinv
    sinc = angles.sinc
    deg2rad = angles.deg2rad
    rad2deg = angles.rad2deg
    hypot = angles.hypot
    logit = logarithms.logit
    xlogy = logarithms.xlogy
    copysign = signs.copysign
    heaviside = signs.heaviside
    nan_to_num = finite.nan_to_num
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
    asin_ = arcsin_ = in_place(trigonometry.asin)
    acos_ = arccos_ = in_place(trigonometry.acos)
    atan_ = arctan_ = in_place(trigonometry.atan)
    sinh_ = in_place(hyperbolic.sinh)
    cosh_ = in_place(hyperbolic.cosh)
    tanh_ = in_place(activation.tanh)
    sigmoid_ = in_place(activation.sigmoid)
    relu_ = in_place(activation.relu)
    floor_ = in_place(rounding.floor)
    ceil_ = in_place(rounding.ceil)
    trunc_ = fix_ = in_place(rounding.trunc)
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
    atan2_ = arctan2_ = in_place(angles.atan2)
    exp2_ = in_place(powers.exp2)
    erfc_ = in_place(error_functions.erfc)
    erfinv_ = in_place(error_functions.erfinv)
    sinc_ = in_place(angles.sinc)
    deg2rad_ = in_place(angles.deg2rad)
    rad2deg_ = in_place(angles.rad2deg)
    hypot_ = in_place(angles.hypot)
    logit_ = in_place(logarithms.logit)
    xlogy_ = in_place(logarithms.xlogy)
    copysign_ = in_place(signs.copysign)
    heaviside_ = in_place(signs.heaviside)
    nan_to_num_ = in_place(finite.nan_to_num)

    # comparisons and logic
    eq = compare.eq
    ne = not_equal = compare.ne
    lt = __lt__ = less = compare.lt
    le = __le__ = less_equal = compare.le
    gt = __gt__ = greater = compare.gt
    ge = __ge__ = greater_equal = compare.ge
    __hash__ = object.__hash__  # in sets and dictionaries a tensor is itself, whatever its values
    bitwise_and = __and__ = __rand__ = compare.bitwise_and
    bitwise_or = __or__ = __ror__ = compare.bitwise_or
    bitwise_xor = __xor__ = __rxor__ = compare.bitwise_xor
    bitwise_and_ = __iand__ = in_place(compare.bitwise_and)
    bitwise_or_ = __ior__ = in_place(compare.bitwise_or)
    bitwise_xor_ = __ixor__ = in_place(compare.bitwise_xor)
    bitwise_not = __invert__ = compare.bitwise_not
    bitwise_not_ = in_place(compare.bitwise_not)
    bitwise_left_shift = __lshift__ = bits.bitwise_left_shift
    bitwise_right_shift = __rshift__ = bits.bitwise_right_shift
    bitwise_left_shift_ = __ilshift__ = in_place(bits.bitwise_left_shift)
    bitwise_right_shift_ = __irshift__ = in_place(bits.bitwise_right_shift)
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
    isposinf = finite.isposinf
    isneginf = finite.isneginf
    isfinite = compare.isfinite

    def __eq__(self: Any, other: Any) -> Tensor:  # type: ignore[override]  # Python's objects give a bool
        """`self == other`, of each element; False where `other` is neither a tensor nor a number."""
        answer: Tensor = compare.equals(self, other)
        return answer

    def __ne__(self: Any, other: Any) -> Tensor:  # type: ignore[override]  # as __eq__
        """`self != other`, of each element; True where `other` is neither a tensor nor a number."""
        answer: Tensor = compare.differs(self, other)
        return answer
