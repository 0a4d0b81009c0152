"""One line of the table of `bench`."""

from __future__ import annotations

from dataclasses import dataclass

from minitransformer.bench.pairs import Ratio


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: What was measured.
        against: What it is compared with.
        ratio: Of times or memory; None if it could not be measured.
        target: What the ratio should be, such as "<= 1.2"; "" if there is no target.
        met: Whether it is; None if there is no target.
        note: Why there is no ratio, or "".
    """

    name: str
    against: str
    ratio: Ratio | None
    target: str = ""
    met: bool | None = None
    note: str = ""


def held_to(name: str, against: str, ratio: Ratio, limit: float) -> Row:
    """A row whose median ratio should be at most `limit`.

    Args:
        name: What was measured.
        against: What it is compared with.
        ratio: The measured ratio.
        limit: The target.

    Returns:
        The row.
    """
    return Row(name, against, ratio, f"<= {limit:.3g}", ratio.median <= limit)
