"""Arithmetic and elementary functions, elementwise with broadcasting."""

from __future__ import annotations

import numpy

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import bool_, float32, namespace
from minitransformer.ops.convert import cast, common_dtype
from minitransformer.ops.creation import tensor
from minitransformer.ops.inplace import in_place
from minitransformer.ops.laws import Moves, Sums, is_number, register, unbroadcast


class Add(Sums):
    """y = a + b."""

    saves = "nothing"

    def forward(self, a, b):  # [..], [..] -> [..]
        return a + b

    def vjp(self, g, a, b):  # dL/da = g, dL/db = g
        return unbroadcast(g, a), unbroadcast(g, b)


class Sub(Sums):
    """y = a - b."""

    saves = "nothing"

    def forward(self, a, b):
        return a - b

    def vjp(self, g, a, b):  # dL/da = g, dL/db = -g
        return unbroadcast(g, a), -unbroadcast(g, b)


class Neg(Sums):
    """y = -x."""

    saves = "nothing"

    def forward(self, x):
        return -x

    def vjp(self, g, x):
        return (-g,)


class Mul(Op):
    """y = a b."""

    saves = "others"

    def forward(self, a, b):  # [..], [..] -> [..]
        return a * b

    def vjp(self, g, a, b):  # dL/da = g b, dL/db = g a
        return unbroadcast(g * b, a) if self.needs[0] else None, unbroadcast(g * a, b) if self.needs[1] else None

    def relprop(self, r, rule, a, b):  # the product is nobody's alone: half each, or all to the only one explained
        r = r / 2 if all(self.needs) else r
        return unbroadcast(r, a) if self.needs[0] else None, unbroadcast(r, b) if self.needs[1] else None

    def modified(self, g, rule, a, b):
        return self.vjp(g / 2 if all(self.needs) else g, a, b)


class Div(Op):
    """y = a / b."""

    def reads(self):
        return [self.needs[1], True]

    def forward(self, a, b):
        return a / b

    def vjp(self, g, a, b):  # dL/da = g / b, dL/db = -g a / b^2
        da = unbroadcast(g / b, a) if self.needs[0] else None
        return da, unbroadcast(-g * a / (b * b), b) if self.needs[1] else None

    def relprop(self, r, rule, a, b):
        rule.refuse(self, "a divisor that depends on the explained input has no rule; detach it", when=self.needs[1])
        return unbroadcast(r, a), None

    def modified(self, g, rule, a, b):
        rule.refuse(self, "a divisor that depends on the explained input has no rule; detach it", when=self.needs[1])
        return self.vjp(g, a, b)


class Pow(Op):
    """y = a ** b."""

    def forward(self, a, b):
        return a**b

    def vjp(self, g, a, b):  # dL/da = g b a^(b-1), dL/db = g a^b ln a
        da = unbroadcast(g * b * a ** (b - (b != 0)), a) if self.needs[0] else None
        return da, unbroadcast(g * a**b * _log_or_zero(a, g), b) if self.needs[1] else None


def _log_or_zero(a, g):
    """ln a, and 0 where a = 0: there a^b does not change with b > 0."""
    xp = namespace(g)
    a = xp.asarray(a, dtype=g.dtype)
    return xp.where(a == 0, 0, xp.log(xp.where(a == 0, 1, a)))


class Exp(Op):
    """y = e^x."""

    saves = "output"

    def forward(self, x):
        return namespace(x).exp(x)

    def vjp(self, g, x):  # dy/dx = y
        return (g * self.y,)


class Log(Op):
    """y = ln x."""

    def forward(self, x):
        return namespace(x).log(x)

    def vjp(self, g, x):  # dy/dx = 1 / x
        return (g / x,)


class Sqrt(Op):
    """y = sqrt(x)."""

    saves = "output"

    def forward(self, x):
        return namespace(x).sqrt(x)

    def vjp(self, g, x):  # dy/dx = 1 / (2 y)
        return (g / (2 * self.y),)


class Sin(Op):
    """y = sin x."""

    def forward(self, x):
        return namespace(x).sin(x)

    def vjp(self, g, x):
        return (g * namespace(x).cos(x),)


class Cos(Op):
    """y = cos x."""

    def forward(self, x):
        return namespace(x).cos(x)

    def vjp(self, g, x):
        return (-g * namespace(x).sin(x),)


class Abs(Op):
    """y = |x|; the slope at 0 is taken as 0."""

    def forward(self, x):
        return abs(x)

    def vjp(self, g, x):
        return (g * namespace(x).sign(x),)


class Maximum(Moves):
    """y = max(a, b); where they are equal, each gets half the gradient, as in PyTorch."""

    def forward(self, a, b):
        return namespace(a).maximum(a, b)

    def _wins(self, a, b):
        return (a > b) + (a == b) * 0.5

    def vjp(self, g, a, b):
        win = self._wins(a, b).astype(g.dtype)  # 1 where a is the output, 0 where b is, 1/2 where both are
        return unbroadcast(g * win, a), unbroadcast(g * (1 - win), b)


class Minimum(Maximum):
    """y = min(a, b)."""

    def forward(self, a, b):
        return namespace(a).minimum(a, b)

    def _wins(self, a, b):
        return super()._wins(b, a)


