"""The largest value of each part of a grid, for as many parts as the result has places. Relevance: the largest takes all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.ops.grids.pooling import NUMBERS, _batched
from minitransformer.ops.index.picking import gather

Sizes = int | None | Sequence[int | None]


def _parts(xp: Any, n: int, size: int) -> Array:
    """For each of `size` parts of n places which places it has, the last again where it has fewer: (size, K)."""
    first = xp.arange(size) * n // size
    last = -(-(xp.arange(size) + 1) * n // size) - 1
    widest = int((last - first).max()) + 1 if size else 1
    return xp.minimum(first[:, None] + xp.arange(widest), last[:, None])


def _places(xp: Any, grid: Sequence[int], sizes: Sequence[int]) -> Array:
    """For each place of the result which places of the grid it sees, counted through the grid: (*sizes, K)."""
    places = xp.zeros((1, 1), dtype="int64")
    for n, size in zip(grid, sizes, strict=True):
        parts = _parts(xp, n, size)  # (size, k)
        places = (places[:, None, :, None] * n + parts[None, :, None, :]).reshape(
            len(places) * size, places.shape[1] * parts.shape[1]
        )
    return places.reshape(*sizes, -1)


def _adaptive_max(n: int, input: Tensor, output_size: Sizes, return_indices: bool) -> Any:
    name = f"adaptive_max_pool{n}d"
    x = _batched(name, n, input, NUMBERS)
    sizes = [output_size] * n if output_size is None or isinstance(output_size, int) else [*output_size]
    if len(sizes) != n or any(size is not None and size < 0 for size in sizes):
        raise ValueError(f"{name}: expected one size >= 0, or {n}, got {output_size}")
    if not all(input.shape[-n:]):
        raise ValueError(f"{name}: expected a grid with places, got {input.shape}")
    grid = x.shape[2:]
    out = [have if size is None else size for have, size in zip(grid, sizes, strict=True)]
    xp = namespace(x.array)
    places = _places(xp, grid, out).reshape(math.prod(out), -1)  # (O, K)
    flat = x.flatten(2)  # (N, C, L)
    winner = flat.array[..., places].argmax(-1)  # (N, C, O)
    indices = Tensor(places[xp.arange(len(places)), winner])
    shape = (*input.shape[:-n], *out)
    y = gather(flat, -1, indices).reshape(*shape)
    return (y, indices.reshape(*shape)) if return_indices else y


def adaptive_max_pool1d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """The largest values of parts of a sequence, so many that the result has a given length.

    Args:
        input: (N, C, L) or (C, L), floating-point or integers.
        output_size: the length L_out; None leaves it.
        return_indices: whether to return also where each value was found.

    Returns:
        (N, C, L_out) or (C, L_out); or a pair of this and the indices in the sequence, int64.

    Raises:
        ValueError: the sizes do not fit.
        TypeError: the input is boolean.
    """
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """The largest values of parts of pictures, so many that the result has a given size.

    Args:
        input: (N, C, H, W) or (C, H, W), floating-point or integers.
        output_size: one size for both dimensions or two; None leaves one.
        return_indices: whether to return also where each value was found; an index counts through the rows of a picture.

    Returns:
        (N, C, H_out, W_out) or (C, H_out, W_out); or a pair of this and the indices, int64.

    Raises:
        ValueError: the sizes do not fit.
        TypeError: the input is boolean.
    """
    return _adaptive_max(2, input, output_size, return_indices)
