"""Adam for all parameters of a group in one launch, however many there are."""

from __future__ import annotations

import functools
import math

import numpy as np

from minitransformer.backends import Array, cupy
from minitransformer.kernels.sources import launch

CHUNK = 1024  # numbers that one block takes care of, as in adam.cu


@functools.cache
def _blocks(sizes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """For each block: which parameter, from which number on, and how many that parameter has."""
    chunks = [(tensor, start, size) for tensor, size in enumerate(sizes) for start in range(0, size, CHUNK)]
    dtypes = (np.int32, np.int64, np.int64)
    return tuple(cupy().asarray(np.array(c, d)) for c, d in zip(zip(*chunks, strict=True), dtypes, strict=True))


def fused_adam(arrays: list[tuple[Array, ...]], step: int, lr: float, betas, eps: float, decay: float, shrink: float) -> None:
    """One step for each (parameter, gradient, mean, mean square) of one dtype; all but the gradient are packed, and change.

    Before the step a parameter is multiplied by `shrink`; `decay` times it is added to its gradient.
    """
    sizes = tuple(p.size for p, *_ in arrays)
    if not sum(sizes):
        return
    tensors, starts, ends = _blocks(sizes)
    arrays = [(p, cupy().ascontiguousarray(g), m, v) for p, g, m, v in arrays]
    addresses = cupy().asarray(np.array([[a.data.ptr for a in group] for group in arrays], np.uint64).T.copy())  # (4, tensors)
    b1, b2 = (float(b) for b in betas)
    launch(
        *("adam<{}>", arrays[0][0].dtype, len(tensors), 256, addresses, tensors, starts, ends, len(arrays)),
        *(lr / (1 - b1**step), math.sqrt(1 - b2**step), b1, b2, float(eps), float(decay), float(shrink)),
    )
