"""Trigonometric functions, elementwise."""

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
