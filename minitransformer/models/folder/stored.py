"""The weights of a folder: one safetensors file, or several that `model.safetensors.index.json` lists.

Each array is read when it is asked for, and converted, so that the file's numbers and the model's are not all in memory at
once. bfloat16, which NumPy lacks, is the upper half of float32.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import safetensors

from minitransformer.backends import DType, float32
from minitransformer.checkpoint import DTYPES
from minitransformer.files import (
    AGAIN,
    FileError,
    blaming,
    check_regular,
    one_line,
    parse_json,
    parsing,
    read_text,
)

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
STORED = DTYPES | {"BF16": "<u2"}


class Entry(NamedTuple):
    """Where an array stands.

    Attributes:
        path: the file.
        kind: its dtype, as safetensors names it, such as "BF16".
        shape: its shape.
        start: its first byte in the file.
    """

    path: Path
    kind: str
    shape: tuple[int, ...]
    start: int


class Stored(Mapping[str, numpy.ndarray]):
    """The arrays of a folder by name, each read and converted when it is asked for.

    Args:
        entries: where each array stands.
        dtype: the dtype that the arrays get.
    """

    def __init__(self, entries: Mapping[str, Entry], dtype: DType = float32):
        self.entries = dict(entries)
        self.dtype = dtype

    def __getitem__(self, name: str) -> numpy.ndarray:
        entry = self.entries[name]
        with open(entry.path, "rb") as file:
            file.seek(entry.start)
            flat = numpy.fromfile(file, STORED[entry.kind], math.prod(entry.shape))
        return real(flat, entry.kind).astype(self.dtype, copy=False).reshape(entry.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def kinds(self) -> dict[str, str]:
        """Name -> the dtype in the file, as safetensors names it."""
        return {name: entry.kind for name, entry in self.entries.items()}

    @property
    def sizes(self) -> dict[str, int]:
        """Name -> how many numbers the array holds."""
        return {name: math.prod(entry.shape) for name, entry in self.entries.items()}


def real(flat: numpy.ndarray, kind: str) -> numpy.ndarray:
    """Numbers as the file stores them, in a dtype that NumPy has.

    Args:
        flat: (n,), bfloat16 as its 16 bits.
        kind: the dtype in the file.

    Returns:
        (n,).
    """
    return (flat.astype("<u4") << 16).view(numpy.float32) if kind == "BF16" else flat


def find_weights(folder: Path, dtype: DType = float32) -> Stored:
    """The weights of a folder.

    Args:
        folder: the folder; links in it are followed.
        dtype: the dtype that the arrays get.

    Returns:
        The arrays, none of them read yet.

    Raises:
        FileError: if the folder has no safetensors file, or one is damaged, or the index names a file outside the folder, or
            an array has a dtype that is not read here.
    """
    if (folder / WEIGHTS).exists():
        return Stored(_entries(folder / WEIGHTS), dtype)
    if (folder / INDEX).exists():
        return Stored(_sharded(folder), dtype)
    if pickled := [name for name in PICKLED if (folder / name).exists()]:
        raise FileError(
            f"{folder}: expected {WEIGHTS}, got {pickled[0]}, a pickle; save it as safetensors, by "
            "`AutoModel.from_pretrained(folder).save_pretrained(folder)` in transformers"
        )
    raise FileError(f"{folder}: expected {WEIGHTS} or {INDEX} in it, got neither; {AGAIN}")


def _sharded(folder: Path) -> dict[str, Entry]:
    """The arrays of all files that the index lists. FileError if a file holds others than the index says."""
    path = folder / INDEX
    with blaming(path):
        index = parse_json(read_text(path))
        listed = index.get("weight_map") if isinstance(index, dict) else None
        if not isinstance(listed, dict) or not all(isinstance(file, str) for file in listed.values()):
            raise ValueError("expected file names by array under weight_map")
        for file in set(listed.values()):
            if file in ("", ".", "..") or "/" in file or "\\" in file or "\0" in file or ":" in file:
                raise ValueError(
                    f"weight_map: expected the name of a file in this folder, got {one_line(repr(file))}"
                )
    entries: dict[str, Entry] = {}
    for file in sorted(set(listed.values())):
        found = _entries(folder / file)
        expected = {name for name, place in listed.items() if place == file}
        if wrong := sorted(expected ^ found.keys()):
            raise FileError(
                f"{folder / file}: {one_line(wrong[0])}: the index and the file differ in where it is; {AGAIN}"
            )
        entries |= found
    return entries


def _entries(path: Path) -> dict[str, Entry]:
    """The arrays of one file."""
    check_regular(path)
    with parsing(path, "safetensors file"), safetensors.safe_open(path, framework="numpy"):
        pass  # opening checks names, dtypes, shapes and offsets against the file's size
    with open(path, "rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(start - 8))
    header.pop("__metadata__", None)
    return {name: _entry(path, name, start, said) for name, said in header.items()}


def _entry(path: Path, name: str, start: int, said: dict[str, Any]) -> Entry:
    if said["dtype"] not in STORED:
        raise FileError(
            f"{path}: {one_line(name)}: dtype {said['dtype']} is not read here, only {', '.join(STORED)}"
        )
    return Entry(path, said["dtype"], tuple(said["shape"]), start + said["data_offsets"][0])
