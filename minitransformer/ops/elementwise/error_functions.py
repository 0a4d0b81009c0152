"""What is beside the error function `erf`: its complement, and its inverse."""

from __future__ import annotations

import math

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, float64, namespace
from minitransformer.ops.laws import Activates, Tangent
from minitransformer.ops.operands import real

SLOPE = 2 / math.sqrt(math.pi)  # of erf at 0


class Erfc(Tangent):
    """y = 1 - erf(x), with all digits where that is small. Relevance by the tangent."""

    def forward(self, x: Array) -> Array:
        return kernels.of(x).erfc(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = -2 / sqrt(pi) e^(-x^2)
        return (-g * (SLOPE * namespace(x).exp(-x * x)),)


class ErfInv(Activates):
    """The y with erf(y) = x. Relevance: R_x = R."""

    reads = "output"

    def forward(self, x: Array) -> Array:
        xp = namespace(x)
        wide = abs(x.astype(float64))
        within = wide < 1
        y = _guess(xp.where(within, wide, 0.5))
        for _ in range(3):
            y = _nearer(y, xp.where(within, wide, 0.5))
        y = xp.where(within, y, xp.where(wide == 1, math.inf, math.nan))
        return xp.copysign(y, x).astype(x.dtype)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dy/dx = sqrt(pi) / 2 e^(y^2)
        return (g * (namespace(y).exp(y * y) / SLOPE),)


def _guess(x: Array) -> Array:
    """The inverse to about three digits, 0 <= x < 1.

    Source:
        Winitzki, "A handy approximation for the error function and its inverse", 2008.
    """
    xp = namespace(x)
    logarithm, a = xp.log1p(-x * x), 0.147
    middle = 2 / (math.pi * a) + logarithm / 2
    return xp.sqrt(xp.maximum(xp.sqrt(middle * middle - logarithm / a) - middle, 0))


def _nearer(y: Array, x: Array) -> Array:
    """A step of Halley's method to erf(y) = x. Near 1 it is erfc that has the digits."""
    kernel, xp = kernels.of(x), namespace(x)
    gap = xp.where(x < 0.5, kernel.erf(y) - x, (1 - x) - kernel.erfc(y))
    step = gap / (SLOPE * xp.exp(-y * y))
    return y - step / (1 + y * step)


def erfc(input: Tensor) -> Tensor:
    """1 - erf(input), elementwise, with all digits where that is small.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Erfc()(real(input))


def erfinv(input: Tensor) -> Tensor:
    """The inverse of the error function, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape; infinite at -1 and 1, NaN outside -1 .. 1.
    """
    return ErfInv()(real(input))
