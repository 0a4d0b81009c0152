"""Distinct values, how often each occurs, and where a value stands among sorted ones."""

from __future__ import annotations

import math
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, int32, int64, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.ops.laws import dims
from minitransformer.ops.operands import operand


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct values, in order.

    Args:
        input: any shape.
        sorted: accepted as in PyTorch; the values always come in order.
        return_inverse: give also, for each element, the number of its value.
        return_counts: give also how often each value occurs.
        dim: compare the slices along a dimension; None compares elements.

    Returns:
        (n,), or with `dim` slices; a tuple if more is asked for, in which the inverse has the shape of `input`, or is a row.
    """
    x = input.array
    axis = None if dim is None else dims(dim, input.ndim)[0]
    found = namespace(x).unique(x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    values, inverse, counts = map(Tensor, found)
    inverse = inverse.long().reshape(x.shape if dim is None else (-1,))
    more = [t for t, asked in ((inverse, return_inverse), (counts.long(), return_counts)) if asked]
    return (values, *more) if more else values


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The values with all but the first of each run of equal ones left out.

    Args:
        input: any shape.
        return_inverse: give also, for each element, the number of its run.
        return_counts: give also how long each run is.
        dim: compare the slices along a dimension; None compares elements.

    Returns:
        (n,), or with `dim` slices; a tuple if more is asked for, in which the inverse has the shape of `input`, or is a row.
    """
    xp, x = namespace(input.array), input.array
    d = 0 if dim is None else dims(dim, input.ndim)[0]
    slices = x.reshape(-1) if dim is None else xp.moveaxis(x, d, 0)
    rows = slices.reshape(len(slices), math.prod(slices.shape[1:]))
    new = xp.concatenate([xp.ones(len(rows[:1]), bool), (rows[1:] != rows[:-1]).any(axis=1)])
    starts = xp.flatnonzero(new)
    inverse = (xp.cumsum(new) - 1).reshape(x.shape if dim is None else -1)
    counts = xp.diff(xp.concatenate([starts, xp.full(1, len(rows))]))
    values = Tensor((x.reshape(-1) if dim is None else x).take(starts, axis=d))
    more = [Tensor(t) for t, asked in ((inverse, return_inverse), (counts, return_counts)) if asked]
    return (values, *more) if more else values


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of the numbers 0, 1, .. occurs.

    Args:
        input: integers (n,), at least 0.
        weights: what each counts, (n,); None means 1.
        minlength: how long the result is at least.

    Returns:
        int64, or the dtype of the weights (float64 if they are integers), one for each number up to the largest.

    Raises:
        ValueError: the input is no row of integers >= 0, or the weights do not fit.
    """
    if input.ndim != 1 or input.dtype.kind not in "iu" or (input.array < 0).any() or minlength < 0:
        raise ValueError(f"bincount: expected a row of integers >= 0, got {input.dtype} {input.shape}")
    if weights is not None and weights.shape != input.shape:
        raise ValueError(f"bincount: expected weights {input.shape}, got {weights.shape}")
    xp = namespace(input.array)
    ids = input.array.astype(int64)
    if weights is None:
        return Tensor(xp.bincount(ids, minlength=minlength).astype(int64))
    found = xp.bincount(ids, weights.array, minlength)
    return Tensor(found.astype(weights.dtype if weights.dtype.kind in FLOATS else "float64"))


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where values would be inserted in sorted rows to keep them sorted.

    Args:
        sorted_sequence: (n,), or rows (.., n) for the rows of `input`.
        input: the values, a tensor or a number.
        out_int32: give int32, not int64.
        right: after values that are equal, not before.
        side: "left" or "right", the same as `right`.
        sorter: the order that sorts `sorted_sequence`; None if it is sorted.

    Returns:
        The shape of `input`.

    Raises:
        ValueError: the rows do not fit, or `side` is another word or says otherwise than `right`.
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ValueError(f"searchsorted: expected side 'left' or 'right', got {side!r} with right={right}")
    rows = sorted_sequence if sorter is None else sorted_sequence.gather(-1, sorter)
    values = operand(input)
    values = values if isinstance(values, Tensor) else Tensor(namespace(rows.array).asarray(values))
    if rows.ndim != 1 and rows.shape[:-1] != values.shape[:-1] or not rows.ndim:
        raise ValueError(f"searchsorted: expected rows for those of {values.shape}, got {rows.shape}")
    found = _inserted(rows.array, values.array, "right" if right or side == "right" else "left")
    return Tensor(found.astype(int32 if out_int32 else int64))


def _inserted(rows: Array, values: Array, side: str) -> Array:
    xp = namespace(rows)
    if not values.size:
        return xp.zeros(values.shape)
    if rows.ndim == 1:
        return xp.asarray(xp.searchsorted(rows, values, side))
    pairs = zip(rows.reshape(-1, rows.shape[-1]), values.reshape(-1, values.shape[-1]), strict=True)
    return xp.stack([xp.searchsorted(row, wanted, side) for row, wanted in pairs]).reshape(values.shape)


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Between which boundaries each value lies: `searchsorted` with its arguments exchanged.

    Args:
        input: the values, a tensor or a number.
        boundaries: (n,), sorted.
        out_int32: give int32, not int64.
        right: whether a value at a boundary lies above it.

    Returns:
        The shape of `input`: 0 below the first boundary, n above the last.

    Raises:
        ValueError: the boundaries are no row.
    """
    if boundaries.ndim != 1:
        raise ValueError(f"bucketize: expected a row of boundaries, got {boundaries.shape}")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many values lie in each of several bins of one width.

    Args:
        input: any shape.
        bins: how many bins.
        min: where the first begins; values below do not count.
        max: where the last ends, itself in it; values above do not count. If both are equal, the values' own extremes.

    Returns:
        (bins,), of the dtype of `input`.

    Raises:
        ValueError: there is no bin, or `max` is below `min`.
    """
    if bins < 1 or max < min:
        raise ValueError(f"histc: expected bins >= 1 and min <= max, got {bins}, {min} and {max}")
    xp, x = namespace(input.array), input.array.reshape(-1)
    if min == max and x.size:
        min, max = float(x.min()), float(x.max())
    if not (math.isfinite(min) and math.isfinite(max)):
        raise ValueError(f"histc: expected finite ends, got {min} and {max}")
    low, high = (min - 1, max + 1) if min == max else (min, max)
    x = x[(x >= low) & (x <= high)]
    place = ((x - low) * (bins / (high - low))).astype(int64)
    return Tensor(xp.bincount(xp.minimum(place, bins - 1), minlength=bins).astype(input.dtype))