class Where(Moves):
    """y = a where the condition holds, else b."""

    def reads(self):
        return [True, False, False]

    def forward(self, condition, a, b):
        return namespace(condition).where(condition, a, b)

    def vjp(self, g, condition, a, b):
        xp = namespace(g)
        return None, unbroadcast(xp.where(condition, g, 0), a), unbroadcast(xp.where(condition, 0, g), b)


class Clip(Op):
    """y = x, held between two numbers, either of which may be None; no gradient flows where it is held."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def forward(self, x):
        return namespace(x).clip(x, self.low, self.high)

    def vjp(self, g, x):
        inside = True if self.low is None else x >= self.low
        inside = inside if self.high is None else inside & (x <= self.high)
        return (g * inside,)


def operands(a, b) -> tuple:
    """Two inputs of an op with one dtype, by PyTorch's rules: a number or a 0-d tensor does not widen a tensor of its kind."""
    a, b = _operand(a), _operand(b)
    if is_number(b):
        return _beside_number(a, b), b
    if is_number(a):
        return a, _beside_number(b, a)
    if a.array.dtype == b.array.dtype:
        return a, b
    dtype = common_dtype(a, b)
    return cast(a, dtype), cast(b, dtype)


def _operand(x):
    """A tensor, or a Python number: NumPy's own float64 is a Python float by type, but widens float32 arrays."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, numpy.generic):
        return x.item()
    if is_number(x):
        return x
    if (t := Tensor(numpy.asarray(x))).dtype.kind not in "biuf":
        raise TypeError(f"expected a tensor or numbers, got {type(x).__name__} {x!r}")
    return t


def _beside_number(t: Tensor, number) -> Tensor:
    if isinstance(number, float) and t.dtype.kind != "f":
        return cast(t, float32)
    return t


def real(x: Tensor) -> Tensor:
    """The input of a function with real values: integers become float32, as in PyTorch."""
    return x if x.dtype.kind == "f" else cast(x, float32)


@register("add", "__add__", "__radd__")
@in_place("add_", "__iadd__")
def add(input, other, *, alpha=1) -> Tensor:
    """input + alpha * other. Shapes broadcast."""
    return Add()(*operands(input, other if alpha == 1 else mul(other, alpha)))


@register("sub", "__sub__")
@in_place("sub_", "__isub__")
def sub(input, other, *, alpha=1) -> Tensor:
    """input - alpha * other. Shapes broadcast."""
    return Sub()(*operands(input, other if alpha == 1 else mul(other, alpha)))


@register("__rsub__")
def _reflected_sub(input, other) -> Tensor:
    return sub(other, input)


@register("mul", "__mul__", "__rmul__")
@in_place("mul_", "__imul__")
def mul(input, other) -> Tensor:
    """input * other. Shapes broadcast."""
    return Mul()(*operands(input, other))


@register("div", "__truediv__")
@in_place("div_", "__itruediv__")
def div(input, other) -> Tensor:
    """input / other, of integers too. Shapes broadcast."""
    a, b = operands(input, other)
    return Div()(a if is_number(a) else real(a), b if is_number(b) else real(b))


@register("__rtruediv__")
def _reflected_div(input, other) -> Tensor:
    return div(other, input)


@register("neg", "__neg__")
@in_place()
def neg(input: Tensor) -> Tensor:
    """-input."""
    return Neg()(input)


@register("pow", "__pow__")
@in_place("pow_", "__ipow__")
def pow(input, exponent) -> Tensor:
    """input ** exponent. Shapes broadcast."""
    return Pow()(*operands(input, exponent))


@register("__rpow__")
def _reflected_pow(input, base) -> Tensor:
    return pow(base, input)


@register()
@in_place()
def exp(input: Tensor) -> Tensor:
    """e ** input."""
    return Exp()(real(input))


@register()
@in_place()
def log(input: Tensor) -> Tensor:
    """The natural logarithm."""
    return Log()(real(input))


@register()
@in_place()
def sqrt(input: Tensor) -> Tensor:
    """The square root."""
    return Sqrt()(real(input))


@register()
@in_place()
def sin(input: Tensor) -> Tensor:
    """The sine of angles in radians."""
    return Sin()(real(input))


@register()
@in_place()
def cos(input: Tensor) -> Tensor:
    """The cosine of angles in radians."""
    return Cos()(real(input))


@register("abs", "__abs__")
@in_place()
def abs_(input: Tensor) -> Tensor:
    """The absolute value."""
    return Abs()(input)


@register()
def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two, elementwise. Shapes broadcast."""
    return Maximum()(*operands(input, other))


@register()
def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two, elementwise. Shapes broadcast."""
    return Minimum()(*operands(input, other))


def where(condition: Tensor, input, other) -> Tensor:
    """`input` where the boolean `condition` holds, else `other`. Shapes broadcast."""
    if condition.dtype != bool_:
        raise TypeError(f"where: expected a bool condition, got {condition.dtype}; compare first, e.g. x != 0")
    if is_number(input) and is_number(other):
        input = tensor(input, device=condition.device)
    return Where()(condition, *operands(input, other))


@register("clip", "clamp")
@in_place("clip_", "clamp_")
def clip(input: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """`input` held between `min` and `max`. Raises ValueError if both are None."""
    if min is None and max is None:
        raise ValueError("clip: at least one of min and max must be given")
    bounds = [x if x is None else _operand(x) for x in (min, max)]
    return Clip(*bounds)(real(input) if float in map(type, bounds) else input)
