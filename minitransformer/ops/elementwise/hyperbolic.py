"""Hyperbolic functions, elementwise."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.laws import Activates, Tangent
from minitransformer.ops.operands import real


class Sinh(Activates):
    """y = (e^x - e^-x) / 2. Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return namespace(x).sinh(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = cosh x
        return (g * namespace(x).cosh(x),)


class Cosh(Tangent):
    """y = (e^x + e^-x) / 2. Relevance by the tangent, since y = 1 at x = 0."""

    def forward(self, x: Array) -> Array:
        return namespace(x).cosh(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = sinh x
        return (g * namespace(x).sinh(x),)


def sinh(input: Tensor) -> Tensor:
    """The hyperbolic sine, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Sinh()(real(input))


def cosh(input: Tensor) -> Tensor:
    """The hyperbolic cosine, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Cosh()(real(input))
