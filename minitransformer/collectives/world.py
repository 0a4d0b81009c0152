"""The group of all ranks: a program enters it once, and leaves it at the end."""

from __future__ import annotations

import importlib
import os
from typing import NamedTuple

from minitransformer.collectives.engine import Engine
from minitransformer.collectives.local import Local, Room
from minitransformer.settings import Held, setting

TIMEOUT = 30.0  # seconds
BACKENDS = ("local", "mpi")
# the number of processes, as the launchers of MPICH, Open MPI and Slurm tell it
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS")


class Seat(NamedTuple):
    """The place of a thread in the room of a `local` run."""

    room: Room
    rank: int


seat: Held[Seat | None] = Held("seat", None)
_world: Held[Engine | None] = Held("world", None)


def enter(backend: str | None, world_size: int, rank: int, timeout: float) -> Engine:
    """Become one of the ranks.

    Args:
        backend: "local" or "mpi"; None takes "local" in a thread of `spawn`, and else "mpi".
        world_size: how many ranks are expected; -1 for as many as there are.
        rank: which is expected here; -1 for any.
        timeout: seconds for which a rank waits for the others.

    Returns:
        The group of all ranks.

    Raises:
        ValueError: for another backend, or another number of ranks than there are.
        RuntimeError: if this rank is in a group already.
    """
    if _world.get() is not None:
        raise RuntimeError(
            "init_process_group: this process is in a group already; call destroy_process_group first"
        )
    if backend not in (None, *BACKENDS):
        raise ValueError(f"init_process_group: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    name = backend or ("mpi" if seat.get() is None and launched() else "local")
    made = _local(timeout) if name == "local" else _imported(name, world_size, rank, timeout)
    if world_size not in (-1, made.size) or rank not in (-1, made.rank):
        what = f"expected rank {rank} of {world_size}, got rank {made.rank} of {made.size}"
        raise ValueError(f"init_process_group: {what}; leave both out, or start that many ranks")
    _world.set(made)
    return made


def launched() -> bool:
    """Whether this process was started as one of several by mpiexec or srun.

    Returns:
        True or False.
    """
    return any(int(os.environ.get(name) or 1) > 1 for name in SIZES)


def _local(timeout: float) -> Engine:
    place = seat.get() or Seat(Room(1), 0)
    return Local(place.room, range(place.room.size), place.rank, timeout)


def _imported(name: str, world_size: int, rank: int, timeout: float) -> Engine:
    """An engine whose libraries are an extra."""
    made: Engine = importlib.import_module(f"minitransformer.collectives.{name}").world(
        world_size, rank, timeout
    )
    return made


def leave() -> None:
    """Leave the group of all ranks."""
    if (engine := _world.get()) is not None:
        _world.set(None)
        engine.end()


def current(call: str) -> Engine:
    """The group of all ranks.

    Args:
        call: what needs it, for the error.

    Returns:
        The group.

    Raises:
        ValueError: this process is in no group.
    """
    if (engine := _world.get()) is None:
        raise ValueError(f"{call}: there is no process group; call distributed.init_process_group first")
    return engine


def is_entered() -> bool:
    """Whether this process, or this thread of `spawn`, is one of several ranks.

    Returns:
        True or False.
    """
    return _world.get() is not None


def apart() -> setting:
    """A group of one's own inside a `with` block: none at first.

    Returns:
        A context manager.
    """
    return _world.apart(None)
