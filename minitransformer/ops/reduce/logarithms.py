"""Running sums in logarithms."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, float64, namespace
from minitransformer.ops.laws import Tangents, dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.operands import real


class LogCumSumExp(Tangents):
    """y_i = ln(e^x_1 + .. + e^x_i) along a dimension, without overflow. Relevance by the tangent.

    Args:
        dim: the dimension, not negative.
    """

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, x: Array) -> Array:  # sums of 1, 2, 4, .. neighbours: log2(n) steps
        xp, step, along = namespace(x), 1, (slice(None),) * self.dim
        while step < x.shape[self.dim]:
            first, before, after = (
                x[(*along, part)] for part in (slice(step), slice(-step), slice(step, None))
            )
            x = xp.concatenate([first, xp.logaddexp(after, before)], axis=self.dim)
            step *= 2
        return x

    # dL/dx_j = sum over i >= j of g_i e^(x_j - y_i), in logarithms too: first of what is positive in g, then of the rest
    def vjp(self, g: Array, x: Array) -> Arrays:
        wide = x.astype(float64)  # differences of large logarithms have few digits
        y = self.forward(wide)
        return ((self._share(g, wide, y) - self._share(-g, wide, y)).astype(x.dtype),)

    def _share(self, g: Array, x: Array, y: Array) -> Array:
        xp = namespace(x)
        counts = (g > 0) & (y > -math.inf)  # a sum of nothing has no slope
        terms = xp.log(xp.where(counts, g, 1)) - xp.where(counts, y, 0)
        backwards = xp.flip(xp.where(counts, terms, -math.inf), self.dim)
        return xp.exp(x + xp.flip(self.forward(backwards), self.dim))


@numpy_names
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """ln of the running sums of e^input along a dimension, computed without overflow.

    Args:
        input: any shape; integers become float32.
        dim: the dimension.

    Returns:
        The same shape. As long as all are -inf it is -inf, with a gradient of 0.
    """
    if not input.ndim:
        return logcumsumexp(input.reshape(1), dim).reshape(())
    return LogCumSumExp(*dims(dim, input.ndim))(real(input))
