"""Where each exercise stands in the library: what `minitransformer tour --mine` swaps."""

from __future__ import annotations

from minitransformer.course.places import engine, explaining, families, generating, heads, layers, learning
from minitransformer.course.places.place import Place, Places

__all__ = ["PLACES", "Place"]

ROOMS = (engine, layers, heads, learning, generating, explaining, families)
PLACES: Places = {name: places for room in ROOMS for name, places in room.PLACES.items()}
