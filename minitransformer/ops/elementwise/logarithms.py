"""Logarithms of sums, of odds, and with a factor, elementwise."""

from __future__ import annotations

import math

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.elementwise.arithmetic import sub
from minitransformer.ops.elementwise.choice import clip
from minitransformer.ops.elementwise.exponentials import log
from minitransformer.ops.laws import Tangents, is_number, unbroadcast
from minitransformer.ops.operands import Operand, operands, real


class LogAddExp(Tangents):
    """y = ln(e^a + e^b), or to base 2, without overflow. Relevance by the tangent.

    Its slopes are a softmax of the two: of two -inf they are 0.

    Args:
        base: e or 2.
    """

    def __init__(self, base: float = math.e):
        self.base = base

    def forward(self, a: Array, b: Array) -> Array:  # [..], [..] -> [..]
        return getattr(namespace(a), "logaddexp" if self.base == math.e else "logaddexp2")(a, b)

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dy/da = e^(a - y)
        da = unbroadcast(g * self._part(a, b), a) if self.needs[0] else None
        return da, unbroadcast(g * self._part(b, a), b) if self.needs[1] else None

    def _part(self, a: Array, b: Array) -> Array:
        """e^a / (e^a + e^b)."""
        xp = namespace(a)
        same = a == b  # two infinities have no difference
        ahead = (xp.where(same, 0, a) - xp.where(same, 0, b)) * math.log(self.base)
        return kernels.of(a).sigmoid(ahead) * (a > -math.inf)


class XLogY(Tangents):
    """y = a ln b, and 0 where a = 0, unless b is NaN. Relevance by the tangent."""

    def forward(self, a: Array, b: Array) -> Array:  # [..], [..] -> [..]
        xp = namespace(b if is_number(a) else a)
        return xp.where((a == 0) & (b == b), 0, a * xp.log(xp.where((a == 0) & (b == b), 1, b)))

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dy/da = ln b, dy/db = a / b
        xp = namespace(g)
        still = (a == 0) & (b <= 0)
        da = unbroadcast(g * xp.log(xp.where(still, 1, b)), a) if self.needs[0] else None
        return da, unbroadcast(g * (a / b), b) if self.needs[1] else None


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """ln(e^input + e^other), elementwise, without overflow; shapes broadcast.

    Args:
        input: a tensor; integers become float32.
        other: a tensor.

    Returns:
        The broadcast shape. Where both are -inf it is -inf, with a gradient of 0.
    """
    a, b = operands(input, other)
    return LogAddExp()(real(a), real(b))


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """The logarithm to base 2 of 2^input + 2^other, elementwise, without overflow; shapes broadcast.

    Args:
        input: a tensor; integers become float32.
        other: a tensor.

    Returns:
        The broadcast shape. Where both are -inf it is -inf, with a gradient of 0.
    """
    a, b = operands(input, other)
    return LogAddExp(2)(real(a), real(b))


def xlogy(input: Operand, other: Operand) -> Tensor:
    """input ln(other), elementwise, and 0 where the input is 0; shapes broadcast.

    Args:
        input: a tensor or a number; integers become float32.
        other: a tensor or a number.

    Returns:
        The broadcast shape; NaN where `other` is NaN.

    Raises:
        TypeError: both are numbers.
    """
    a, b = operands(*(real(t) if isinstance(t, Tensor) else t for t in (input, other)))
    return XLogY()(a, b)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """ln(p / (1 - p)), elementwise: the inverse of the sigmoid.

    Args:
        input: probabilities p, any shape; integers become float32.
        eps: limits p to eps .. 1 - eps first; None means no limit.

    Returns:
        The same shape; NaN where p is outside 0 .. 1.
    """
    p = real(input)
    p = p if eps is None else clip(p, eps, 1 - eps)
    return sub(log(p), log(sub(1, p)))
