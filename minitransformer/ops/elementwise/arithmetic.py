"""Sums, differences, products, quotients, signs: elementwise with broadcasting."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, bool_, namespace
from minitransformer.ops.books import Books
from minitransformer.ops.elementwise.rounding import Quotient
from minitransformer.ops.laws import Activates, Sums, is_number, unbroadcast
from minitransformer.ops.operands import Operand, operands, real
from minitransformer.ops.tensors.convert import cast


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
    A walk takes gates as constants: see `explain/factors.py`. All laws by hand:

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

    Relevance: all to a, if b is a constant; all to b, if a is. Both together have a tangent at (a, b): a gets R, b gets -R, and
    the constant part R is absorbed. A walk comes to this case at a softmax written by hand alone, as elsewhere it takes the
    divisor as a constant: see `explain/factors.py`.
    """

    reads = ((1,), (0, 1))

    def forward(self, a: Array, b: Array) -> Array:
        return a / b

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dL/da = g / b, dL/db = -g a / b^2
        da = unbroadcast(g / b, a) if self.needs[0] else None
        return da, unbroadcast(-g * (a / b / b), b) if self.needs[1] else None

    # all to the only one explained; of both, a tangent
    def relprop(self, r: Array, books: Books, a: Array, b: Array) -> Arrays:
        if all(self.needs):
            books.absorb("tangent", r)
            return unbroadcast(r, a), -unbroadcast(r, b)
        return unbroadcast(r, a) if self.needs[0] else None, unbroadcast(r, b) if self.needs[1] else None

    # the slope of 1 / b alone becomes (1 / b) / b
    def modified(self, g: Array, books: Books, a: Array, b: Array) -> Arrays:
        da, db = self.vjp(g, a, b)
        if all(self.needs):
            books.absorb("tangent", g * (a / b))
            return da, db
        return da, None if db is None else -db


class Abs(Activates):
    """y = |x|; the slope at 0 is taken as 0. Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return abs(x)

    def vjp(self, g: Array, x: Array) -> Arrays:
        xp = namespace(x)
        return (xp.where(x > 0, g, xp.where(x < 0, -g, 0)),)


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


def abs_(input: Tensor) -> Tensor:
    """The absolute value, elementwise.

    Args:
        input: any shape.

    Returns:
        The same shape and dtype.
    """
    return Abs()(input)
