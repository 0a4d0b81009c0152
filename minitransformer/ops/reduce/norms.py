"""Norms: how large the values of a tensor are together."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
        NotImplementedError: `p` is "nuc", which needs singular values.
        TypeError: the dtype is not a floating-point one.
    """
    if isinstance(p, str) and p != "fro":
        raise NotImplementedError(
            f"norm: expected a number or 'fro', got {p!r}: there are no singular values"
        )
    return vector_norm(input, 2 if p is None or isinstance(p, str) else p, dim, keepdim, dtype=dtype)


def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """The norm of matrices.

    Args:
        A: (.., n, m), floating-point.
        ord: "fro": the root of the sum of squares; 1, -1: the largest, smallest sum of |A| down a column; inf, -inf: along a row.
        dim: the dimensions of rows and of columns.
        keepdim: whether they stay, with size 1.
        dtype: convert the input to this dtype first.

    Returns:
        The shape of `A` without `dim`.

    Raises:
        NotImplementedError: "nuc", 2 or -2, which need singular values.
        ValueError: `dim` is not two dimensions, or `ord` is another.
    """
    if ord in ("nuc", 2, -2):
        raise NotImplementedError(f"norm: no norm {ord!r} of matrices: there are no singular values")
    rows, columns = over(tuple(dim), A.ndim, keepdim)
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim, dtype=dtype)
    if ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(f"norm: expected 'fro', 1, -1, inf or -inf for matrices, got {ord!r}")
    summed, left = (rows, columns) if abs(float(ord)) == 1 else (columns, rows)
    sums = vector_norm(A, 1, summed, True, dtype=dtype)
    found = vector_norm(sums, math.copysign(math.inf, float(ord)), left, True)
    return found if keepdim else found.squeeze((rows, columns))


def linalg_norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
) -> Tensor:
    """The norm of all values as of one vector; with `ord` that of a vector, or of matrices.

    Args:
        A: any shape, floating-point.
        ord: None means 2 over all of `dim`; else as in `vector_norm` for one dimension, as in `matrix_norm` for two.
        dim: an int or several; None means all.
        keepdim: whether the dimensions stay, with size 1.
        dtype: convert the input to this dtype first.

    Returns:
        The shape of `A` without `dim`.

    Raises:
        NotImplementedError: a norm of matrices that needs singular values.
        ValueError: `ord` is given, and there are more than two dimensions.
    """
    along = over(dim, A.ndim)
    if ord is not None and dim is None and A.ndim > 2:
        raise ValueError(f"norm: expected `dim` for a norm {ord!r} of {A.ndim} dimensions")
    if ord is None or (len(along) == 1 and not isinstance(ord, str)):
        return vector_norm(A, 2 if ord is None else float(ord), dim, keepdim, dtype=dtype)
    return matrix_norm(A, ord, tuple(along), keepdim, dtype=dtype)
