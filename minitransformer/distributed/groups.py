"""Groups of ranks: the one of all ranks, smaller ones, and where in them this rank is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from minitransformer.collectives import threads, world
from minitransformer.collectives.engine import Engine

ProcessGroup: TypeAlias = Engine


class group:
    """Two names for groups, as PyTorch has them.

    Attributes:
        WORLD: the group of all ranks: None, which every function takes for it.
        NON_GROUP_MEMBER: what `new_group` returns to a rank that is not in the new group.
    """

    WORLD = None
    NON_GROUP_MEMBER = object()


def is_available() -> bool:
    """Whether ranks can be started; those of `local` always can.

    Returns:
        True.
    """
    return True


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | float | None = None,
    world_size: int = -1,
    rank: int = -1,
) -> None:
    """Become one of the ranks that compute together. Every rank calls this, once.

    Args:
        backend: "local" for threads of this process (see `spawn`), "mpi" for processes that mpiexec or srun started.
            None takes what this rank was started by.
        init_method: accepted as in PyTorch: "env://" or None; ranks find each other by their launcher.
        timeout: how long a rank waits for the others before it gives up; seconds, or a timedelta. 30 seconds if None.
        world_size: the number of ranks; it is checked.
        rank: the number of this one, in the same way.

    Raises:
        RuntimeError: this rank is in a group already.
        ValueError: another backend, or another number of ranks than there are.
        ImportError: what the backend needs is not installed; the message says what to install.
    """
    if init_method not in (None, "env://"):
        raise ValueError(f"init_process_group: expected init_method 'env://' or None, got {init_method!r}")
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    world.enter(backend, world_size, rank, world.TIMEOUT if seconds is None else float(seconds))


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """Leave a group.

    Args:
        group: None leaves the group of all ranks; a smaller one ends with it.
    """
    if group is None:
        world.leave()


def is_initialized() -> bool:
    """Whether this process, or this thread of `spawn`, is one of several ranks.

    Returns:
        True or False.
    """
    return world.is_entered()


def engine_of(group: ProcessGroup | None, call: str) -> Engine:
    """The group of a call.

    Args:
        group: as it was given; None means all ranks.
        call: its name, for errors.

    Returns:
        The group.

    Raises:
        ValueError: there is none, or this rank is not in it.
    """
    everyone = world.current(call)
    if group is None:
        return everyone
    if not isinstance(group, Engine):
        raise ValueError(f"{call}: rank {everyone.rank} is not in this group; let only its members call")
    return group


def get_rank(group: ProcessGroup | None = None) -> int:
    """The number of this rank.

    Args:
        group: in which it is counted; None means all ranks.

    Returns:
        From 0 on.

    Raises:
        ValueError: `init_process_group` has not been called, or this rank is not in the group.
    """
    return engine_of(group, "get_rank").rank


def get_world_size(group: ProcessGroup | None = None) -> int:
    """The number of ranks.

    Args:
        group: whose; None means all ranks.

    Returns:
        From 1 on.

    Raises:
        ValueError: `init_process_group` has not been called, or this rank is not in the group.
    """
    return engine_of(group, "get_world_size").size


def get_backend(group: ProcessGroup | None = None) -> str:
    """How the ranks of a group tell each other.

    Args:
        group: whose; None means all ranks.

    Returns:
        "local" or "mpi".

    Raises:
        ValueError: `init_process_group` has not been called, or this rank is not in the group.
    """
    return engine_of(group, "get_backend").name


def get_process_group_ranks(group: ProcessGroup | None = None) -> list[int]:
    """The ranks of a group.

    Args:
        group: which; None means all ranks.

    Returns:
        Their numbers among all.

    Raises:
        ValueError: `init_process_group` has not been called, or this rank is not in the group.
    """
    return list(engine_of(group, "get_process_group_ranks").ranks)


def get_global_rank(group: ProcessGroup | None, group_rank: int) -> int:
    """The number among all of a rank of a group.

    Args:
        group: which; None means all ranks.
        group_rank: its number in the group.

    Returns:
        Its number among all.

    Raises:
        ValueError: there is no such rank.
    """
    engine = engine_of(group, "get_global_rank")
    if not 0 <= group_rank < engine.size:
        raise ValueError(f"get_global_rank: expected a rank from 0 to {engine.size - 1}, got {group_rank}")
    return engine.ranks[group_rank]


def get_group_rank(group: ProcessGroup | None, global_rank: int) -> int:
    """The number in a group of a rank.

    Args:
        group: which; None means all ranks.
        global_rank: its number among all.

    Returns:
        Its number in the group.

    Raises:
        ValueError: it is not in the group.
    """
    return place_in(engine_of(group, "get_group_rank"), global_rank, "get_group_rank")


def place_in(engine: Engine, rank: int | None, call: str) -> int:
    """Where in a group a rank is.

    Args:
        engine: the group.
        rank: its number among all; None means the first of the group.
        call: who asks, for the error.

    Returns:
        Its number in the group.

    Raises:
        ValueError: it is not in the group.
    """
    if rank is None:
        return 0
    if rank not in engine.ranks:
        raise ValueError(f"{call}: expected a rank of the group {list(engine.ranks)}, got {rank}")
    return engine.ranks.index(rank)


def new_group(ranks: Sequence[int] | None = None) -> Any:
    """A group of some ranks. All ranks call this, those outside too, and in the same order.

    Args:
        ranks: their numbers among all; None means all.

    Returns:
        The group; `group.NON_GROUP_MEMBER` on a rank that is not in it.

    Raises:
        ValueError: a rank is named twice, or does not exist; or `init_process_group` has not been called.
    """
    engine = engine_of(None, "new_group")
    wanted = list(range(engine.size)) if ranks is None else sorted(ranks)
    if len(set(wanted)) < len(wanted) or not wanted or not set(wanted) <= set(range(engine.size)):
        raise ValueError(f"new_group: expected different ranks from 0 to {engine.size - 1}, got {ranks}")
    engine.agree(f"new_group({wanted})")
    return engine.part(wanted) or group.NON_GROUP_MEMBER


def barrier(group: ProcessGroup | None = None) -> None:
    """Wait until all ranks of a group are here.

    Args:
        group: which; None means all ranks.

    Raises:
        ValueError: `init_process_group` has not been called, or this rank is not in the group.
        DistError: a rank has ended, does not come, or calls something else.
    """
    engine_of(group, "barrier").barrier()


def spawn(fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1) -> list[Any]:
    """Run a function on several ranks, each a thread of this process, with random numbers of its own.

    Each begins where the caller's random numbers are. Settings of the caller, such as `no_grad`, hold in all of them. The function
    calls `init_process_group("local")` to meet the others.

    Args:
        fn: called with the number of the rank and `args`.
        args: its other arguments.
        nprocs: the number of ranks.

    Returns:
        What each rank returned.

    Raises:
        DistError: a rank raised an error, which is named; the others are ended.
        ValueError: `nprocs` is below 1.
    """
    if nprocs < 1:
        raise ValueError(f"spawn: expected nprocs >= 1, got {nprocs}")
    return threads.run(fn, args, nprocs)
