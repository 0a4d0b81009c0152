"""Powers and roots, elementwise."""

from __future__ import annotations

from types import ModuleType

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, DType, float64, namespace
from minitransformer.ops.books import Books
from minitransformer.ops.creation.filled import arange
from minitransformer.ops.elementwise.arithmetic import div
from minitransformer.ops.laws import Activates, unbroadcast
from minitransformer.ops.operands import Operand, operands, real, rounded_once
from minitransformer.ops.tensors.convert import cast


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


class Sqrt(Activates):
    """y = sqrt(x). Relevance: R_x = R."""

    reads = "output"

    def forward(self, x: Array) -> Array:
        return namespace(x).sqrt(x)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dy/dx = 1 / (2 y)
        return (g / (2 * y),)


def pow(input: Operand, exponent: Operand) -> Tensor:
    """input ** exponent, elementwise; shapes broadcast.

    Args:
        input: a tensor or a number.
        exponent: a tensor or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype.
    """
    return Pow()(*operands(input, exponent))


def square(input: Tensor) -> Tensor:
    """input ** 2, elementwise.

    Args:
        input: any shape.

    Returns:
        The same shape and dtype.
    """
    return pow(input, 2)


def float_power(input: Operand, exponent: Operand) -> Tensor:
    """input ** exponent, elementwise, in double precision; shapes broadcast.

    Args:
        input: a tensor or a number.
        exponent: a tensor or a number.

    Returns:
        float64, of the broadcast shape.
    """
    return pow(*(cast(t, float64) if isinstance(t, Tensor) else t for t in (input, exponent)))


def exp2(input: Tensor) -> Tensor:
    """2 ** input, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return pow(2, real(input))


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Vandermonde's matrix: the powers of numbers, side by side.

    Args:
        x: (n,).
        N: how many powers; None means n.
        increasing: from the power 0 on, not down to it.

    Returns:
        (n, N).

    Raises:
        ValueError: the input is no row, or `N` is negative.
    """
    if x.ndim != 1 or (N is not None and N < 0):
        raise ValueError(f"vander: expected a row and N >= 0, got {x.shape} and {N}")
    powers = arange(x.shape[0] if N is None else N, device=x.device)
    return pow(x.unsqueeze(-1), powers if increasing else powers.flip(0))


@rounded_once
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
