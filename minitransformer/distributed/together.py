"""Calls that all ranks of a group make together. Shapes and dtypes are the same on all; results are written in place."""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.collectives.engine import described
from minitransformer.collectives.reductions import ReduceOp
from minitransformer.distributed.groups import ProcessGroup, engine_of, place_in
from minitransformer.distributed.work import Work, work


def all_reduce(
    tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Put the tensors of all ranks together, place by place: each rank gets the result, in place.

    Args:
        tensor: any shape; changed in place.
        op: how: SUM, AVG, PRODUCT, MIN, MAX, or BAND, BOR, BXOR of integers.
        group: None means all ranks.
        async_op: return a `Work` to wait for.

    Returns:
        None; a `Work` for `async_op`.

    Raises:
        ValueError: `init_process_group` has not been called, or this rank is not in the group.
        TypeError: `op` does not fit the dtype.
        DistError: a rank has ended, does not come, or calls something else.
    """
    engine_of(group, "all_reduce").all_reduce(tensor.writable(), op)
    return work(async_op)


def reduce(
    tensor: Tensor,
    dst: int = 0,
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Put the tensors of all ranks together; one rank gets the result, in place.

    Args:
        tensor: any shape; changed in place on `dst`.
        dst: the number of that rank among all.
        op: as in `all_reduce`.
        group: None means all ranks.
        async_op: return a `Work` to wait for.

    Returns:
        None; a `Work` for `async_op`.

    Raises:
        ValueError: as `all_reduce`; or `dst` is not in the group.
        DistError: as `all_reduce`.
    """
    engine = engine_of(group, "reduce")
    engine.reduce(tensor.writable(), place_in(engine, dst, "reduce"), op)
    return work(async_op)


def broadcast(
    tensor: Tensor, src: int = 0, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Give the tensor of one rank to all, in place.

    Args:
        tensor: any shape; changed in place on the others.
        src: the number of that rank among all.
        group: None means all ranks.
        async_op: return a `Work` to wait for.

    Returns:
        None; a `Work` for `async_op`.

    Raises:
        ValueError: as `all_reduce`; or `src` is not in the group.
        DistError: as `all_reduce`.
    """
    engine = engine_of(group, "broadcast")
    engine.broadcast(tensor.writable(), place_in(engine, src, "broadcast"))
    return work(async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """The tensors of all ranks, on each, one after the other along the first dimension.

    Args:
        output_tensor: (W * N, ..) or (W, N, ..) for W ranks; written.
        input_tensor: (N, ..).
        group: None means all ranks.
        async_op: return a `Work` to wait for.

    Returns:
        None; a `Work` for `async_op`.

    Raises:
        ValueError: as `all_reduce`; or the two shapes do not fit.
        DistError: as `all_reduce`.
    """
    engine = engine_of(group, "all_gather_into_tensor")
    out = output_tensor.writable()
    rows = _rows(out, input_tensor.array, engine.size, "all_gather_into_tensor")  # (W, N, ..)
    engine.all_gather(rows, input_tensor.array)
    _back(out, rows)
    return work(async_op)


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """The tensors of all ranks, on each.

    Args:
        tensor_list: a tensor for each rank, of the shape of `tensor`; written.
        tensor: any shape.
        group: None means all ranks.
        async_op: return a `Work` to wait for.

    Returns:
        None; a `Work` for `async_op`.

    Raises:
        ValueError: as `all_reduce`; or the list has another length.
        DistError: as `all_reduce`.
    """
    engine = engine_of(group, "all_gather")
    _check_length("all_gather", tensor_list, engine.size)
    rows = _empty(tensor.array, engine.size)  # (W, ..)
    engine.all_gather(rows, tensor.array)
    _spread(tensor_list, rows)
    return work(async_op)


def reduce_scatter_tensor(
    output: Tensor,
    input: Tensor,
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Put the tensors of all ranks together, of which each rank takes its part.

    Args:
        output: (N, ..); written.
        input: (W * N, ..) or (W, N, ..) for W ranks.
        op: as in `all_reduce`.
        group: None means all ranks.
        async_op: return a `Work` to wait for.

    Returns:
        None; a `Work` for `async_op`.

    Raises:
        ValueError: as `all_reduce`; or the two shapes do not fit.
        DistError: as `all_reduce`.
    """
    engine = engine_of(group, "reduce_scatter_tensor")
    rows = _rows(input.array, output.array, engine.size, "reduce_scatter_tensor")  # (W, N, ..)
    engine.reduce_scatter(output.writable(), rows, op)
    return work(async_op)


def all_to_all_single(
    output: Tensor, input: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Each rank cuts its tensor into a part for each rank, and gets one from each.

    Args:
        output: (W * N, ..) for W ranks; written: part i comes from rank i.
        input: (W * N, ..): part j goes to rank j.
        group: None means all ranks.
        async_op: return a `Work` to wait for.

    Returns:
        None; a `Work` for `async_op`.

    Raises:
        ValueError: as `all_reduce`; or the shapes cannot be cut so.
        DistError: as `all_reduce`.
    """
    engine = engine_of(group, "all_to_all_single")
    if output.shape != input.shape or not input.ndim or input.shape[0] % engine.size:
        what = f"expected two tensors ({engine.size} * N, ..)"
        raise ValueError(f"all_to_all_single: {what}, got {output.shape} and {input.shape}")
    out = output.writable()
    cut = (engine.size, -1, *input.shape[1:]) if input.array.size else (engine.size, 0)
    rows = out.reshape(cut)  # (W, N, ..)
    engine.all_to_all(rows, input.array.reshape(cut))
    _back(out, rows)
    return work(async_op)


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int = 0,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """The tensors of all ranks, on one.

    Args:
        tensor: any shape.
        gather_list: on `dst` a tensor for each rank; written. None elsewhere.
        dst: the number of that rank among all.
        group: None means all ranks.
        async_op: return a `Work` to wait for.

    Returns:
        None; a `Work` for `async_op`.

    Raises:
        ValueError: as `all_reduce`; or the list is missing, or has another length.
        DistError: as `all_reduce`.
    """
    engine = engine_of(group, "gather")
    root = place_in(engine, dst, "gather")
    if engine.rank == root:
        _check_length("gather", gather_list, engine.size)
    rows = _empty(tensor.array, engine.size)  # (W, ..)
    engine.all_gather(rows, tensor.array)
    if engine.rank == root:
        _spread(gather_list or [], rows)
    return work(async_op)


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int = 0,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Each rank gets its tensor of a list that one rank has.

    Args:
        tensor: any shape; written.
        scatter_list: on `src` a tensor for each rank, of that shape. None elsewhere.
        src: the number of that rank among all.
        group: None means all ranks.
        async_op: return a `Work` to wait for.

    Returns:
        None; a `Work` for `async_op`.

    Raises:
        ValueError: as `all_reduce`; or the list is missing, or has another length.
        DistError: as `all_reduce`.
    """
    engine = engine_of(group, "scatter")
    root = place_in(engine, src, "scatter")
    rows = _empty(tensor.array, engine.size)  # (W, ..)
    if engine.rank == root:
        _check_length("scatter", scatter_list, engine.size)
        for row, part in zip(rows, scatter_list or (), strict=True):
            row[...] = part.array
    engine.broadcast(rows, root)
    tensor.writable()[...] = rows[engine.rank]
    return work(async_op)


def _empty(like: Array, size: int) -> Array:
    return namespace(like).empty((size, *like.shape), like.dtype)


def _check_length(call: str, tensors: Sequence[Tensor] | None, size: int) -> None:
    if tensors is None or len(tensors) != size:
        got = "none" if tensors is None else len(tensors)
        raise ValueError(f"{call}: expected a list of {size} tensors, one for each rank, got {got}")


def _spread(tensors: Sequence[Tensor], rows: Array) -> None:
    for tensor, row in zip(tensors, rows, strict=True):
        tensor.writable()[...] = row


def _rows(whole: Array, part: Array, size: int, call: str) -> Array:
    """(W * N, ..) or (W, N, ..) as (W, N, ..). Raises ValueError unless a part is (N, ..)."""
    if whole.size != size * part.size or whole.dtype != part.dtype:
        what = f"expected {size} times {described(part)}, got {described(whole)}"
        raise ValueError(f"{call}: {what}: one for each rank")
    return whole.reshape(size, *part.shape)


def _back(out: Array, rows: Array) -> None:
    """Write rows into the array that they were cut from; nothing to do where they show its memory."""
    if not namespace(out).may_share_memory(out, rows):
        out[...] = rows.reshape(out.shape)
