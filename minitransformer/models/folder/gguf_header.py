"""A check of a GGUF file's header, before the package that reads the file relies on the sizes in it.

The header consists of four bytes "GGUF", the version, the numbers of arrays and settings, the settings, and for each array its
name, sizes, kind and offset. Strings and lists state their own length, and a damaged file may state any length: the check ends
with an error wherever a stated length goes beyond the file.
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
MOST_ITEMS = 2**20  # of all lists together: the package makes a Python object of each
MOST_DIMENSIONS = 4
ALIGNMENT = "general.alignment"


class _Cursor:
    """A reader of a file from front to back. Every method raises ValueError if the file ends too early."""

    def __init__(self, content: mmap.mmap):
        self.content, self.at, self.items = content, 0, MOST_ITEMS

    def skip(self, length: int) -> int:
        """Move `length` bytes on; returns where they begin."""
        start = self.at
        self.at = self.at + length
        if self.at > len(self.content):
            raise ValueError(f"what begins at byte {start:,} ends beyond the file")
        return start

    def number(self, form: str) -> int:
        """Read one number; `form` is its format for `struct`."""
        number: int = struct.unpack_from(form, self.content, self.skip(struct.calcsize(form)))[0]
        return number

    def text(self) -> str:
        """Read a string: its length, then its bytes in UTF-8."""
        start = self.skip(self.number("<Q"))
        return self.content[start : self.at].decode()

    def setting(self, kind: int) -> None:
        """Skip one value of the given kind."""
        if kind in SCALARS:
            self.skip(SCALARS[kind])
        elif kind == STRING:
            self.text()
        else:
            raise ValueError(f"a setting has the unknown kind {kind}")

    def list(self) -> None:
        """Skip a list: the kind of its items, their number, and the items."""
        kind = self.number("<I")
        length = self.number("<Q")
        self.items -= length
        if self.items < 0:
            raise ValueError(f"its lists hold more than {MOST_ITEMS:,} items")
        for _ in range(length):
            self.setting(kind)


def check_header(path: Path, block_sizes: Mapping[int, tuple[int, int]]) -> None:
    """Check that everything that the header states lies within the file.

    Args:
        path: the GGUF file.
        block_sizes: kind of array -> (numbers in a block, bytes of a block).

    Raises:
        ValueError: if it does not; the message says what is wrong.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        cursor = _Cursor(content)
        magic = content[: cursor.skip(4) + 4]
        version = cursor.number("<I")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"expected GGUF of version 2 or 3, got {one_line(magic)} {version}")
        arrays = cursor.number("<Q")
        settings = cursor.number("<Q")
        alignment = _check_settings(cursor, settings)
        places = _places(cursor, arrays, block_sizes)
        start = -(-cursor.at // alignment) * alignment
        for name, (offset, length) in places.items():
            if offset % alignment or start + offset + length > len(content):
                raise ValueError(f"the array {one_line(name)} does not lie within the file")


def _check_settings(cursor: _Cursor, number: int) -> int:
    """Skip all settings; returns the alignment of arrays, in bytes."""
    alignment = 32
    names = set()
    for _ in range(number):
        name = cursor.text()
        kind = cursor.number("<I")
        if name in names:
            raise ValueError(f"the setting {one_line(name)} occurs twice")
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
    """Array's name -> (its offset from the end of the header, its length), in bytes."""
    places = {}
    for _ in range(number):
        name = cursor.text()
        dimensions = cursor.number("<I")
        if name in places or dimensions > MOST_DIMENSIONS:
            raise ValueError(f"the array {one_line(name)} occurs twice, or has {dimensions} dimensions")
        sizes = [cursor.number("<Q") for _ in range(dimensions)]
        kind = cursor.number("<I")
        if kind not in block_sizes or (sizes and sizes[0] % block_sizes[kind][0]):
            raise ValueError(f"{one_line(name)}: sizes {sizes} do not fit the kind {kind}")
        places[name] = cursor.number("<Q"), math.prod(sizes) // block_sizes[kind][0] * block_sizes[kind][1]
    return places
