"""Work on all parameters, or all gradients, in one launch, however many there are."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from minitransformer.backends import Array, cupy
from minitransformer.kernels import reference
from minitransformer.kernels.sources import launch

CHUNK, THREADS = 1024, 256  # numbers that one block takes care of, and its threads, as in many.cu


def _alike(arrays: Sequence[Array]) -> bool:
    """Whether one launch can do them all: float32 or float64, one dtype, each packed in memory."""
    dtypes = {a.dtype for a in arrays}
    return len(dtypes) == 1 and dtypes.pop().itemsize >= 4 and all(a.flags.c_contiguous for a in arrays)


@functools.cache
def _blocks(sizes: tuple[int, ...]) -> tuple[Array, ...]:
    """For each block: which array, from which number on, and how many that array has."""
    chunks = [(array, start, size) for array, size in enumerate(sizes) for start in range(0, size, CHUNK)]
    dtypes = (np.int32, np.int64, np.int64)
    return tuple(
        cupy().asarray(np.array(c, d)) for c, d in zip(zip(*chunks, strict=True), dtypes, strict=True)
    )


def _launch(name: str, groups: Sequence[Sequence[Array]], *arguments) -> None:
    """`groups`: lists of arrays that match one by one, such as parameters and gradients."""
    blocks = _blocks(tuple(a.size for a in groups[0]))
    addresses = cupy().asarray(np.array([[a.data.ptr for a in group] for group in groups], np.uint64))
    launch(name, groups[0][0].dtype, len(blocks[0]), THREADS, addresses, *blocks, *arguments)


def norm_of_all(arrays: Sequence[Array]) -> Array:
    """As the reference, two launches."""
    if not _alike(arrays) or not sum(a.size for a in arrays):
        return reference.norm_of_all(arrays)
    sums = cupy().empty(sum(-(-a.size // CHUNK) for a in arrays), arrays[0].dtype)
    _launch("squares<{}>", [arrays], sums)
    return cupy().sqrt(sums.sum())


def scale_all(arrays: Sequence[Array], factor: Array | float) -> None:
    """As the reference, one launch."""
    if not _alike(arrays):
        reference.scale_all(arrays, factor)
    elif sum(a.size for a in arrays):
        _launch("scale<{}>", [arrays], cupy().asarray(factor, arrays[0].dtype))


def adam_all(
    arrays: Sequence[tuple[Array, ...]], step: int, lr: float, betas, eps: float, decay: float, shrink: float
) -> bool:
    """One step for each (parameter, gradient, mean, mean square), all but the gradient changed in place, in one launch.

    Before the step a parameter is multiplied by `shrink`; `decay` times it is added to its gradient. False, and nothing
    done, if one launch cannot do them all.
    """
    params, gradients, means, squares = zip(*arrays, strict=True)
    gradients = [cupy().ascontiguousarray(g) for g in gradients]
    if not _alike([*params, *gradients, *means, *squares]):
        return False
    if sum(p.size for p in params):
        b1, b2 = (float(b) for b in betas)
        numbers = (
            lr / (1 - b1**step),
            math.sqrt(1 - b2**step),
            b1,
            b2,
            float(eps),
            float(decay),
            float(shrink),
        )
        _launch("adam<{}>", [params, gradients, means, squares], len(params), *numbers)
    return True
