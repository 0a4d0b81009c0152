"""Trigonometric functions and their inverses, elementwise."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.laws import Activates, Tangent
from minitransformer.ops.operands import real


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


class Tan(Activates):
    """y = tan x, x in radians. Relevance: R_x = R."""

    reads = "output"

    def forward(self, x: Array) -> Array:
        return namespace(x).tan(x)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dy/dx = 1 + y^2
        return (g * (1 + y * y),)


class Asin(Activates):
    """y = arcsin x, in radians. Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return namespace(x).arcsin(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = 1 / sqrt(1 - x^2)
        return (g / namespace(x).sqrt(1 - x * x),)


class Acos(Tangent):
    """y = arccos x, in radians. Relevance by the tangent, since y is pi / 2 at x = 0."""

    def forward(self, x: Array) -> Array:
        return namespace(x).arccos(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = -1 / sqrt(1 - x^2)
        return (-g / namespace(x).sqrt(1 - x * x),)


class Atan(Activates):
    """y = arctan x, in radians. Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return namespace(x).arctan(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = 1 / (1 + x^2)
        return (g / (1 + x * x),)


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


def tan(input: Tensor) -> Tensor:
    """The tangent, elementwise.

    Args:
        input: angles in radians, any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Tan()(real(input))


def asin(input: Tensor) -> Tensor:
    """The inverse of the sine, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        Angles in radians, from -pi / 2 to pi / 2; NaN where the input is outside -1 .. 1.
    """
    return Asin()(real(input))


def acos(input: Tensor) -> Tensor:
    """The inverse of the cosine, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        Angles in radians, from 0 to pi; NaN where the input is outside -1 .. 1.
    """
    return Acos()(real(input))


def atan(input: Tensor) -> Tensor:
    """The inverse of the tangent, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        Angles in radians, from -pi / 2 to pi / 2.
    """
    return Atan()(real(input))
