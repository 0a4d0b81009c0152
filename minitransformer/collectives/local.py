"""Ranks that are threads of one process. They meet in a room, lay down copies of their arrays, and take those of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from minitransformer.backends import Array
from minitransformer.collectives.engine import DistError, Engine, described
from minitransformer.collectives.reductions import ReduceOp, reduced

Letter = tuple[int, int, Array]  # from whom, with which tag, what


class Room:
    """What the threads of one run share.

    Args:
        size: the number of threads.

    Attributes:
        size: as given.
        ended: the ranks that have ended.
        tables: for each meeting of a group what its ranks have laid down, by their place in the group.
        boxes: for each group and receiver the letters that have come.
    """

    def __init__(self, size: int):
        self.size = size
        self.door = threading.Condition()
        self.ended: set[int] = set()
        self.tables: dict[Any, dict[int, Any]] = {}
        self.boxes: dict[Any, list[Letter]] = {}

    def leave(self, rank: int) -> None:
        """Let the others know that a rank has ended.

        Args:
            rank: which.
        """
        with self.door:
            self.ended.add(rank)
            self.door.notify_all()

    def wait(
        self,
        ready: Callable[[], Any],
        missing: Callable[[], Collection[int]],
        who: str,
        timeout: float,
        any_one: bool = False,
    ) -> None:
        """Wait, with the door held. Raises DistError if it takes too long, or if one that is missing has ended.

        Args:
            ready: whether there is nothing to wait for.
            missing: the ranks that are waited for.
            who: the rank that waits, and its call.
            timeout: seconds.
            any_one: whether one of those that are missing is enough, so that only the end of all of them is an error.
        """
        end = time.monotonic() + timeout
        while not ready():
            gone = sorted(self.ended & set(missing()))
            if gone and not (any_one and len(gone) < len(missing())):
                raise DistError(f"{who}: rank {gone[0]} has ended without coming to it")
            if not self.door.wait(end - time.monotonic()) and not ready():
                late = ", ".join(f"rank {rank}" for rank in missing())
                raise DistError(f"{who}: {late} did not come within {timeout:g} seconds")


class Local(Engine):
    """A group of threads.

    Args:
        room: what they share.
        ranks: the number of each rank of the group among all.
        rank: which of them this thread is, counted within the group.
        timeout: seconds for which a rank waits for the others.
        key: tells this group from others of the same ranks.
    """

    name = "local"

    def __init__(self, room: Room, ranks: Sequence[int], rank: int, timeout: float, key: Any = ()):
        super().__init__(ranks, rank, timeout)
        self.room, self.key = room, key
        self.met = self.parts = 0  # how often

    def _meet(self, value: Any, call: str) -> list[Any]:
        """What each rank lays down."""
        room, key = self.room, (self.key, self.met)
        self.met += 1
        with room.door:
            table = room.tables.setdefault(key, {})
            table[self.rank] = value
            if len(table) == self.size:  # then all have read what lay here the last time
                room.tables.pop((self.key, self.met - 2), None)
                room.door.notify_all()
            room.wait(
                lambda: len(table) == self.size, lambda: self._missing(table), self._who(call), self.timeout
            )
        return [table[place] for place in range(self.size)]

    def _missing(self, table: dict[int, Any]) -> list[int]:
        return [rank for place, rank in enumerate(self.ranks) if place not in table]

    def _who(self, call: str) -> str:
        return f"rank {self.ranks[self.rank]} in {call}"

    def told(self, call: str) -> list[str]:
        return self._meet(call, call)

    def reduce_all(self, array: Array, op: ReduceOp, call: str) -> None:
        parts = self._meet(array.copy(), call)
        array[...] = reduced([parts[0].copy(), *parts[1:]], op)

    def copy_from(self, array: Array, root: int, call: str) -> None:
        array[...] = self._meet(array.copy() if self.rank == root else None, call)[root]

    def gather(self, out: Array, array: Array, call: str) -> None:
        for row, part in zip(out, self._meet(array.copy(), call), strict=True):
            row[...] = part

    def swap(self, out: Array, array: Array, call: str) -> None:
        for row, part in zip(out, self._meet(array.copy(), call), strict=True):
            row[...] = part[self.rank]

    def put(self, array: Array, to: int, tag: int, call: str) -> Callable[[], object]:
        with self.room.door:
            self.room.boxes.setdefault((self.key, to), []).append((self.rank, tag, array.copy()))
            self.room.door.notify_all()
        return lambda: None

    def take(self, array: Array, source: int | None, tag: int, call: str) -> int:
        room = self.room
        others = [rank for rank in self.ranks if rank != self.ranks[self.rank]]
        others = others if source is None else [self.ranks[source]]
        with room.door:
            box = room.boxes.setdefault((self.key, self.rank), [])
            ready = partial(_fitting, box, source, tag)
            room.wait(ready, lambda: others, self._who(call), self.timeout, any_one=source is None)
            letter = box.pop(ready()[0])
        if (got := described(letter[2])) != described(array):
            raise DistError(f"{self._who(call)}: rank {self.ranks[letter[0]]} sent {got}")
        array[...] = letter[2]
        return letter[0]

    def part(self, ranks: Sequence[int]) -> Engine | None:
        self.parts += 1
        if self.rank not in ranks:
            return None
        key = (self.key, self.parts, tuple(ranks))
        numbers = [self.ranks[place] for place in ranks]
        return Local(self.room, numbers, list(ranks).index(self.rank), self.timeout, key)


def _fitting(box: list[Letter], source: int | None, tag: int) -> list[int]:
    """The places in a box of the letters from a rank, or from any, with a tag."""
    return [i for i, letter in enumerate(box) if letter[1] == tag and source in (None, letter[0])]
