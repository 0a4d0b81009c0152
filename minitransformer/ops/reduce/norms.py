"""Norms: how large the values of a tensor are together."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, DType, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.ops.books import Books
from minitransformer.ops.laws import Dims, widened
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.reduce.sums import Reduction, over
from minitransformer.ops.tensors.convert import cast


class Norm(Reduction):
    """y = (sum |x|^p)^(1/p) over dimensions; for an infinite p the largest |x|, or the smallest. The slope at 0 is taken as 0.

    Relevance: y is also the sum of x dy/dx, of which each x gets its share.

    Args:
        dim: dimensions, not negative.
        keepdim: whether the dimensions stay, with size 1.
        p: the power, not 0.
    """

    reads = "both"

    def __init__(self, dim: tuple[int, ...], keepdim: bool, p: float):
        super().__init__(dim, keepdim)
        self.p = p

    def forward(self, x: Array) -> Array:
        return self._length(widened(x)).astype(x.dtype, copy=False)

    def _length(self, x: Array) -> Array:
        size, along = abs(x), {"axis": self.dim, "keepdims": self.keepdim}
        if math.isinf(self.p):
            return size.max(**along) if self.p > 0 else size.min(**along)
        if self.p == 2:
            return namespace(x).sqrt((x * x).sum(**along))
        return (size**self.p).sum(**along) ** (1 / self.p)

    def vjp(self, g: Array, y: Array, x: Array) -> Arrays:  # dy/dx = sign(x) (|x| / y)^(p-1)
        slope = self._slope(self.spread(widened(y), x), widened(x))
        return ((self.spread(g, x) * slope).astype(x.dtype, copy=False),)

    def _slope(self, y: Array, x: Array) -> Array:
        xp, size = namespace(x), abs(x)
        if math.isinf(self.p):  # those that are y share it
            equal = (size == y).astype(x.dtype)
            return xp.sign(x) * equal / equal.sum(axis=self.dim, keepdims=True)
        if self.p == 2:
            return x / xp.where(y == 0, 1, y)
        still = (size == 0) if self.p < 1 else (y == 0)
        steep = (xp.where(still, 1, size) / xp.where(still, 1, y)) ** (self.p - 1)
        return xp.where(still, 0, xp.sign(x) * steep)

    def relprop(self, r: Array, books: Books, y: Array, x: Array) -> Arrays:
        (share,) = self.vjp(books.ratio(r, y), y, x)
        return (x * share,)

    def modified(self, g: Array, books: Books, y: Array, x: Array) -> Arrays:
        return self.vjp(g, y, x)


def vector_norm(
    x: Tensor, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """(sum |x|^ord)^(1/ord), over all values or over dimensions.

    Args:
        x: any shape, floating-point.
        ord: the power; inf gives the largest |x|, -inf the smallest, 0 the number of values that are not 0, without a gradient.
        dim: an int or several; None means all.
        keepdim: whether the dimensions stay, with size 1.
        dtype: convert the input to this dtype first.

    Returns:
        The shape of `x` without `dim`.

    Raises:
        TypeError: the dtype is not a floating-point one.
        ValueError: there are no values, of which an extreme or a negative power is asked.
    """
    x = cast(x, dtype or x.dtype)
    if x.dtype.kind not in FLOATS:
        raise TypeError(f"norm: expected a floating-point tensor, got {x.dtype}; call .float() first")
    along = over(dim, x.ndim, keepdim)
    if (ord < 0 or ord == math.inf) and not math.prod(x.shape[d] for d in along):
        raise ValueError(
            f"norm: no values of {x.shape} over {dim}, and the norm {ord} of none is not defined"
        )
    if ord == 0:
        return Tensor((x.array != 0).sum(axis=along, keepdims=keepdim).astype(x.dtype))
    result: Tensor = Norm(along, keepdim, ord)(x)
    return result


@numpy_names
def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    dtype: DType | None = None,
) -> Tensor:
    """The norm of all values, or over dimensions, as of one vector.

    Args:
        input: any shape, floating-point.
        p: the power, inf or -inf; "fro" and None mean 2.
        dim: an int or several; None means all.
        keepdim: whether the dimensions stay, with size 1.
        dtype: convert the input to this dtype first.

    Returns:
        The shape of `input` without `dim`.

    Raises:
        NotImplementedError: `p` is "nuc", the sum of singular values.
        TypeError: the dtype is not a floating-point one.
    """
    if isinstance(p, str) and p != "fro":
        raise NotImplementedError(
            f"norm: expected a number or 'fro', got {p!r}; linalg.matrix_norm has the norms of singular values"
        )
    return vector_norm(input, 2 if p is None or isinstance(p, str) else p, dim, keepdim, dtype=dtype)
