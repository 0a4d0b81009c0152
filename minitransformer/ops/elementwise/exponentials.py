"""Exponentials, logarithms and the error function, elementwise."""

from __future__ import annotations

import math

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.laws import Activates, Tangent
from minitransformer.ops.operands import real


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
