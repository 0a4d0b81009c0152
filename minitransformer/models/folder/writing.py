"""Writing a folder that transformers reads: whole or not at all, and in the dtypes that the model came in.

The files are written to a new folder beside the wanted one, which takes its name when all of them are on the disk.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy

from minitransformer.brain_float import to_bits
from minitransformer.checkpoint import DTYPES
from minitransformer.disk import keep_mode, sync, sync_folder
from minitransformer.files import FileError, one_line
from minitransformer.models.folder.stored import CONFIG, INDEX, WEIGHTS

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OLD_WEIGHTS = (".safetensors", INDEX)  # ends of the names of files that a new model takes the place of


def save(path: Path, files: Mapping[str, Iterator[bytes]], overwrite: bool) -> None:
    """Write a folder, whole or not at all.

    Args:
        path: the folder. Its parent must exist; a link is followed.
        files: name -> content in pieces; every piece is made when it is written.
        overwrite: whether to take the place of a model that is there already. Files that are neither weights nor among `files`
            stay.

    Raises:
        FileExistsError: if there is something that is not to be overwritten.
        FileError: if it cannot be written; what was there is untouched.
    """
    path = Path(os.path.realpath(path))
    _check_free(path, overwrite)
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        made.mkdir()
        for name, pieces in files.items():
            _write(made / name, pieces)
        sync_folder(made)
        _publish(made, path)
        sync_folder(path.parent)
    except OSError as error:
        mend = "free some space there" if error.errno in FULL else "see that you may write there"
        raise FileError(
            f"{path}: {error.strerror or error}; the model was not written, what was there is untouched; {mend}, or take "
            "another folder"
        ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _check_free(path: Path, overwrite: bool) -> None:
    """Raise FileExistsError unless the path is free, an empty folder, or a model's folder that may be overwritten."""
    if path.exists() and not path.is_dir():
        raise FileExistsError(errno.EEXIST, "expected a folder or nothing, got a file", str(path))
    if path.is_dir() and any(path.iterdir()):
        if not overwrite:
            raise FileExistsError(
                errno.EEXIST, "is not empty; take another folder, or pass overwrite=True", str(path)
            )
        if not (path / CONFIG).is_file():
            raise FileExistsError(
                errno.EEXIST, f"has no {CONFIG}, so it is no model's folder; take another", str(path)
            )


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    with open(path, "xb") as file:
        for piece in pieces:
            file.write(piece)
    sync(path)


def _publish(made: Path, path: Path) -> None:
    """Give a complete folder its name. What another folder of this name holds besides a model is moved to it."""
    if not path.exists():
        os.rename(made, path)
        return
    keep_mode(path, made)
    for file in made.iterdir():
        keep_mode(path / file.name, file)
    old = path.with_name(f".{path.name}.{secrets.token_hex(8)}.old")
    os.rename(path, old)
    try:
        os.rename(made, path)
    except OSError:
        os.rename(old, path)
        raise
    for left in old.iterdir():
        if not (left.name.endswith(OLD_WEIGHTS) or (path / left.name).exists()):
            os.rename(left, path / left.name)
    shutil.rmtree(old)


def config_text(config: Mapping[str, object]) -> bytes:
    """A configuration as transformers writes it.

    Args:
        config: names and values.

    Returns:
        JSON in UTF-8, its keys in order.
    """
    return (json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def whole_or_shards(
    arrays: Mapping[str, numpy.ndarray], kinds: Mapping[str, str], largest: int | str
) -> dict[str, Iterator[bytes]]:
    """The files of a model's weights: one, or shards and the index that says which array is where.

    Args:
        arrays: array by name.
        kinds: name -> dtype, as safetensors names it.
        largest: how many bytes the arrays of a file may have, such as 10**9 or "5GB"; a larger array has a file of its own.

    Returns:
        File name -> content in pieces; the names are those that transformers gives.

    Raises:
        ValueError: if `largest` is no size.
    """
    sizes = {name: array.size * _size(kinds[name]) for name, array in arrays.items()}
    parts = _parts(sizes, bytes_of(largest))
    if len(parts) == 1:
        return {WEIGHTS: weights(arrays, kinds)}
    files = {f"model-{i:05}-of-{len(parts):05}.safetensors": part for i, part in enumerate(parts, 1)}
    listed = {name: file for file, part in files.items() for name in part}
    index = config_text({"metadata": {"total_size": sum(sizes.values())}, "weight_map": listed})
    shards = {file: weights({name: arrays[name] for name in part}, kinds) for file, part in files.items()}
    return {**shards, INDEX: iter([index])}


def _parts(sizes: Mapping[str, int], most: int) -> list[list[str]]:
    """Names in their order, a new list wherever the sizes of one would sum to more than `most`."""
    parts: list[list[str]] = [[]]
    taken = 0
    for name, size in sizes.items():
        if parts[-1] and taken + size > most:
            parts.append([])
            taken = 0
        parts[-1].append(name)
        taken += size
    return parts


def bytes_of(size: int | str) -> int:
    """A size in bytes.

    Args:
        size: a number of bytes, or text such as "200MB", thousands of thousands, or "2GiB", powers of 1,024.

    Returns:
        The bytes.

    Raises:
        ValueError: if it is neither.
    """
    found = re.fullmatch(r"(\d+) *(?:([KMGT])(i?))?B?", str(size), re.IGNORECASE)
    count = int(found[1]) if found else 0
    if not found or not count:
        raise ValueError(
            f'max_shard_size: expected bytes, such as 10**9 or "5GB", got {one_line(repr(size))}'
        )
    power = 0 if found[2] is None else "KMGT".index(found[2].upper()) + 1
    return count * int((1024 if found[3] else 1000) ** power)


def weights(arrays: Mapping[str, numpy.ndarray], kinds: Mapping[str, str]) -> Iterator[bytes]:
    """The content of a safetensors file.

    Args:
        arrays: array by name.
        kinds: name -> dtype, as safetensors names it.

    Yields:
        The header, then the numbers of each array; wider dtypes first, so that each begins at a multiple of its size.
    """
    order = sorted(arrays, key=lambda name: (-_size(kinds[name]), name))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in order:
        begin, end = end, end + arrays[name].size * _size(kinds[name])
        header[name] = {
            "dtype": kinds[name],
            "shape": list(arrays[name].shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in order:
        yield stored(name, arrays[name], kinds[name]).tobytes()


def _size(kind: str) -> int:
    """Bytes of a number."""
    return 2 if kind == "BF16" else numpy.dtype(DTYPES[kind]).itemsize


def stored(name: str, array: numpy.ndarray, kind: str) -> numpy.ndarray:
    """An array in the dtype of a file.

    Args:
        name: its name, for the message.
        array: the array.
        kind: the dtype, as safetensors names it.

    Returns:
        The array, bfloat16 as its 16 bits.

    Raises:
        ValueError: if a number is too large for the dtype.
    """
    if kind == "BF16":
        return to_bits(array.astype(numpy.float32))
    try:
        with numpy.errstate(over="raise"):
            return array.astype(DTYPES[kind])
    except FloatingPointError:
        raise ValueError(
            f"{one_line(name)}: expected numbers that {kind} can hold, got larger ones"
        ) from None
