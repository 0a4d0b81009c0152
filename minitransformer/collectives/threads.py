"""Starts ranks as threads. The first error ends them all."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from minitransformer import randomness
from minitransformer.collectives import world
from minitransformer.collectives.engine import DistError
from minitransformer.collectives.local import Room

LAST = 2.0  # seconds that the other ranks have to end after an error


class _Rank(threading.Thread):
    """One rank.

    Args:
        room: of all.
        rank: its number.
        call: what it runs.
        failed: where the errors of all ranks are collected, the first one first.
    """

    def __init__(
        self, room: Room, rank: int, call: Callable[[], Any], failed: list[tuple[int, BaseException]]
    ):
        self.room, self.rank, self.call, self.failed = room, rank, call, failed
        self.result: Any = None
        context = contextvars.copy_context()
        super().__init__(target=lambda: context.run(self._work), name=f"rank {rank}", daemon=True)

    def _work(self) -> None:
        try:
            with randomness.apart(), world.seat.apart(world.Seat(self.room, self.rank)), world.apart():
                self.result = self.call()
        except BaseException as error:
            self.failed.append((self.rank, error))
        finally:
            self.room.leave(self.rank)


def run(fn: Callable[..., Any], args: tuple[Any, ...], size: int) -> list[Any]:
    """Run a function on several ranks, each a thread.

    Args:
        fn: called with the number of the rank and `args`.
        args: its other arguments.
        size: the number of ranks.

    Returns:
        What each rank returned.

    Raises:
        DistError: if a rank raises an error; the other ranks end too.
    """
    room = Room(size)
    failed: list[tuple[int, BaseException]] = []
    ranks = [_Rank(room, rank, partial(fn, rank, *args), failed) for rank in range(size)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        while rank.is_alive() and not failed:
            rank.join(0.05)
        rank.join(LAST if failed else None)
    if failed:
        number, error = failed[0]
        what = (
            str(error) if isinstance(error, DistError) else f"rank {number}: {type(error).__name__}: {error}"
        )
        raise DistError(what) from error
    return [rank.result for rank in ranks]
