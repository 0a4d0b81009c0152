"""Weights in a safetensors file that is mapped into memory: the system reads a page of it when it is used.

The file consists of eight bytes with the length of a JSON header, the header, and the numbers. The header gives the dtype, the
shape, and the first and last byte of each array. The file contains no code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy
import safetensors

from minitransformer.checkpoint import DTYPES
from minitransformer.files import FileError, check_regular, one_line, parsing
from minitransformer.nn import Module

WEIGHTS = "converted-1.safetensors"  # another number when the layout changes
FETCH = "delete it, and fetch it again"


def pieces(arrays: Mapping[str, numpy.ndarray]) -> Iterator[bytes | numpy.ndarray]:
    """The content of a safetensors file.

    Args:
        arrays: float32 array by name.

    Yields:
        The header, then each array, in the order of the names.
    """
    header = {}
    end = 0
    for name in sorted(arrays):
        begin = end
        end = end + arrays[name].nbytes
        header[name] = {"dtype": "F32", "shape": list(arrays[name].shape), "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers begin at a multiple of their size
    yield len(text).to_bytes(8, "little") + text
    yield from (numpy.ascontiguousarray(arrays[name]) for name in sorted(arrays))


def map_arrays(path: Path) -> dict[str, numpy.ndarray]:
    """Map a safetensors file into memory. Writing to the arrays does not change the file.

    Args:
        path: the file.

    Returns:
        Array by name.

    Raises:
        FileError: if the header does not fit the file, or NumPy lacks a dtype.
    """
    check_regular(path, FETCH)
    with parsing(path, "safetensors file", FETCH), safetensors.safe_open(path, framework="numpy"):
        pass  # opening checks names, dtypes, shapes and offsets against the file's size
    content = numpy.memmap(path, dtype=numpy.uint8, mode="c")  # copy on write
    start = 8 + int.from_bytes(content[:8].tobytes(), "little")
    header = json.loads(content[8:start].tobytes())
    header.pop("__metadata__", None)
    return {name: _array(path, name, content[start:], entry) for name, entry in header.items()}


def _array(path: Path, name: str, content: numpy.ndarray, entry: dict[str, Any]) -> numpy.ndarray:
    if entry["dtype"] not in DTYPES:
        raise FileError(f"{path}: {one_line(name)} has dtype {entry['dtype']}, which NumPy lacks; {FETCH}")
    begin, end = entry["data_offsets"]
    return numpy.asarray(content[begin:end]).view(DTYPES[entry["dtype"]]).reshape(entry["shape"])


def shapes(model: Module) -> dict[str, tuple[int, ...]]:
    """The shape of each array in a model's state dict.

    Args:
        model: any module.

    Returns:
        Shape by name.
    """
    return {name: tuple(t.shape) for name, t in model.state_dict().items()}


def fitted(
    arrays: Mapping[str, numpy.ndarray], expected: Mapping[str, tuple[int, ...]], path: Path
) -> Mapping[str, numpy.ndarray]:
    """Check the names, shapes and dtypes of weights.

    Args:
        arrays: array by name.
        expected: shape by name.
        path: the file that the arrays are from, for the message.

    Returns:
        `arrays` itself.

    Raises:
        FileError: if a name or a shape differs, or an array is not float32.
    """
    found = {name: array.shape for name, array in arrays.items()}
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            raise FileError(
                f"{path}: {one_line(name)}: expected {expected.get(name)}, got {found.get(name)}; {FETCH}"
            )
        if arrays[name].dtype != numpy.float32:
            raise FileError(f"{path}: {one_line(name)}: expected float32, got {arrays[name].dtype}; {FETCH}")
    return arrays


def missing(path: Path, name: str) -> FileError:
    """The error for a file that lacks an array.

    Args:
        path: the file.
        name: the array.

    Returns:
        The error, to be raised.
    """
    return FileError(f"{path}: expected {one_line(name)} in it, got none; {FETCH}")
