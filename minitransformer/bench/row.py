"""One line of what `bench` reports."""

from __future__ import annotations

from dataclasses import dataclass

from minitransformer.bench.pairs import Ratio


@dataclass(frozen=True)
class Row:
    """What was compared with what, the ratio of times or memory, the target, and whether the ratio meets it.

    Without a `ratio`, `note` says why there is none; without a target, `target` is "" and `met` is None.
    """

    name: str
    against: str
    ratio: Ratio | None
    target: str = ""
    met: bool | None = None
    note: str = ""


def held_to(name: str, against: str, ratio: Ratio, limit: float) -> Row:
    """A row whose median ratio should be at most `limit`."""
    return Row(name, against, ratio, f"<= {limit:.3g}", ratio.median <= limit)
