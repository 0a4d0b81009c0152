"""Writing a folder that transformers reads: whole or not at all, and in the dtypes that the model came in.

The files are written to a new folder beside the wanted one, which takes its name when all of them are on the disk.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy

from minitransformer.brain_float import to_bits
from minitransformer.checkpoint import DTYPES
from minitransformer.disk import sync, sync_folder
from minitransformer.files import FileError, one_line
from minitransformer.models.folder.stored import CONFIG, INDEX

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
