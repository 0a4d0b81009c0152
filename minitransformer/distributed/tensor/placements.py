"""Two ways in which a tensor lies on ranks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Replicate:
    """Every rank has the whole tensor."""


@dataclass(frozen=True)
class Shard:
    """Every rank has a part along a dimension.

    Args:
        dim: the dimension.
    """

    dim: int


Placement = Replicate | Shard
