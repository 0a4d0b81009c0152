"""Flat buckets: many small arrays travel as a few large ones, since each journey costs time of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import Array, namespace
from minitransformer.collectives.engine import Engine
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.nn.module import Module

CAP = 8 << 20  # bytes of a bucket: gradients of up to 8 MiB travel fastest together


def buckets(arrays: Sequence[Array], cap: float) -> Iterator[list[Array]]:
    """Arrays in their order, cut where a bucket would be larger than `cap`, or another dtype begins.

    Args:
        arrays: any shapes.
        cap: bytes; a larger array has a bucket of its own.

    Yields:
        The arrays of each bucket.
    """
    bucket: list[Array] = []
    size = 0
    for array in arrays:
        if bucket and (size + array.nbytes > cap or array.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(array)
        size += array.nbytes
    if bucket:
        yield bucket


def reduce_in_buckets(engine: Engine, arrays: Sequence[Array], op: ReduceOp, cap: float) -> None:
    """`all_reduce` of many arrays, in place.

    Args:
        engine: the group.
        arrays: any shapes, the same on all ranks.
        op: how.
        cap: the largest bucket, in bytes.
    """
    _in_buckets(arrays, cap, lambda flat: engine.all_reduce(flat, op))


def broadcast_in_buckets(engine: Engine, arrays: Sequence[Array], root: int, cap: float) -> None:
    """`broadcast` of many arrays, in place.

    Args:
        engine: the group.
        arrays: any shapes, the same on all ranks.
        root: which rank of the group has them.
        cap: the largest bucket, in bytes.
    """
    _in_buckets(arrays, cap, lambda flat: engine.broadcast(flat, root))


def _in_buckets(arrays: Sequence[Array], cap: float, travel: Callable[[Array], None]) -> None:
    for bucket in buckets(arrays, cap):
        flat = namespace(bucket[0]).concatenate([array.reshape(-1) for array in bucket])  # (N,)
        travel(flat)
        _spread(flat, bucket)


def _spread(flat: Array, bucket: Sequence[Array]) -> None:
    """Write a flat array back into the arrays that it was made from."""
    start = 0
    for array in bucket:
        array[...] = flat[start : start + array.size].reshape(array.shape)
        start += array.size


def mean_of_gradients(engine: Engine, params: Sequence[Tensor], cap: float) -> None:
    """Make each gradient the mean of those of all ranks. A parameter that some ranks did not use counts there with zeros.

    Args:
        engine: the group.
        params: the parameters, in the same order on all ranks; those that no rank has a gradient of keep None.
        cap: the largest bucket, in bytes.
    """
    used = numpy.array([p.grad is not None for p in params], numpy.uint8)  # (P,)
    engine.all_reduce(used, ReduceOp.MAX)
    found = [p for p, one in zip(params, used.tolist(), strict=True) if one]
    for p in found:
        if p.grad is None:
            p.grad = Tensor(namespace(p.array).zeros_like(p.array))
    reduce_in_buckets(engine, [p.grad.array for p in found if p.grad is not None], ReduceOp.AVG, cap)


@no_grad()
def begin_alike(engine: Engine, module: Module, root: int) -> None:
    """Give the parameters of one rank's module to the modules of all.

    Args:
        engine: the group.
        module: on each rank, with parameters of the same shapes.
        root: which rank of the group.

    Raises:
        DistError: the modules have other parameters.
    """
    broadcast_in_buckets(engine, [p.writable() for p in module.parameters()], root, CAP)
