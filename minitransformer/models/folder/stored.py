"""The weights of a folder: one file, or several that an index lists; safetensors, or else PyTorch's own form.

Of safetensors each array is read when it is asked for, and converted, so that the file's numbers and the model's are not all in
memory at once. PyTorch's files are read by `serialization.load`, which runs nothing in them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import safetensors

from minitransformer.autograd import Tensor
from minitransformer.backends import DType, float32
from minitransformer.brain_float import from_bits
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
from minitransformer.serialization import load

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
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
        numbers = from_bits(flat) if entry.kind == "BF16" else flat
        return numbers.astype(self.dtype, copy=False).reshape(entry.shape)

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


class Held(Mapping[str, numpy.ndarray]):
    """Arrays that are in memory already, each converted when it is asked for.

    Args:
        arrays: array by name.
        dtype: the dtype that the arrays get.
    """

    def __init__(self, arrays: Mapping[str, numpy.ndarray], dtype: DType = float32):
        self.arrays = arrays
        self.dtype = dtype

    def __getitem__(self, name: str) -> numpy.ndarray:
        return self.arrays[name].astype(self.dtype, copy=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    @property
    def kinds(self) -> dict[str, str]:
        """Name -> its dtype, as safetensors names it."""
        names = {numpy.dtype(dtype): kind for kind, dtype in DTYPES.items()}
        return {name: names.get(array.dtype, "BF16") for name, array in self.arrays.items()}

    @property
    def sizes(self) -> dict[str, int]:
        """Name -> how many numbers the array holds."""
        return {name: array.size for name, array in self.arrays.items()}


def find_weights(folder: Path, dtype: DType = float32) -> Stored | Held:
    """The weights of a folder.

    Args:
        folder: the folder; links in it are followed.
        dtype: the dtype that the arrays get.

    Returns:
        The arrays.

    Raises:
        FileError: if the folder has no weights, or a file is damaged, or the index names a file outside the folder, or
            an array has a dtype that is not read here.
    """
    if (folder / WEIGHTS).exists():
        return Stored(_entries(folder / WEIGHTS), dtype)
    if (folder / INDEX).exists():
        return Stored(_united(folder / INDEX, _entries), dtype)
    if (folder / PICKLED).exists():
        return Held(_pickled(folder / PICKLED), dtype)
    if (folder / PICKLED_INDEX).exists():
        return Held(_united(folder / PICKLED_INDEX, _pickled), dtype)
    raise FileError(f"{folder}: expected {WEIGHTS}, {INDEX} or {PICKLED} in it, got none of them; {AGAIN}")


def _united(path: Path, read: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The arrays of all files that an index lists. FileError if a file holds others than the index says."""
    listed = _weight_map(path)
    arrays: dict[str, Any] = {}
    for file in sorted(set(listed.values())):
        found = read(path.parent / file)
        expected = {name for name, place in listed.items() if place == file}
        if wrong := sorted(expected ^ found.keys()):
            raise FileError(
                f"{path.parent / file}: {one_line(wrong[0])}: the index and the file differ in where it is; {AGAIN}"
            )
        arrays |= found
    return arrays


def _weight_map(path: Path) -> dict[str, str]:
    """Name of an array -> name of its file, of which each lies in the folder."""
    with blaming(path):
        index = parse_json(read_text(path))
        listed = index.get("weight_map") if isinstance(index, dict) else None
        if not isinstance(listed, dict) or not all(isinstance(file, str) for file in listed.values()):
            raise ValueError("expected file names by array under weight_map")
        for file in listed.values():
            if file in ("", ".", "..") or set(file) & set("/\\:\0"):
                raise ValueError(
                    f"weight_map: expected the name of a file in this folder, got {one_line(repr(file))}"
                )
    return listed


def _pickled(path: Path) -> dict[str, numpy.ndarray]:
    """The arrays of one file of PyTorch's."""
    state = load(path, "cpu")
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise FileError(
            f"{path}: expected tensors by name, as state_dict() gives, got something else; {AGAIN}"
        )
    return {str(name): value.detach().numpy() for name, value in state.items()}


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
