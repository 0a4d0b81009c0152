"""Values combined: all choices of one from each row, of several from one row, and matrices along a diagonal."""

from __future__ import annotations

import itertools

from minitransformer.autograd import Tensor
from minitransformer.backends import int64
from minitransformer.ops.creation.filled import zeros
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.index.slices import diag
from minitransformer.ops.shape.fitting import meshgrid
from minitransformer.ops.shape.joining import cat, stack
from minitransformer.ops.tensors.convert import cast, common_dtype


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All choices of one value from each of several rows.

    Args:
        *tensors: rows (n_1,), (n_2,), .., of one dtype.

    Returns:
        (n_1 n_2 .., number of rows); a single row as it is.

    Raises:
        ValueError: one has other than one dimension.
    """
    if not tensors or any(t.ndim != 1 for t in tensors):
        raise ValueError(f"cartesian_prod: expected rows of numbers, got {[t.shape for t in tensors]}")
    grids = meshgrid(*tensors, indexing="ij")
    return stack([grid.reshape(-1) for grid in grids], 1) if len(tensors) > 1 else tensors[0].clone()


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` values from a row, in order.

    Args:
        input: (n,).
        r: how many are chosen.
        with_replacement: whether a value can be chosen several times.

    Returns:
        (number of choices, r); (0,) for r = 0.

    Raises:
        ValueError: the input is no row, or `r` is negative.
    """
    if input.ndim != 1 or r < 0:
        raise ValueError(f"combinations: expected a row and r >= 0, got {input.shape} and {r}")
    if not r:
        return input[:0]
    chosen = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = tensor([*chosen(range(input.shape[0]), r)], dtype=int64, device=input.device)
    picked: Tensor = input[places.reshape(-1)].reshape(-1, r)
    return picked


def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of a larger one, in which the rest is 0.

    Args:
        *tensors: numbers, rows or matrices; a number or a row counts as a matrix of one row.

    Returns:
        A matrix of the common dtype, with the rows and columns of all.

    Raises:
        ValueError: one has more than two dimensions.
    """
    if any(t.ndim > 2 for t in tensors):
        raise ValueError(f"block_diag: expected matrices, got {[t.shape for t in tensors]}")
    if not tensors:
        return zeros(1, 0)
    dtype = common_dtype(*tensors)
    blocks = [t if t.ndim == 2 else t.reshape(1, -1) for t in (cast(t, dtype) for t in tensors)]
    width, before, rows = sum(b.shape[1] for b in blocks), 0, []
    for b in blocks:
        left, right = before, width - before - b.shape[1]
        beside = [zeros(b.shape[0], n, dtype=dtype, device=b.device) for n in (left, right)]
        rows.append(cat([beside[0], b, beside[1]], 1))
        before += b.shape[1]
    return cat(rows, 0)


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all values of a tensor along a diagonal.

    Args:
        input: any shape, n values.
        offset: which diagonal: 0 is the main one, 1 the one above.

    Returns:
        (n + |offset|, n + |offset|).
    """
    return diag(input.reshape(-1), offset)
