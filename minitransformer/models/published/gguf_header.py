"""The header of a GGUF file held to the file's own size, before the package that reads it believes a number of it.

Eight bytes of magic and version, how many arrays and settings there are, the settings, and of each array the name, sizes,
kind and place. All strings and lists say how long they are; nothing else is believed here than what lies in the file.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path

from minitransformer.files import one_line

SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # kind of a setting -> bytes
UINT32, STRING, ARRAY = 4, 8, 9
MOST_ITEMS = 2**20  # of all lists: the package makes an object of each
MOST_DIMENSIONS = 4
ALIGNMENT = "general.alignment"


class _Cursor:
    """A place in a file that never leaves it. Raises ValueError where the file ends too early."""

    def __init__(self, content: mmap.mmap):
        self.content, self.at, self.items = content, 0, MOST_ITEMS

    def skip(self, length: int) -> int:
        """Go on by so many bytes; returns where they began."""
        start, self.at = self.at, self.at + length
        if self.at > len(self.content):
            raise ValueError(f"what begins at byte {start:,} ends beyond the file")
        return start

    def number(self, form: str) -> int:
        return struct.unpack_from(form, self.content, self.skip(struct.calcsize(form)))[0]

    def text(self) -> str:
        start = self.skip(self.number("<Q"))
        return self.content[start : self.at].decode()

    def setting(self, kind: int) -> None:
        """Go past a setting of a kind, or the items of a list."""
        if kind in SCALARS:
            self.skip(SCALARS[kind])
        elif kind == STRING:
            self.text()
        else:
            raise ValueError(f"a setting is of the unknown kind {kind}")

    def list(self) -> None:
        """Go past a list."""
        kind, length = self.number("<I"), self.number("<Q")
        self.items -= length
        if self.items < 0:
            raise ValueError(f"its lists hold more than {MOST_ITEMS:,} items")
        for _ in range(length):
            self.setting(kind)


def check_header(path: Path, block_sizes: Mapping[int, tuple[int, int]]) -> None:
    """Raise ValueError if the header does not describe the file. `block_sizes`: kind of array -> (numbers, bytes) of a block."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        cursor = _Cursor(content)
        magic, version = content[: cursor.skip(4) + 4], cursor.number("<I")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"expected GGUF of version 2 or 3, got {one_line(magic)} {version}")
        arrays, settings = cursor.number("<Q"), cursor.number("<Q")
        alignment = _check_settings(cursor, settings)
        places = _places(cursor, arrays, block_sizes)
        start = -(-cursor.at // alignment) * alignment
        for name, (offset, length) in places.items():
            if offset % alignment or start + offset + length > len(content):
                raise ValueError(f"{one_line(name)} does not lie in the file")


def _check_settings(cursor: _Cursor, number: int) -> int:
    """Go past the settings; returns to what multiple of bytes arrays are aligned."""
    alignment, names = 32, set()
    for _ in range(number):
        name, kind = cursor.text(), cursor.number("<I")
        if name in names:
            raise ValueError(f"the setting {one_line(name)} stands twice")
        names.add(name)
        if name == ALIGNMENT and kind == UINT32:
            alignment = cursor.number("<I")
        elif kind == ARRAY:
            cursor.list()
        else:
            cursor.setting(kind)
    if not 1 <= alignment <= len(cursor.content) or alignment & (alignment - 1):
        raise ValueError(f"{ALIGNMENT}: expected a power of two, got {alignment}")
    return alignment


def _places(
    cursor: _Cursor, number: int, block_sizes: Mapping[int, tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    """Where each array begins after the header, and its bytes."""
    places = {}
    for _ in range(number):
        name, dimensions = cursor.text(), cursor.number("<I")
        if name in places or dimensions > MOST_DIMENSIONS:
            raise ValueError(f"the array {one_line(name)} stands twice, or has {dimensions} dimensions")
        sizes, kind = [cursor.number("<Q") for _ in range(dimensions)], cursor.number("<I")
        if kind not in block_sizes or (sizes and sizes[0] % block_sizes[kind][0]):
            raise ValueError(f"{one_line(name)}: sizes {sizes} do not suit the kind {kind}")
        places[name] = cursor.number("<Q"), math.prod(sizes) // block_sizes[kind][0] * block_sizes[kind][1]
    return places
