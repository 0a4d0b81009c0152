"""Weights in a safetensors file, mapped into memory instead of read.

The file is eight bytes that tell the length of a JSON header, the header, and the numbers. The header gives each array a
dtype, a shape, and the place where it begins and ends. Nothing in it could run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy
import safetensors.numpy

WEIGHTS = "converted-1.safetensors"  # another number when the layout changes
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I8": "<i1", "U8": "<u1", "BOOL": "?"}


def as_bytes(arrays: Mapping[str, numpy.ndarray]) -> bytes:
    """The file that holds these arrays."""
    return safetensors.numpy.save({name: numpy.ascontiguousarray(array) for name, array in arrays.items()})


def map_arrays(path: Path) -> dict[str, numpy.ndarray]:
    """The arrays of a file by name, read from the disk as they are used; what is written into them stays in memory.

    Raises ValueError if the header does not describe the file.
    """
    content = numpy.memmap(path, dtype=numpy.uint8, mode="c")  # copy on write
    start = 8 + int.from_bytes(content[:8].tobytes(), "little")
    if len(content) < start:
        raise ValueError(f"{path}: its header ends at byte {start:,}, the file at {len(content):,}; delete it, and fetch it again")
    header = json.loads(content[8:start].tobytes())
    header.pop("__metadata__", None)
    return {name: _array(path, name, content[start:], entry) for name, entry in header.items()}


def _array(path: Path, name: str, content: numpy.ndarray, entry: dict) -> numpy.ndarray:
    dtype, shape, (begin, end) = numpy.dtype(DTYPES[entry["dtype"]]), tuple(entry["shape"]), entry["data_offsets"]
    if not 0 <= begin <= end <= len(content) or end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{path}: {name} {shape} does not lie at bytes {begin:,} to {end:,}; delete it, and fetch it again")
    return numpy.asarray(content[begin:end]).view(dtype).reshape(shape)
