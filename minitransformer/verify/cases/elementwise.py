"""Arithmetic and other functions of each element, their dtype and device."""

from __future__ import annotations

from minitransformer.backends import float64
from minitransformer.ops.tensors.convert import Cast, ToDevice
from minitransformer.verify.case import OpCase
from minitransformer.verify.cases.masks import BLOCKED
from minitransformer.verify.inputs import normal, positive, uniform

ELEMENTWISE = [
    OpCase("add", lambda lib, a, b: a + b, [normal(2, 3, 4), normal(3, 1)]),
    OpCase("sub", lambda lib, a, b: a - b, [normal(3, 1), normal(2, 3, 4)]),
    OpCase("sub, from a number", lambda lib, x: 2 - x, [normal(3, 4)]),
    OpCase("mul", lambda lib, a, b: a * b, [normal(2, 3, 4), normal(4)]),
    OpCase("mul, by itself", lambda lib, x: x * x, [normal(3, 4)]),
    OpCase("div", lambda lib, a, b: a / b, [normal(2, 3, 4), positive(3, 1)]),
    OpCase("div, of a number", lambda lib, x: 1 / x, [positive(3, 4)]),
    OpCase("neg", lambda lib, x: -x, [normal(3, 4)]),
    OpCase("pow", lambda lib, a, b: a**b, [positive(3, 4), normal(4)]),
    OpCase("pow, to a number", lambda lib, x: x**3, [normal(3, 4)]),
    OpCase("exp", lambda lib, x: lib.exp(x), [normal(3, 4)]),
    OpCase("log", lambda lib, x: lib.log(x), [positive(3, 4)]),
    OpCase("log2", lambda lib, x: lib.log2(x), [positive(3, 4)]),
    OpCase("log10", lambda lib, x: lib.log10(x), [positive(3, 4)]),
    OpCase("log1p", lambda lib, x: lib.log1p(x), [positive(3, 4)]),
    OpCase("expm1", lambda lib, x: lib.expm1(x), [normal(3, 4)]),
    OpCase("erf", lambda lib, x: lib.erf(x), [normal(3, 4)]),
    OpCase("square", lambda lib, x: lib.square(x), [normal(3, 4)]),
    OpCase("rsqrt", lambda lib, x: lib.rsqrt(x), [positive(3, 4)]),
    OpCase("sqrt", lambda lib, x: lib.sqrt(x), [positive(3, 4)]),
    OpCase("sin", lambda lib, x: lib.sin(x), [normal(3, 4)]),
    OpCase("cos", lambda lib, x: lib.cos(x), [normal(3, 4)]),
    OpCase("tan", lambda lib, x: lib.tan(x), [uniform(-1, 1, 3, 4)]),
    OpCase("asin", lambda lib, x: lib.asin(x), [uniform(-0.9, 0.9, 3, 4)]),
    OpCase("acos", lambda lib, x: lib.acos(x), [uniform(-0.9, 0.9, 3, 4)]),
    OpCase("atan", lambda lib, x: lib.atan(x), [normal(3, 4)]),
    OpCase("sinh", lambda lib, x: lib.sinh(x), [normal(3, 4)]),
    OpCase("cosh", lambda lib, x: lib.cosh(x), [normal(3, 4)]),
    OpCase("reciprocal", lambda lib, x: lib.reciprocal(x), [positive(3, 4)]),
    OpCase("sign", lambda lib, x: lib.sign(x), [normal(3, 4)]),
    OpCase("frac", lambda lib, x: lib.frac(x), [normal(3, 4)]),
    OpCase("clamp_min", lambda lib, x: lib.clamp_min(x, -0.5), [normal(3, 4)]),
    OpCase("clamp_max", lambda lib, x: lib.clamp_max(x, 0.5), [normal(3, 4)]),
    OpCase("lerp", lambda lib, a, b: lib.lerp(a, b, 0.3), [normal(3, 4), normal(4)]),
    OpCase("lerp, by tensors", lambda lib, *t: lib.lerp(*t), [normal(3, 4), normal(4), uniform(0, 1, 3, 1)]),
    OpCase(
        "addcmul",
        lambda lib, *t: lib.addcmul(*t, value=0.5),
        [normal(3, 4), normal(4), normal(3, 1)],
    ),
    OpCase(
        "addcdiv",
        lambda lib, *t: lib.addcdiv(*t, value=0.5),
        [normal(3, 4), normal(4), positive(3, 1)],
    ),
    OpCase("abs", lambda lib, x: lib.abs(x), [normal(3, 4)]),
    OpCase("maximum", lambda lib, a, b: lib.maximum(a, b), [normal(3, 4), normal(4)]),
    OpCase("minimum", lambda lib, a, b: lib.minimum(a, b), [normal(3, 4), normal(4)]),
    OpCase("where", lambda lib, a, b, c: lib.where(c, a, b), [normal(3, 4), normal(4), BLOCKED]),
    OpCase("clip", lambda lib, x: lib.clip(x, -0.5, 0.7), [normal(3, 4)]),
    OpCase(
        "clip, between tensors",
        lambda lib, a, b, c: lib.clip(a, b, c),
        [normal(3, 4), normal(4), positive(3, 1)],
    ),
    OpCase(
        "div, rounded", lambda lib, a, b: lib.div(a, b, rounding_mode="trunc"), [normal(3, 4), positive(4)]
    ),
    OpCase(
        "floor_divide",
        lambda lib, a, b: lib.floor_divide(a, b),
        [normal(3, 4), positive(4)],
        # torch.floor_divide has no gradient
        theirs=lambda torch, a, b: torch.div(a, b, rounding_mode="floor"),
    ),
    OpCase("remainder", lambda lib, a, b: lib.remainder(a, b), [normal(3, 4), positive(4)]),
    OpCase("floor", lambda lib, x: lib.floor(x), [normal(3, 4)]),
    OpCase("ceil", lambda lib, x: lib.ceil(x), [normal(3, 4)]),
    OpCase("trunc", lambda lib, x: lib.trunc(x), [normal(3, 4)]),
    OpCase("round", lambda lib, x: lib.round(x), [normal(3, 4)]),
    OpCase("clone", lambda lib, x: lib.clone(x), [normal(3, 4)]),
    OpCase("to, another dtype", lambda lib, x: Cast(float64)(x), [normal(3, 4)], lambda torch, x: x.double()),
    OpCase("to, another device", lambda lib, x: ToDevice("cpu")(x), [normal(3, 4)], lambda torch, x: x.cpu()),
]
