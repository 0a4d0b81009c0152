"""When each stage of a pipeline worked: a record to draw, and the bubble, the share of time in which stages wait.

With P stages and M micro-batches of equal cost, the bubble is (P - 1) / (M + P - 1), by both schedules: 1F1B keeps less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Slot(NamedTuple):
    """One piece of work.

    Attributes:
        rank: who did it, counted among all ranks.
        stage: the stage.
        micro_batch: of which micro-batch.
        kind: "forward" or "backward".
        begin: when it began, in seconds since the step did.
        end: when it ended.
        busy: the seconds of a processor that it took.
    """

    rank: int
    stage: int
    micro_batch: int
    kind: str
    begin: float
    end: float
    busy: float


def laid_out(slots: Sequence[Slot]) -> list[Slot]:
    """The same work as it would go if each stage had a processor of its own: each piece begins as soon as it can.

    A stage works in its order; a piece waits for that of the neighbour whose result it reads.

    Args:
        slots: of all stages.

    Returns:
        The slots, whose length is their `busy`.

    Raises:
        ValueError: a piece waits for one that is missing.
    """
    last = max(slot.stage for slot in slots)
    rows = {s: [slot for slot in slots if slot.stage == s] for s in range(last + 1)}
    rows = {s: sorted(row, key=lambda slot: slot.begin) for s, row in rows.items()}
    done: dict[tuple[int, int, str], Slot] = {}
    free = dict.fromkeys(rows, 0.0)
    while any(rows.values()):
        ready = [row[0] for row in rows.values() if row and _before(row[0], last) <= done.keys()]
        if not ready:
            raise ValueError("laid_out: expected all pieces of work of a step, got some that wait for others")
        for slot in ready:
            waits = [done[k].end for k in _before(slot, last)]
            begin = max([free[slot.stage], *waits])
            end = free[slot.stage] = begin + slot.busy
            done[slot.stage, slot.micro_batch, slot.kind] = slot._replace(begin=begin, end=end)
            rows[slot.stage].pop(0)
    return list(done.values())


def _before(slot: Slot, last: int) -> set[tuple[int, int, str]]:
    """What a piece of work reads the result of."""
    if slot.kind == "forward":
        return {(slot.stage - 1, slot.micro_batch, "forward")} if slot.stage else set()
    if slot.stage == last:
        return {(last, slot.micro_batch, "forward")}
    return {(slot.stage + 1, slot.micro_batch, "backward")}


def bubble(slots: Sequence[Slot]) -> float:
    """The share of time in which stages wait.

    Args:
        slots: of all stages; their length counts.

    Returns:
        From 0 to 1.
    """
    stages = {slot.stage for slot in slots}
    span = max(slot.end for slot in slots) - min(slot.begin for slot in slots)
    return 1 - sum(slot.end - slot.begin for slot in slots) / (len(stages) * span)
