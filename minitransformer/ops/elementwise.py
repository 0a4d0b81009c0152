"""Arithmetic and elementary functions, elementwise with broadcasting."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from minitransformer import kernels
from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, DType, bool_, namespace
from minitransformer.ops.books import Books
from minitransformer.ops.convert import cast, common_dtype
from minitransformer.ops.creation import tensor
from minitransformer.ops.laws import Activates, Moves, Sums, Tangent, is_number, unbroadcast
from minitransformer.ops.operands import Operand, operand, operands, real
from minitransformer.ops.rounding import Quotient


class Add(Sums):
    """y = a + b, elementwise with broadcasting. Each term gets its share of the sum, R_a = a R / S(a + b)."""

    reads = "shapes"

    def forward(self, a: Array, b: Array) -> Array:  # [..], [..] -> [..]
        return a + b

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dL/da = g, dL/db = g
        return unbroadcast(g, a), unbroadcast(g, b)


class Sub(Sums):
    """y = a - b, elementwise with broadcasting. Each term gets its share of the sum, R_b = -b R / S(a - b)."""

    reads = "shapes"

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dL/da = g, dL/db = -g
        return unbroadcast(g, a), -unbroadcast(g, b)


class Neg(Sums):
    """y = -x. Relevance: R_x = R."""

    reads = "shapes"

    def forward(self, x: Array) -> Array:
        return -x

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (-g,)


class Mul(Op):
    """y = a b, elementwise with broadcasting.

    Neither factor explains the product alone: each gets half of the relevance, or one gets all if the other is a constant.
    By the rule `explain.SignalTakesAll` a factor that is a gate gets none. All laws by hand:

    >>> import numpy as np
    >>> from minitransformer.ops.books import Books
    >>> op, a, b = Mul(), np.array([2.0, 3.0]), np.array([5.0, -1.0])
    >>> op.forward(a, b)
    array([10., -3.])
    >>> op.vjp(np.ones(2), a, b)
    (array([ 5., -1.]), array([2., 3.]))
    >>> op.relprop(np.array([10.0, -3.0]), Books(), a, b)
    (array([ 5. , -1.5]), array([ 5. , -1.5]))
    >>> op.modified(np.ones(2), Books(), a, b)  # times a and b: the same
    (array([ 2.5, -0.5]), array([1. , 1.5]))
    """

    reads = "others"

    def forward(self, a: Array, b: Array) -> Array:  # [..], [..] -> [..]
        return a * b

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dL/da = g b, dL/db = g a
        da = unbroadcast(g * b, a) if self.needs[0] else None
        return da, unbroadcast(g * a, b) if self.needs[1] else None

    # half each, or all to the only one explained
    def relprop(self, r: Array, books: Books, a: Array, b: Array) -> Arrays:
        r = r / 2 if all(self.needs) else r
        return unbroadcast(r, a) if self.needs[0] else None, unbroadcast(r, b) if self.needs[1] else None

    def modified(self, g: Array, books: Books, a: Array, b: Array) -> Arrays:
        return self.vjp(g / 2 if all(self.needs) else g, a, b)


class Div(Op):
    """y = a / b, elementwise with broadcasting.

    Relevance as for a product of a and 1 / b: half each, or all to one if the other is a constant.
    """

    reads = ((1,), (0, 1))

    def forward(self, a: Array, b: Array) -> Array:
        return a / b

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dL/da = g / b, dL/db = -g a / b^2
        da = unbroadcast(g / b, a) if self.needs[0] else None
        return da, unbroadcast(-g * (a / b / b), b) if self.needs[1] else None

    # a product with 1 / b, which keeps its relevance: half each, or all to the only one explained
    def relprop(self, r: Array, books: Books, a: Array, b: Array) -> Arrays:
        r = r / 2 if all(self.needs) else r
        return unbroadcast(r, a) if self.needs[0] else None, unbroadcast(r, b) if self.needs[1] else None

    # the slope of 1 / b becomes (1 / b) / b
    def modified(self, g: Array, books: Books, a: Array, b: Array) -> Arrays:
        da, db = self.vjp(g / 2 if all(self.needs) else g, a, b)
        return da, None if db is None else -db


class Pow(Op):
    """y = a ** b, elementwise with broadcasting.

    Relevance: half each, or all to one if the other is a constant. The base keeps it. The exponent gets it by the tangent of
    a^b in b: b ln a for each unit of y, and the constant part 1 - b ln a is absorbed.
    """

    def forward(self, a: Array, b: Array) -> Array:
        return a**b

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dL/da = g b a^(b-1), dL/db = g a^b ln a
        da = unbroadcast(g * (b * a ** (b - (b != 0))), a) if self.needs[0] else None
        db = unbroadcast(g * _slope_of_exponent(a, b, namespace(g), g.dtype), b) if self.needs[1] else None
        return da, db

    # half each, or all to the only one explained: the base keeps it, the exponent has a tangent
    def relprop(self, r: Array, books: Books, a: Array, b: Array) -> Arrays:
        to_a, to_b = self._shares(r, books, a, b)
        db = unbroadcast(to_b * (b * _ln(a, namespace(r), r.dtype)), b) if self.needs[1] else None
        return unbroadcast(to_a, a) if self.needs[0] else None, db

    # the base's slope becomes y / a
    def modified(self, g: Array, books: Books, a: Array, b: Array) -> Arrays:
        to_a, to_b = self._shares(g * a**b, books, a, b)
        db = unbroadcast(to_b * _ln(a, namespace(g), g.dtype), b) if self.needs[1] else None
        return unbroadcast(to_a / (a + (a == 0)), a) if self.needs[0] else None, db

    def _shares(self, r: Array, books: Books, a: Array, b: Array) -> Arrays:
        """Relevance for a, and for b times its slope. What is constant is absorbed: a^0, and (1 - b ln a) of the tangent in b."""
        r = r / 2 if all(self.needs) else r
        if self.needs[0]:
            books.absorb("tangent", r * (b == 0))
        if self.needs[1]:
            books.absorb("tangent", r * (1 - b * _ln(a, namespace(r), r.dtype)))
        return r * (b != 0), r


def _ln(a: Array, xp: ModuleType, dtype: DType) -> Array:
    """ln a, and 0 where a = 0: there a^b is 0, or 1 with b = 0."""
    a = xp.asarray(a, dtype=dtype)
    return xp.log(xp.where(a == 0, 1, a))


def _slope_of_exponent(a: Array, b: Array, xp: ModuleType, dtype: DType) -> Array:
    """a^b ln a, and 0 where a = 0 and b >= 0: there a^b does not change."""
    a = xp.asarray(a, dtype=dtype)
    still = (a == 0) & (b >= 0)
    sure = xp.where(still, 1, a)
    return xp.where(still, 0, sure**b * xp.log(sure))


class Exp(Tangent):
    """y = e^x. Relevance by the tangent, R_x = x R; the rest, (1 - x) R, is absorbed."""

    reads = "output"

    def forward(self, x: Array) -> Array:
        return namespace(x).exp(x)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dy/dx = y
        return (g * y,)


class Log(Tangent):
    """y = ln x, or its logarithm to another base. Relevance by the tangent.

    Args:
        base: e, 2 or 10.
    """

    def __init__(self, base: float = math.e):
        self.base = base

    def forward(self, x: Array) -> Array:
        return getattr(namespace(x), {math.e: "log", 2: "log2", 10: "log10"}[self.base])(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = 1 / (x ln base)
        return (g / (x * math.log(self.base)),)


class Log1p(Activates):
    """y = ln(1 + x), with all digits where x is small. Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return namespace(x).log1p(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = 1 / (1 + x)
        return (g / (x + 1),)


class Expm1(Activates):
    """y = e^x - 1, with all digits where x is small. Relevance: R_x = R."""

    reads = "output"

    def forward(self, x: Array) -> Array:
        return namespace(x).expm1(x)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dy/dx = y + 1
        return (g * (y + 1),)


class Erf(Activates):
    """y = 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x. Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return kernels.of(x).erf(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = 2 / sqrt(pi) e^(-x^2)
        return (g * (2 / math.sqrt(math.pi) * namespace(x).exp(-x * x)),)


class Sqrt(Activates):
    """y = sqrt(x). Relevance: R_x = R."""

    reads = "output"

    def forward(self, x: Array) -> Array:
        return namespace(x).sqrt(x)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dy/dx = 1 / (2 y)
        return (g / (2 * y),)


class Sin(Activates):
    """y = sin x, x in radians. Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return namespace(x).sin(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = cos x
        return (g * namespace(x).cos(x),)


class Cos(Tangent):
    """y = cos x, x in radians. Relevance by the tangent."""

    def forward(self, x: Array) -> Array:
        return namespace(x).cos(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = -sin x
        return (-g * namespace(x).sin(x),)


class Abs(Activates):
    """y = |x|; the slope at 0 is taken as 0. Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return abs(x)

    def vjp(self, g: Array, x: Array) -> Arrays:
        xp = namespace(x)
        return (xp.where(x > 0, g, xp.where(x < 0, -g, 0)),)


class Maximum(Moves):
    """y = max(a, b), elementwise with broadcasting. Relevance goes where the gradient goes.

    Where a and b are equal, each gets half of the gradient; where one is NaN, it gets all of it, as in PyTorch.
    """

    def forward(self, a: Array, b: Array) -> Array:
        return namespace(a).maximum(a, b)

    def _lost(self, a: Array, b: Array) -> Array:
        return a < b

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:
        half = (a == b) * 0.5
        shares = [(1 - self._lost(x, other) - half).astype(g.dtype) for x, other in ((a, b), (b, a))]
        return unbroadcast(g * shares[0], a), unbroadcast(g * shares[1], b)


class Minimum(Maximum):
    """y = min(a, b): see `Maximum`."""

    def forward(self, a: Array, b: Array) -> Array:
        return namespace(a).minimum(a, b)

    def _lost(self, a: Array, b: Array) -> Array:
        return a > b


class Where(Moves):
    """y = a where the condition holds, else b; relevance goes to the one that y is."""

    reads = ((), (0,), (0,))

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        return namespace(condition).where(condition, a, b)

    def vjp(self, g: Array, condition: Array, a: Array, b: Array) -> Arrays:
        xp = namespace(g)
        return None, unbroadcast(xp.where(condition, g, 0), a), unbroadcast(xp.where(condition, 0, g), b)


class Clip(Moves):
    """y = x within two bounds: numbers, tensors, or None for no bound.

    Gradient and relevance go to the one that y is: x or a bound.
    """

    def forward(self, x: Array, low: Array, high: Array) -> Array:
        return namespace(x).clip(x, low, high)

    def vjp(self, g: Array, x: Array, low: Array, high: Array) -> Arrays:
        shares = self._chosen(namespace(g), x, low, high)
        return tuple(
            None if t is None else unbroadcast(g * s, t) for s, t in zip(shares, (x, low, high), strict=True)
        )

    def _chosen(self, xp: ModuleType, x: Array, low: Array, high: Array) -> Arrays:
        """Where y is x, the lower bound, the upper bound."""
        below = False if low is None else x < low
        above = False if high is None else x > high
        inside = (x == x) & ~xp.asarray(below | above)
        crossed = False if low is None or high is None else high < low  # then y is `high`, wherever x is
        apart = True if low is None or high is None else low < high
        return inside, below & apart, above | crossed


def _times(alpha: float, other: Any, input: Any) -> Any:
    """alpha * other, to be added to `input`. Raises RuntimeError where a float would be added to integers."""
    kinds = {x.dtype.kind if isinstance(x, Tensor) else type(x) for x in (input, other)}
    if isinstance(alpha, float) and not kinds & {"f", float}:
        raise RuntimeError(f"add: expected an integer alpha for integer tensors, got {alpha}")
    return cast(alpha * other, bool_) if kinds == {"b"} else alpha * other


def add(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """input + alpha * other, elementwise; shapes broadcast.

    Args:
        input: a tensor or a number.
        other: a tensor or a number.
        alpha: what `other` is multiplied by first.

    Returns:
        A tensor of the broadcast shape and the common dtype.

    Raises:
        RuntimeError: `alpha` is a float and both operands are integers.
    """
    return Add()(*operands(input, other if alpha == 1 else _times(alpha, other, input)))


def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """input - alpha * other, elementwise; shapes broadcast.

    Args:
        input: a tensor or a number.
        other: a tensor or a number.
        alpha: what `other` is multiplied by first.

    Returns:
        A tensor of the broadcast shape and the common dtype.

    Raises:
        TypeError: an operand is a boolean tensor.
    """
    if any(isinstance(x, Tensor) and x.array.dtype == bool_ for x in (input, other)):
        raise TypeError("sub: expected numbers, got a bool tensor; use ^ or logical_not, or .long() first")
    return Sub()(*operands(input, other if alpha == 1 else _times(alpha, other, input)))


def mul(input: Operand, other: Operand) -> Tensor:
    """input * other, elementwise; shapes broadcast.

    Args:
        input: a tensor or a number.
        other: a tensor or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype.
    """
    return Mul()(*operands(input, other))


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, elementwise; shapes broadcast.

    Args:
        input: a tensor or a number; integers become float32, unless `rounding_mode` is given.
        other: a tensor or a number.
        rounding_mode: "trunc" rounds the quotient towards zero, "floor" down; None keeps it as it is.

    Returns:
        A tensor of the broadcast shape.

    Raises:
        ValueError: `rounding_mode` is another word, or it is given and an integer is divided by 0.
    """
    if rounding_mode is not None:
        return Quotient(rounding_mode)(*operands(input, other))
    if is_number(input) or is_number(
        other
    ):  # integers become real before the number is fitted to their dtype: -1 is no uint8
        input, other = (real(t) if isinstance(t, Tensor) else t for t in (input, other))
    a, b = operands(input, other)
    return Div()(a if is_number(a) else real(a), b if is_number(b) else real(b))


def neg(input: Tensor) -> Tensor:
    """-input, elementwise.

    Args:
        input: any shape.

    Returns:
        The same shape and dtype.
    """
    return Neg()(input)


def pow(input: Operand, exponent: Operand) -> Tensor:
    """input ** exponent, elementwise; shapes broadcast.

    Args:
        input: a tensor or a number.
        exponent: a tensor or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype.
    """
    return Pow()(*operands(input, exponent))


def exp(input: Tensor) -> Tensor:
    """e ** input, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Exp()(real(input))


def log(input: Tensor) -> Tensor:
    """The natural logarithm, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape; NaN where the input is negative, -inf where it is 0.
    """
    return Log()(real(input))


def log2(input: Tensor) -> Tensor:
    """The logarithm to base 2, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape; NaN where the input is negative, -inf where it is 0.
    """
    return Log(2)(real(input))


def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape; NaN where the input is negative, -inf where it is 0.
    """
    return Log(10)(real(input))


def log1p(input: Tensor) -> Tensor:
    """ln(1 + input), elementwise, without loss of digits where the input is small.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Log1p()(real(input))


def expm1(input: Tensor) -> Tensor:
    """e ** input - 1, elementwise, without loss of digits where the input is small.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Expm1()(real(input))


def erf(input: Tensor) -> Tensor:
    """The error function, elementwise: 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to the input.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Erf()(real(input))


def square(input: Tensor) -> Tensor:
    """input ** 2, elementwise.

    Args:
        input: any shape.

    Returns:
        The same shape and dtype.
    """
    return pow(input, 2)


def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(input), elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return div(1, sqrt(input))


def sqrt(input: Tensor) -> Tensor:
    """The square root, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape; NaN where the input is negative.
    """
    return Sqrt()(real(input))


def sin(input: Tensor) -> Tensor:
    """The sine, elementwise.

    Args:
        input: angles in radians, any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Sin()(real(input))


def cos(input: Tensor) -> Tensor:
    """The cosine, elementwise.

    Args:
        input: angles in radians, any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Cos()(real(input))


def abs_(input: Tensor) -> Tensor:
    """The absolute value, elementwise.

    Args:
        input: any shape.

    Returns:
        The same shape and dtype.
    """
    return Abs()(input)


def _two_tensors(name: str, *inputs: Any) -> tuple[Any, Any]:
    if any(map(is_number, inputs)):
        raise TypeError(
            f"{name}: expected two tensors, got {inputs[0]!r} and {inputs[1]!r}; clamp takes numbers"
        )
    return operands(*inputs)


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two tensors, elementwise; shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor.

    Returns:
        A tensor of the broadcast shape and the common dtype. Equal elements share the gradient.

    Raises:
        TypeError: one of the two is a number; `clamp` takes numbers.
    """
    return Maximum()(*_two_tensors("maximum", input, other))


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two tensors, elementwise; shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor.

    Returns:
        A tensor of the broadcast shape and the common dtype. Equal elements share the gradient.

    Raises:
        TypeError: one of the two is a number; `clamp` takes numbers.
    """
    return Minimum()(*_two_tensors("minimum", input, other))


def where(condition: Tensor, input: Operand, other: Operand) -> Tensor:
    """The elements of `input` where a condition holds, else those of `other`; shapes broadcast.

    Args:
        condition: a boolean tensor.
        input: a tensor or a number.
        other: a tensor or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype.

    Raises:
        TypeError: the condition is not boolean.
    """
    if condition.dtype != bool_:
        raise TypeError(
            f"where: expected a bool condition, got {condition.dtype}; compare first, e.g. x != 0"
        )
    if is_number(input) and is_number(other):
        input = tensor(input, device=condition.device)
    return Where()(condition, *operands(input, other))


def clip(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Each element limited to the range from `min` to `max`.

    Args:
        input: any shape.
        min: the lower limit, a number or a tensor; None means no limit.
        max: the upper limit, a number or a tensor; None means no limit.

    Returns:
        The shape of `input`, broadcast with the limits.

    Raises:
        ValueError: both limits are None.
    """
    if min is None and max is None:
        raise ValueError("clip: at least one of min and max must be given")
    bounds = [x if x is None else operand(x) for x in (min, max)]
    input = real(input) if float in map(type, bounds) else input
    if any(isinstance(x, Tensor) for x in bounds):
        dtype = common_dtype(input, *[x for x in bounds if isinstance(x, Tensor)])
        input = cast(input, dtype)
        bounds = [cast(x, dtype) if isinstance(x, Tensor) else x for x in bounds]
    return Clip()(input, *bounds)
