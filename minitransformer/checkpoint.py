"""Checkpoints: `save` writes a state to one file, whole or not at all; `load` returns exactly this state, or an error.

The file is a safetensors file: it holds numbers and text, and no code. Its tensors are the arrays of the state. Each is named by
the expression that reaches it, such as `state['model']['head.weight']`. The rest of the state is a JSON skeleton in the file's
metadata, with `{"array": name}` in the place of each array. A SHA-256 over both is checked before anything is used, so that a
damaged file is an error.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy
import safetensors
import safetensors.numpy

from minitransformer.autograd import Tensor
from minitransformer.disk import replacing
from minitransformer.files import FileError, check_regular, one_line

VERSION = "1"
MAX_DEPTH = (
    50  # levels of nesting: Python's JSON parser has a limit, and a file that is written must be readable
)
MAX_HEADER = 100_000_000  # bytes: safetensors refuses to read a longer header
DTYPES = {"BOOL": "?", "U8": "<u1", "I8": "<i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4"} | {
    "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip
SAFE_INT = 2**53  # larger integers do not survive every JSON reader, so they are written in hexadecimal


class CheckpointError(FileError):
    """A checkpoint cannot be written, or a file is not an intact checkpoint; the message says why and what to do."""


def save(state: Any, path: str | os.PathLike[str]) -> None:
    """Write a state to a file. An earlier checkpoint is replaced only when the new one is safely on the disk.

    Args:
        state: dicts with string or integer keys, lists and tuples, nested at most 50 levels deep; in them None, bools, ints,
            floats, strings, tensors and NumPy arrays.
        path: the file; a symbolic link is followed.

    Raises:
        TypeError: for any other object or key in the state; the message says where.
        ValueError: if the nesting is deeper, or everything but the arrays takes more than 100 MB.
        CheckpointError: if the file cannot be written; an earlier one is untouched.
    """
    content = _pack(state)
    path = Path(os.path.realpath(path))
    try:
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        raise CheckpointError(
            f"{path}: {error.strerror or error}; the checkpoint was not written, an earlier one is untouched; {_mend(error)}"
        ) from error


def load(path: str | os.PathLike[str]) -> Any:
    """Read a state from a file that `save` wrote.

    Args:
        path: the file.

    Returns:
        The state; arrays and tensors are NumPy arrays. An array that was saved in two places, such as a tied weight, is one.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if it is damaged, or not a checkpoint.
    """
    check_regular(path)
    try:
        with open(path, "rb") as file, safetensors.safe_open(path, framework="numpy") as checked:
            metadata = checked.metadata() or {}
            arrays = dict(_read_arrays(file))
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT, "no checkpoint here; see that one was saved under this name", str(path)
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}; {_mend(error)}") from error
    except Exception as error:  # the parser of safetensors raises its own kinds
        raise _damaged(path, f"is not an intact safetensors file ({one_line(error)})") from error
    return _unpack(path, metadata, arrays)


def _read_arrays(file: BinaryIO) -> Iterator[tuple[str, numpy.ndarray]]:
    """The arrays of a safetensors file whose header has been checked. They are read, not mapped, so that memory holds them once."""
    start = 8 + int.from_bytes(file.read(8), "little")
    for name, entry in json.loads(file.read(start - 8)).items():
        if name != "__metadata__":
            file.seek(start + entry["data_offsets"][0])
            yield (
                name,
                numpy.fromfile(file, DTYPES[entry["dtype"]], math.prod(entry["shape"])).reshape(
                    entry["shape"]
                ),
            )


# ---- a state as bytes, and back ----


def _pack(state: Any) -> bytes:
    found: dict[tuple[Any, ...], tuple[str, numpy.ndarray]] = {}
    skeleton = json.dumps(_encode(state, (), found), ensure_ascii=False, allow_nan=False)
    arrays = dict(found.values())
    metadata = {
        "minitransformer_checkpoint": VERSION,
        "skeleton": skeleton,
        "sha256": _digest(skeleton, arrays),
    }
    content = safetensors.numpy.save(arrays, metadata)
    if (header := int.from_bytes(content[:8], "little")) > MAX_HEADER:
        raise ValueError(
            f"state: everything but the arrays takes {header:,} bytes, at most {MAX_HEADER:,} fit; turn long lists into arrays"
        )
    return content


def _unpack(path: str | os.PathLike[str], metadata: dict[str, str], arrays: dict[str, numpy.ndarray]) -> Any:
    version = metadata.get("minitransformer_checkpoint")
    if version is None:
        raise CheckpointError(
            f"{path}: expected a checkpoint, got another safetensors file; safetensors.numpy.load_file reads its tensors"
        )
    if version != VERSION:
        found = f"expected format version {VERSION}, got {one_line(repr(version))}"
        raise CheckpointError(f"{path}: {found}; use the minitransformer that wrote it")
    skeleton = metadata.get("skeleton", "")
    expected = metadata.get("sha256", "nothing")
    if (got := _digest(skeleton, arrays)) != expected:
        raise _damaged(
            path, f"has changed since it was written (expected SHA-256 {one_line(expected)}, got {got})"
        )
    try:
        return _decode(json.loads(skeleton), arrays)
    except (KeyError, TypeError, ValueError, RecursionError, struct.error) as error:
        raise _damaged(path, f"has a malformed skeleton ({one_line(repr(error))})") from error


def _digest(skeleton: str, arrays: dict[str, numpy.ndarray]) -> str:
    """SHA-256 of the skeleton, the names, dtypes and shapes, and the bytes of all arrays.

    Names and shapes are included because they say where the bytes of one array end and those of the next begin.
    """
    names = sorted(arrays)
    facts = [skeleton, [(name, arrays[name].dtype.name, arrays[name].shape) for name in names]]
    sha = hashlib.sha256(json.dumps(facts).encode())
    for name in names:
        sha.update(arrays[name].data)
    return sha.hexdigest()


def _encode(
    value: Any, path: tuple[Any, ...], arrays: dict[tuple[Any, ...], tuple[str, numpy.ndarray]]
) -> Any:
    """`value` as JSON. A type that JSON lacks becomes an object with one entry, {kind: content}.

    Arrays are added to `arrays`, whose keys are addresses in memory: an array that occurs twice, such as a tied weight, is
    stored once.
    """
    kind = type(value)
    if len(path) > MAX_DEPTH:
        raise ValueError(
            f"{_place(path[:3])}: expected at most {MAX_DEPTH} levels, got more; does the state contain itself?"
        )
    if value is None or kind in (bool, str):
        return value
    if kind in (int, float):
        return _encode_number(value)
    if kind in (list, tuple):
        items = [_encode(item, (*path, i), arrays) for i, item in enumerate(value)]
        return items if kind is list else {"tuple": items}
    if kind is dict:
        keys = [_encode(_key(k, path), path, arrays) for k in value]
        values = [_encode(v, (*path, k), arrays) for k, v in value.items()]
        return {"dict": [list(pair) for pair in zip(keys, values, strict=True)]}
    array = _plain_array(value, path)
    memory = array.__array_interface__["data"][0], array.shape, array.dtype
    return {"array": arrays.setdefault(memory, (_place(path), array))[0]}


def _encode_number(value: int | float) -> Any:
    """A number as JSON; large integers and numbers that are not finite go into an object."""
    if isinstance(value, int):
        return value if abs(value) < SAFE_INT else {"int": hex(value)}
    return value if math.isfinite(value) else {"float": struct.pack(">d", value).hex()}


def _decode(value: Any, arrays: dict[str, numpy.ndarray]) -> Any:
    """The inverse of `_encode`."""
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    return DECODERS[kind](content, arrays)


DECODERS: dict[str, Callable[[Any, dict[str, numpy.ndarray]], Any]] = {
    "int": lambda text, arrays: int(text, 16),
    "float": lambda text, arrays: struct.unpack(">d", bytes.fromhex(text))[0],
    "tuple": lambda items, arrays: tuple(_decode(items, arrays)),
    "dict": lambda pairs, arrays: dict(_decode(pairs, arrays)),
    "array": lambda name, arrays: arrays[name],
}


def _place(path: tuple[Any, ...]) -> str:
    """The expression that reaches a place in the state; it is different for each place."""
    return "state" + "".join(f"[{key!r}]" for key in path)


def _key(key: Any, path: tuple[Any, ...]) -> Any:
    if type(key) not in (str, int):
        raise TypeError(f"{_place(path)}: expected keys of type str or int, got {type(key).__name__} {key!r}")
    return key


def _plain_array(value: Any, path: tuple[Any, ...]) -> numpy.ndarray:
    """The array, contiguous and in this machine's byte order."""
    array = value.numpy() if isinstance(value, Tensor) else value
    if type(array) is not numpy.ndarray:
        raise TypeError(
            f"{_place(path)}: cannot save a {type(value).__name__}; "
            "convert it to a type that a checkpoint holds, with float(), int(), str(), list(), dict() or numpy.asarray()"
        )
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(
            f"{_place(path)}: expected an array of bools, integers or floats up to 64 bits, got dtype {array.dtype}"
        )
    return numpy.asarray(array, array.dtype.newbyteorder("="), order="C")


# ---- the disk ----


def _mend(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "free some space there, or use a folder on another disk"
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        return "give the name of a file in a folder that exists"
    return "see that you may read and write there, or use another folder"


def _damaged(path: str | os.PathLike[str], what: str) -> CheckpointError:
    found = f"{path} ({os.path.getsize(path):,} bytes)"
    return CheckpointError(
        f"{found} {what}; copy it again from its source, or go back to an earlier checkpoint"
    )
