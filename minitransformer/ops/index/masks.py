"""Elements kept or replaced where a mask holds."""

from __future__ import annotations

import math
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, DType, bool_, float16, int64, namespace
from minitransformer.ops.creation.making import placed
from minitransformer.ops.elementwise.choice import Where
from minitransformer.ops.index.parts import getitem
from minitransformer.ops.shape.fitting import broadcast_tensors
from minitransformer.ops.tensors.convert import cast


def masked_fill(input: Tensor, mask: Tensor, value: float | Tensor) -> Tensor:
    """A value where a mask holds, else the input.

    Args:
        input: any shape.
        mask: a boolean tensor; shapes broadcast.
        value: a number or a 0-d tensor.

    Returns:
        The broadcast shape, in the input's dtype.

    Raises:
        TypeError: the mask is not boolean.
        ValueError: the value has dimensions, or float16 cannot hold it.
    """
    if mask.dtype != bool_:
        raise TypeError(f"masked_fill: expected a bool mask, got {mask.dtype}; compare first, e.g. mask == 0")
    if not isinstance(value, Tensor):
        return Where()(mask, number_like(input, value), input)
    if value.ndim:
        raise ValueError(
            f"masked_fill: expected a number or a 0-d tensor as value, got {value.shape}; use where"
        )
    return Where()(mask, cast(value, input.dtype), input)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where a mask holds, in order.

    Args:
        input: any shape.
        mask: a boolean tensor; shapes broadcast.

    Returns:
        (n,).

    Raises:
        TypeError: the mask is not boolean.
    """
    if mask.dtype != bool_:
        raise TypeError(f"masked_select: expected a bool mask, got {mask.dtype}; compare first, e.g. x > 0")
    values, chosen = broadcast_tensors(input, mask)
    return getitem(values, (chosen,))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The values of a source, in order, where a mask holds, else the input.

    Args:
        input: any shape.
        mask: a boolean tensor; shapes broadcast.
        source: at least as many values as the mask holds places, of the dtype of `input`.

    Returns:
        The broadcast shape.

    Raises:
        TypeError: the mask is not boolean, or the dtypes differ.
        ValueError: the source has too few values.
    """
    if mask.dtype != bool_ or source.dtype != input.dtype:
        raise TypeError(
            f"masked_scatter: expected a bool mask and {input.dtype}, got {mask.dtype} and {source.dtype}"
        )
    values, chosen = broadcast_tensors(input, mask)
    counted = chosen.array.reshape(-1).cumsum()
    needed = int(counted[-1]) if counted.size else 0
    if needed > source.numel():
        raise ValueError(f"masked_scatter: expected {needed} values or more, got {source.numel()}")
    if not source.numel():
        return values.clone()
    places = namespace(counted).maximum(counted - 1, 0).reshape(values.shape)
    return Where()(chosen, getitem(source.reshape(-1), (Tensor(places),)), values)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices; zeros elsewhere.

    Args:
        input: (.., rows, columns).
        diagonal: the first diagonal that is kept: 0 is the main one, 1 the one above.

    Returns:
        The same shape.

    Raises:
        ValueError: there are fewer than 2 dimensions.
    """
    return Where()(_triangle(input, diagonal), input, number_like(input, 0))


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices; zeros elsewhere.

    Args:
        input: (.., rows, columns).
        diagonal: the last diagonal that is kept: 0 is the main one, 1 the one above.

    Returns:
        The same shape.

    Raises:
        ValueError: there are fewer than 2 dimensions.
    """
    return Where()(_triangle(input, diagonal + 1), number_like(input, 0), input)


def _triangle(input: Tensor, diagonal: int) -> Tensor:
    if input.ndim < 2:
        raise ValueError(f"a triangle needs at least 2 dimensions, got {input.shape}")
    rows, columns = namespace(input.array).ogrid[: input.shape[-2], : input.shape[-1]]
    return Tensor(columns - rows >= diagonal)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType | None = int64, device: str | None = None
) -> Tensor:
    """The coordinates of the upper triangle of a matrix, row by row.

    Args:
        row: the number of rows.
        col: the number of columns.
        offset: the first diagonal of the triangle: 0 is the main one, 1 the one above.
        dtype: the dtype; int64 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.

    Returns:
        (2, n): rows and columns.
    """
    return _coordinates(_distance(row, col) >= offset, dtype, device)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType | None = int64, device: str | None = None
) -> Tensor:
    """The coordinates of the lower triangle of a matrix, row by row.

    Args:
        row: the number of rows.
        col: the number of columns.
        offset: the last diagonal of the triangle: 0 is the main one, 1 the one above.
        dtype: the dtype; int64 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.

    Returns:
        (2, n): rows and columns.
    """
    return _coordinates(_distance(row, col) <= offset, dtype, device)


def _distance(row: int, col: int) -> Array:
    """How far each place of a matrix is above the diagonal."""
    return numpy.arange(col) - numpy.arange(row)[:, None]  # (row, col)


def _coordinates(mask: Array, dtype: DType | None, device: str | None) -> Tensor:
    return placed(numpy.array(mask.nonzero()).astype(dtype), device)


def number_like(input: Tensor, value: Any) -> float | int | bool:
    """A value as the Python number that leaves the dtype of a tensor as it is.

    Args:
        input: the tensor.
        value: a number or a 0-d tensor.

    Returns:
        The number.

    Raises:
        ValueError: it would become infinite in that dtype.
    """
    number = {"f": float, "V": float, "b": bool}.get(input.dtype.kind, int)(value)
    if input.dtype == float16 and 65504 < abs(number) < math.inf:
        raise ValueError(f"expected a number that float16 holds, got {value}; use -inf for a mask")
    return number
