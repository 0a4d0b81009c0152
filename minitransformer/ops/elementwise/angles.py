"""Angle and length of points in the plane, degrees and radians, and the sine over its angle."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.elementwise.arithmetic import mul
from minitransformer.ops.laws import Tangent, Tangents, unbroadcast
from minitransformer.ops.operands import operands, real


class Atan2(Tangents):
    """y = the angle of the point (b, a) in the plane, in radians from -pi to pi; the slopes at (0, 0) are taken as 0."""

    def forward(self, a: Array, b: Array) -> Array:  # [..], [..] -> [..]
        return namespace(a).arctan2(a, b)

    def vjp(
        self, g: Array, a: Array, b: Array
    ) -> Arrays:  # dy/da = b / (a^2 + b^2), dy/db = -a / (a^2 + b^2)
        squares = a * a + b * b
        share = g / (squares + (squares == 0))
        da = unbroadcast(share * b, a) if self.needs[0] else None
        return da, unbroadcast(-share * a, b) if self.needs[1] else None


class Hypot(Tangents):
    """y = sqrt(a^2 + b^2), where the squares may be too large for the dtype; the slopes at (0, 0) are taken as 0."""

    def forward(self, a: Array, b: Array) -> Array:
        return namespace(a).hypot(a, b)

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dy/da = a / y, dy/db = b / y
        y = self.forward(a, b)
        share = g / (y + (y == 0))
        da = unbroadcast(share * a, a) if self.needs[0] else None
        return da, unbroadcast(share * b, b) if self.needs[1] else None


class Sinc(Tangent):
    """y = sin(pi x) / (pi x), and 1 at x = 0. Relevance by the tangent."""

    def forward(self, x: Array) -> Array:
        xp = namespace(x)
        angle = math.pi * xp.where(x == 0, 1, x)
        return xp.where(x == 0, 1, xp.sin(angle) / angle).astype(x.dtype, copy=False)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = (cos(pi x) - y) / x
        slope = namespace(x).cos(math.pi * x) - self.forward(x)
        return (g * slope / (x + (x == 0)),)


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point (other, input) in the plane, elementwise; shapes broadcast.

    Args:
        input: the heights; integers become float32.
        other: the widths.

    Returns:
        Angles in radians, from -pi to pi, of the broadcast shape. At (0, 0) the gradient is 0.
    """
    a, b = operands(input, other)
    return Atan2()(real(a), real(b))


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input^2 + other^2), elementwise, without overflow; shapes broadcast.

    Args:
        input: a tensor; integers become float32.
        other: a tensor.

    Returns:
        The broadcast shape. At (0, 0) the gradient is 0.
    """
    a, b = operands(input, other)
    return Hypot()(real(a), real(b))


def sinc(input: Tensor) -> Tensor:
    """sin(pi input) / (pi input), elementwise, and 1 at 0.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return Sinc()(real(input))


def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return mul(real(input), math.pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return mul(real(input), 180 / math.pi)
