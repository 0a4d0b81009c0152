"""Kernels for lists of CuPy arrays, such as all parameters or all gradients: one launch for the whole list."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitransformer.backends import Array, cupy
from minitransformer.kernels import reference
from minitransformer.kernels.sources import launch

CHUNK, THREADS = 1024, 256  # elements of one block, and its threads: the same as in many.cu


def _alike(arrays: Sequence[Array]) -> bool:
    """Whether one launch can do them all: one dtype, float32 or float64, and each array contiguous."""
    dtypes = {a.dtype for a in arrays}
    return len(dtypes) == 1 and dtypes.pop().itemsize >= 4 and all(a.flags.c_contiguous for a in arrays)


@functools.cache
def _blocks(sizes: tuple[int, ...]) -> tuple[Array, ...]:
    """Three tables with one entry for each block: the number of its array, its first element there, the array's size."""
    chunks = [(array, start, size) for array, size in enumerate(sizes) for start in range(0, size, CHUNK)]
    dtypes = (np.int32, np.int64, np.int64)
    return tuple(
        cupy().asarray(np.array(c, d)) for c, d in zip(zip(*chunks, strict=True), dtypes, strict=True)
    )


def _launch(name: str, groups: Sequence[Sequence[Array]], *arguments: Any) -> None:
    """Launch a kernel of many.cu. `groups`: lists of arrays of equal sizes, such as parameters and their gradients."""
    blocks = _blocks(tuple(a.size for a in groups[0]))
    addresses = cupy().asarray(np.array([[a.data.ptr for a in group] for group in groups], np.uint64))
    launch(name, groups[0][0].dtype, len(blocks[0]), THREADS, addresses, *blocks, *arguments)


def norm_of_all(arrays: Sequence[Array]) -> Array:
    """`reference.norm_of_all` in two launches."""
    if not _alike(arrays) or not sum(a.size for a in arrays):
        return reference.norm_of_all(arrays)
    sums = cupy().empty(sum(-(-a.size // CHUNK) for a in arrays), arrays[0].dtype)
    _launch("squares<{}>", [arrays], sums)
    return cupy().sqrt(sums.sum())


def scale_all(arrays: Sequence[Array], factor: Array | float) -> None:
    """`reference.scale_all` in one launch."""
    if not _alike(arrays):
        reference.scale_all(arrays, factor)
    elif sum(a.size for a in arrays):
        _launch("scale<{}>", [arrays], cupy().asarray(factor, arrays[0].dtype))


def adam_all(
    arrays: Sequence[tuple[Array, ...]],
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    decay: float,
    shrink: float,
) -> None:
    """`reference.adam_all` in one launch, for tuples of four arrays of one dtype (without `amsgrad`)."""
    params, gradients, *means = zip(*arrays, strict=True)
    gradients = tuple(cupy().ascontiguousarray(g) for g in gradients)
    if len(means) > 2 or not _alike([*params, *gradients, *means[0], *means[1]]):
        reference.adam_all(arrays, step, lr, betas, eps, decay, shrink)
    elif sum(p.size for p in params):
        b1, b2 = (float(b) for b in betas)
        corrections = (lr / (1 - b1**step), math.sqrt(1 - b2**step))
        settings = (b1, b2, float(eps), float(decay), float(shrink))
        _launch("adam<{}>", [params, gradients, *means], len(params), *corrections, *settings)
