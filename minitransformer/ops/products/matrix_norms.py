"""Norms of matrices: how large they are as maps of vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minitransformer.autograd import Tensor
from minitransformer.backends import DType
from minitransformer.ops.laws import Dims
from minitransformer.ops.order.extreme import amax, amin
from minitransformer.ops.products.factorings import svdvals
from minitransformer.ops.reduce.norms import vector_norm
from minitransformer.ops.reduce.sums import over, sum_
from minitransformer.ops.tensors.convert import cast


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
        ord: "fro": the root of the sum of squares; 1, -1: the largest, smallest sum of |A| down a column; inf, -inf: along a row;
            "nuc", 2, -2: the sum of the singular values, the largest, the smallest.
        dim: the dimensions of rows and of columns.
        keepdim: whether they stay, with size 1.
        dtype: convert the input to this dtype first.

    Returns:
        The shape of `A` without `dim`.

    Raises:
        ValueError: `dim` is not two dimensions, or `ord` is another.
    """
    rows, columns = over(tuple(dim), A.ndim, keepdim)
    if ord in ("nuc", 2, -2):
        return _of_singular_values(cast(A, dtype or A.dtype), ord, (rows, columns), keepdim)
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim, dtype=dtype)
    if ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(f"norm: expected 'fro', 'nuc', 1, -1, 2, -2, inf or -inf for matrices, got {ord!r}")
    summed, left = (rows, columns) if abs(float(ord)) == 1 else (columns, rows)
    sums = vector_norm(A, 1, summed, True, dtype=dtype)
    found = vector_norm(sums, math.copysign(math.inf, float(ord)), left, True)
    return found if keepdim else found.squeeze((rows, columns))


def _of_singular_values(A: Tensor, ord: float | str, dim: tuple[int, int], keepdim: bool) -> Tensor:
    values = svdvals(A.movedim(dim, (-2, -1)))
    found = sum_(values, -1) if ord == "nuc" else amax(values, -1) if ord == 2 else amin(values, -1)
    for d in sorted(dim) if keepdim else ():
        found = found.unsqueeze(d)
    return found


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
        ValueError: `ord` is given, and there are more than two dimensions.
    """
    along = over(dim, A.ndim)
    if ord is not None and dim is None and A.ndim > 2:
        raise ValueError(f"norm: expected `dim` for a norm {ord!r} of {A.ndim} dimensions")
    if ord is None or (len(along) == 1 and not isinstance(ord, str)):
        return vector_norm(A, 2 if ord is None else float(ord), dim, keepdim, dtype=dtype)
    return matrix_norm(A, ord, tuple(along), keepdim, dtype=dtype)
