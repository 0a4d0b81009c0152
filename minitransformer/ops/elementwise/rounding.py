"""Whole numbers from others: flat between their steps, so that no gradient flows."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.ops.laws import Sums, is_number, unbroadcast
from minitransformer.ops.operands import Operand, operands


class Flat(Op):
    """An op whose output is constant but for steps: the gradient is 0. It has no relevance law, see `explain/without.py`."""

    reads = "shapes"

    def vjp(self, g: Array, *arrays: Array) -> Arrays:
        return tuple(0 if is_number(a) else namespace(a).zeros_like(a) for a in arrays)


class Quotient(Flat):
    """y = a / b, rounded.

    Args:
        rounding: "floor" for down, "trunc" for towards zero.

    Raises:
        ValueError: another word.
    """

    def __init__(self, rounding: str):
        if rounding not in ("trunc", "floor"):
            raise ValueError(f"div: expected rounding_mode None, 'trunc' or 'floor', got {rounding!r}")
        self.rounding = rounding

    def forward(self, a: Array, b: Array) -> Array:
        _check_divisor(a, b)
        return a // b if self.rounding == "floor" else _truncated(a, b)


def _truncated(a: Array, b: Array) -> Array:
    floor = a // b
    if floor.dtype.kind not in FLOATS:
        return floor + ((floor < 0) & (floor * b != a))  # below zero the next one up
    ratio = a / b
    return namespace(ratio).trunc(ratio)


def _check_divisor(a: Array, b: Array) -> None:
    """Raise ValueError where integers are divided by 0: they have no infinity."""
    whole = all(isinstance(x, int) if is_number(x) else x.dtype.kind not in FLOATS for x in (a, b))
    if whole and not (b if is_number(b) else b.all()):
        raise ValueError("integers cannot be divided by 0")


class Remainder(Sums):
    """y = a - b floor(a / b), which has the sign of b. Each term gets its share of the difference."""

    def forward(self, a: Array, b: Array) -> Array:
        _check_divisor(a, b)
        return a % b

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dL/da = g, dL/db = -g floor(a / b)
        return unbroadcast(g, a), unbroadcast(-g * (a // b), b)


class Fmod(Remainder):
    """y = a - b trunc(a / b), which has the sign of a. Each term gets its share of the difference."""

    def forward(self, a: Array, b: Array) -> Array:
        _check_divisor(a, b)
        return namespace(b if is_number(a) else a).fmod(a, b)

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dL/da = g, dL/db = -g trunc(a / b)
        return unbroadcast(g, a), unbroadcast(-g * namespace(g).trunc(a / b), b)


class Rounded(Flat):
    """y = x, rounded by a function of NumPy.

    Args:
        name: "floor", "ceil", "trunc", "round" or "sign".
        *settings: what that function takes beside x.
    """

    def __init__(self, name: str, *settings: Any):
        self.name, self.settings = name, settings

    def __str__(self) -> str:
        return self.name

    def forward(self, x: Array) -> Array:
        return getattr(namespace(x), self.name)(x, *self.settings)


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """input / other, rounded down, elementwise; shapes broadcast.

    Args:
        input: a tensor or a number.
        other: a tensor or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype. No gradient flows: it is 0.

    Raises:
        ValueError: an integer is divided by 0.
    """
    return Quotient("floor")(*operands(input, other))


def remainder(input: Operand, other: Operand) -> Tensor:
    """input - other * floor(input / other), elementwise; shapes broadcast.

    Args:
        input: a tensor or a number.
        other: a tensor or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype; each element has the sign of `other`.

    Raises:
        ValueError: an integer is divided by 0.
    """
    return Remainder()(*operands(input, other))


def fmod(input: Tensor, other: Operand) -> Tensor:
    """input - other * trunc(input / other), elementwise; shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype; each element has the sign of `input`.

    Raises:
        TypeError: the input is no tensor.
        ValueError: an integer is divided by 0.
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"fmod: expected a tensor, got {type(input).__name__} {input!r}")
    return Fmod()(*operands(input, other))


def floor(input: Tensor) -> Tensor:
    """The largest whole number that is not above the input, elementwise.

    Args:
        input: any shape.

    Returns:
        The same shape and dtype. No gradient flows: it is 0.
    """
    return Rounded("floor")(input)


def ceil(input: Tensor) -> Tensor:
    """The smallest whole number that is not below the input, elementwise.

    Args:
        input: any shape.

    Returns:
        The same shape and dtype. No gradient flows: it is 0.
    """
    return Rounded("ceil")(input)


def trunc(input: Tensor) -> Tensor:
    """The whole part of a number, its digits after the point cut off, elementwise.

    Args:
        input: any shape.

    Returns:
        The same shape and dtype. No gradient flows: it is 0.
    """
    return Rounded("trunc")(input)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest whole number, elementwise; of two that are equally near, the even one.

    Args:
        input: any shape.
        decimals: how many digits after the point are kept.

    Returns:
        The same shape and dtype. No gradient flows: it is 0.
    """
    return Rounded("round", decimals)(input)


def sign(input: Tensor) -> Tensor:
    """1, -1 or 0: the sign of each element.

    Args:
        input: any shape.

    Returns:
        The same shape and dtype. No gradient flows: it is 0.
    """
    return Tensor(input.array.copy()) if input.dtype.kind == "b" else Rounded("sign")(input)


def frac(input: Tensor) -> Tensor:
    """What `trunc` cuts off, with the sign of the input.

    Args:
        input: any shape, floating-point.

    Returns:
        The same shape and dtype; the gradient passes as it is.
    """
    return input - trunc(input)
