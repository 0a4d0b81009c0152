"""Checkpoints: `save` writes a state to one file, whole or not at all; `load` returns exactly this state, or an error.

The file is a safetensors file: it holds numbers and text, and no code. Its tensors are the arrays of the state. Each is named by
the expression that reaches it, such as `state['model']['head.weight']`. The rest of the state is a JSON skeleton in the file's
metadata, with `{"array": name}` in the place of each array. A SHA-256 over both is checked before anything is used, so that a
damaged file is an error.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import math
import os
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy
import safetensors
import safetensors.numpy

from minitransformer.autograd import Tensor
from minitransformer.brain_float import KIND, narrow_from_bits
from minitransformer.devices import to_host
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
BITS = numpy.dtype([("bfloat16", "<u2")])  # of bfloat16, which is hashed before it is taken for numbers
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
    write(pack(state), path)


def write(content: bytes, path: str | os.PathLike[str]) -> None:
    """Write a file whole or not at all.

    Args:
        content: of the file.
        path: the file; a symbolic link is followed.

    Raises:
        CheckpointError: if it cannot be written; an earlier one is untouched.
    """
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
    return unpack(path, *stored(path))


def stored(path: str | os.PathLike[str]) -> tuple[dict[str, str], dict[str, numpy.ndarray]]:
    """What a safetensors file holds.

    Args:
        path: the file.

    Returns:
        The metadata, and array by name; bfloat16 as its bits, see `numbers`.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if it is no intact safetensors file.
    """
    check_regular(path)
    try:
        with open(path, "rb") as file, safetensors.safe_open(path, framework="numpy"):
            return content_of(file)
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT, "no checkpoint here; see that one was saved under this name", str(path)
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}; {_mend(error)}") from error
    except Exception as error:  # the parser of safetensors raises its own kinds
        raise _damaged(path, f"is not an intact safetensors file ({one_line(error)})") from error


def content_of(file: BinaryIO) -> tuple[dict[str, str], dict[str, numpy.ndarray]]:
    """The content of a safetensors file whose header has been checked. It is read, not mapped, so that memory holds it once.

    Args:
        file: open at its beginning.

    Returns:
        The metadata, and array by name.
    """
    size = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(size))
    metadata = header.pop("__metadata__", {})
    entries = sorted(header.items(), key=lambda item: item[1]["data_offsets"])  # as they follow each other
    return metadata, {name: _read(file, entry["dtype"], entry["shape"]) for name, entry in entries}


def _read(file: BinaryIO, dtype: str, shape: list[int]) -> numpy.ndarray:
    if dtype not in DTYPES and dtype != "BF16":
        raise ValueError(f"dtype {dtype}, which NumPy lacks")
    array = numpy.empty(shape, DTYPES.get(dtype, "<u2"))
    file.readinto(array.reshape(-1).view("u1"))  # type: ignore[attr-defined]  # of every binary file
    return array.view(BITS) if dtype == "BF16" else array


# ---- a state as bytes, and back ----


Found: TypeAlias = dict[tuple[Any, ...], tuple[str, numpy.ndarray]]  # place in memory -> (name, array)
Place: TypeAlias = tuple[Any, ...]  # the keys by which one comes to a value
# what becomes of a value that JSON lacks: what it is called in the skeleton, and its array
Leaf: TypeAlias = Callable[[Any, Place], tuple[str, Any]]


def pack(state: Any, leaf: Leaf | None = None) -> bytes:
    """A state as the content of a file.

    Args:
        state: as in `save`.
        leaf: takes a value that JSON lacks and its place, and gives its kind, one of `KINDS`, and its array; None takes
            tensors and NumPy arrays as arrays.

    Returns:
        The bytes of a safetensors file.

    Raises:
        TypeError: as `save`.
        ValueError: as `save`.
    """
    found: Found = {}
    skeleton = json.dumps(_encode(state, (), found, leaf or _any_array), ensure_ascii=False, allow_nan=False)
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


def unpack(
    path: str | os.PathLike[str],
    metadata: dict[str, str],
    arrays: dict[str, numpy.ndarray],
    leaf: Callable[[str, numpy.ndarray], Any] | None = None,
) -> Any:
    """The state in a safetensors file.

    Args:
        path: the file, for errors.
        metadata: of the file.
        arrays: array by name.
        leaf: makes a value of its kind and its array; None takes the array.

    Returns:
        The state. Two places of one kind with one array have one value.

    Raises:
        CheckpointError: if the file is damaged, or not a checkpoint.
    """
    version = metadata.get("minitransformer_checkpoint")
    if version is None:
        raise CheckpointError(
            f"{path}: expected a checkpoint, got another safetensors file; safetensors.numpy.load_file reads its tensors"
        )
    if version != VERSION:
        what = f"expected format version {VERSION}, got {one_line(repr(version))}"
        raise CheckpointError(f"{path}: {what}; use the minitransformer that wrote it")
    skeleton = metadata.get("skeleton", "")
    expected = metadata.get("sha256", "nothing")
    if (got := _digest(skeleton, arrays)) != expected:
        raise _damaged(
            path, f"has changed since it was written (expected SHA-256 {one_line(expected)}, got {got})"
        )
    found = {name: numbers(array) for name, array in arrays.items()}
    made = functools.cache(lambda kind, name: leaf(kind, found[name]) if leaf else found[name])
    try:
        return _decode(json.loads(skeleton), made)
    except (KeyError, TypeError, ValueError, RecursionError, struct.error) as error:
        raise _damaged(path, f"has a malformed skeleton ({one_line(repr(error))})") from error


def _digest(skeleton: str, arrays: dict[str, numpy.ndarray]) -> str:
    """SHA-256 of the skeleton, the names, dtypes and shapes, and the bytes of all arrays.

    Names and shapes are included because they say where the bytes of one array end and those of the next begin.
    """
    names = sorted(arrays)
    facts = [skeleton, [(name, _dtype_name(arrays[name]), arrays[name].shape) for name in names]]
    sha = hashlib.sha256(json.dumps(facts).encode())
    for name in names:
        sha.update(arrays[name].reshape(-1).view("u1").data)
    return sha.hexdigest()


def _dtype_name(array: numpy.ndarray) -> str:
    return "bfloat16" if array.dtype.kind == KIND else array.dtype.name


def numbers(array: numpy.ndarray) -> numpy.ndarray:
    """An array of a file as numbers.

    Args:
        array: as `stored` gives it.

    Returns:
        bfloat16, or without ml_dtypes float32, of its bits; any other array as it is.
    """
    return narrow_from_bits(array["bfloat16"]) if array.dtype == BITS else array


def _encode(value: Any, path: Place, found: Found, leaf: Leaf) -> Any:
    """`value` as JSON. A type that JSON lacks becomes an object with one entry, {kind: content}.

    Arrays are added to `found`, whose keys are places in memory: an array that occurs twice, such as a tied weight, is
    stored once.
    """
    kind = type(value)
    if len(path) > MAX_DEPTH:
        raise ValueError(
            f"{place(path[:3])}: expected at most {MAX_DEPTH} levels, got more; does the state contain itself?"
        )
    if value is None or kind in (bool, str):
        return value
    if kind in (int, float):
        return _encode_number(value)
    if kind in (list, tuple):
        items = [_encode(item, (*path, i), found, leaf) for i, item in enumerate(value)]
        return items if kind is list else {"tuple": items}
    if kind in (dict, OrderedDict, Counter):
        keys = [_encode(_key(k, path), path, found, leaf) for k in value]
        values = [_encode(v, (*path, k), found, leaf) for k, v in value.items()]
        return {"dict": [list(pair) for pair in zip(keys, values, strict=True)]}
    called, array = leaf(value, path)
    memory = _memory(array)
    if memory not in found:
        found[memory] = place(path), _plain_array(array, path)
    return {called: found[memory][0]}


def _memory(array: Any) -> tuple[Any, ...]:
    """Where an array lies and how it is read; one on a GPU too."""
    facts = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
    return facts["data"][0], array.shape, array.strides, array.dtype.str


def _encode_number(value: int | float) -> Any:
    """A number as JSON; large integers and numbers that are not finite go into an object."""
    if isinstance(value, int):
        return value if abs(value) < SAFE_INT else {"int": hex(value)}
    return value if math.isfinite(value) else {"float": struct.pack(">d", value).hex()}


def _decode(value: Any, made: Callable[[str, str], Any]) -> Any:
    """The inverse of `_encode`; `made` gives the value of a kind and the name of its array."""
    if isinstance(value, list):
        return [_decode(item, made) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    return made(kind, content) if kind in KINDS else DECODERS[kind](content, made)


KINDS = ("array", "tensor", "tensor with grad", "parameter", "frozen parameter")
DECODERS: dict[str, Callable[[Any, Callable[[str, str], Any]], Any]] = {
    "int": lambda text, made: int(text, 16),
    "float": lambda text, made: struct.unpack(">d", bytes.fromhex(text))[0],
    "tuple": lambda items, made: tuple(_decode(items, made)),
    "dict": lambda pairs, made: dict(_decode(pairs, made)),
}


def place(path: Place) -> str:
    """The expression that reaches a place in the state; it is different for each place.

    Args:
        path: the keys on the way to it.

    Returns:
        Such as "state['model']['head.weight']".
    """
    return "state" + "".join(f"[{key!r}]" for key in path)


def _key(key: Any, path: tuple[Any, ...]) -> Any:
    if type(key) not in (str, int):
        raise TypeError(f"{place(path)}: expected keys of type str or int, got {type(key).__name__} {key!r}")
    return key


def _any_array(value: Any, path: Place) -> tuple[str, Any]:
    """A tensor or an array as an array."""
    array = value.array if isinstance(value, Tensor) else value
    if type(array) is not numpy.ndarray and not isinstance(value, Tensor):
        raise TypeError(
            f"{place(path)}: cannot save a {type(value).__name__}; "
            "convert it to a type that a checkpoint holds, with float(), int(), str(), list(), dict() or numpy.asarray()"
        )
    return "array", array


def _plain_array(array: Any, path: Place) -> numpy.ndarray:
    """The array on the host, contiguous and in this machine's byte order."""
    if array.dtype.kind not in "biufV" or array.dtype.itemsize > 8:
        raise TypeError(
            f"{place(path)}: expected an array of bools, integers or floats up to 64 bits, got dtype {array.dtype}"
        )
    return numpy.asarray(to_host(array), array.dtype.newbyteorder("="), order="C")


# ---- the disk ----


def _mend(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "free some space there, or use a folder on another disk"
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        return "give the name of a file in a folder that exists"
    return "see that you may read and write there, or use another folder"


def _damaged(path: str | os.PathLike[str], what: str) -> CheckpointError:
    size = f" ({os.path.getsize(path):,} bytes)" if os.path.exists(path) else ""
    return CheckpointError(
        f"{path}{size} {what}; copy it again from its source, or go back to an earlier checkpoint"
    )
