"""Calls of two ranks: one sends a tensor, the other receives it."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.distributed.groups import ProcessGroup, engine_of, place_in
from minitransformer.distributed.work import Work


def send(tensor: Tensor, dst: int, group: ProcessGroup | None = None, tag: int = 0) -> None:
    """Send a tensor to another rank.

    Args:
        tensor: any shape.
        dst: the number of that rank among all.
        group: None means all ranks.
        tag: a number that `recv` must ask for.

    Raises:
        ValueError: `init_process_group` has not been called, or `dst` is not in the group or this rank itself.
        DistError: the rank does not receive it in time.
    """
    engine = engine_of(group, "send")
    to = place_in(engine, dst, "send")
    if to == engine.rank:
        raise ValueError(f"send: expected another rank than this one, got {dst}")
    engine.send(tensor.array, to, tag)


def recv(tensor: Tensor, src: int | None = None, group: ProcessGroup | None = None, tag: int = 0) -> int:
    """Receive a tensor from another rank, in place.

    Args:
        tensor: of the shape and dtype that are sent; written.
        src: the number of that rank among all; None for any.
        group: None means all ranks.
        tag: the number that it was sent with.

    Returns:
        The number of the rank that sent it.

    Raises:
        ValueError: `init_process_group` has not been called, or `src` is not in the group.
        DistError: nothing comes, the sender has ended, or it sent another shape or dtype.
    """
    engine = engine_of(group, "recv")
    source = None if src is None else place_in(engine, src, "recv")
    return engine.ranks[engine.receive(tensor.writable(), source, tag)]


def isend(tensor: Tensor, dst: int, group: ProcessGroup | None = None, tag: int = 0) -> Work:
    """`send`, with something to wait for.

    Args:
        tensor: any shape.
        dst: the number of the other rank among all.
        group: None means all ranks.
        tag: a number that `recv` must ask for.

    Returns:
        The call; the tensor may be changed after its `wait`.

    Raises:
        ValueError: as `send`.
    """
    engine = engine_of(group, "isend")
    return Work(engine.sending(tensor.array, place_in(engine, dst, "isend"), tag))


def irecv(tensor: Tensor, src: int | None = None, group: ProcessGroup | None = None, tag: int = 0) -> Work:
    """`recv`, made by the `wait` of what this returns.

    Args:
        tensor: of the shape and dtype that are sent; written.
        src: the number of the other rank among all; None for any.
        group: None means all ranks.
        tag: the number that it was sent with.

    Returns:
        The call; the tensor may be read after its `wait`.

    Raises:
        ValueError: as `recv`.
    """
    engine_of(group, "irecv")
    return Work(lambda: recv(tensor, src, group, tag))
