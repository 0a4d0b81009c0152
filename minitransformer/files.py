"""Files from outside: an error says in one line which file is wrong, what is wrong with it, and how to mend it."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LONGEST = 300  # letters of what a package says of a file: more would be the file's own text
# of a settings' field, as its annotation names it
TYPES: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "bool": bool,
    "str": str,
    "dict": dict,
    "list": list,
}
AGAIN = "copy it again from where it came"


class FileError(ValueError):
    """A file from outside is damaged or of another form; the message names the file, the fault and the remedy."""


def one_line(text: Any) -> str:
    """A text on one line, without control characters, shortened to 300 characters.

    Args:
        text: Anything; its `str` is used.

    Returns:
        The line.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} .."


@contextmanager
def parsing(path: str | os.PathLike[str], form: str, mend: str = AGAIN) -> Iterator[None]:
    """Run a package's own parser on a file: whatever it raises becomes a FileError.

    This includes the panics with which packages written in Rust fail.

    Args:
        path: The file.
        form: What it should be, such as "GGUF file".
        mend: What helps, for the message.

    Raises:
        FileError: If the code inside fails, except for MemoryError and ImportError, which pass.
    """
    try:
        yield
    except (MemoryError, ImportError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise FileError(
            f"{path}: no intact {form} ({one_line(error) or type(error).__name__}); {mend}"
        ) from error


def check_regular(path: str | os.PathLike[str], mend: str = AGAIN) -> None:
    """Refuse pipes and devices, which have no end.

    Args:
        path: The file.
        mend: What helps, for the message.

    Raises:
        FileError: If `path` exists and is neither a regular file nor a folder (opening a folder fails by itself).
    """
    if (there := Path(path)).exists() and not there.is_file() and not there.is_dir():
        raise FileError(f"{path}: expected a file, got a pipe or a device; {mend}")


@contextmanager
def blaming(path: str | os.PathLike[str], mend: str = AGAIN) -> Iterator[None]:
    """Run our own parser on a file: a ValueError becomes a FileError that names the file.

    Args:
        path: The file.
        mend: What helps, for the message.

    Raises:
        FileError: If the code inside raises ValueError.
    """
    try:
        yield
    except FileError:
        raise
    except ValueError as error:
        raise FileError(f"{path}: {one_line(error)}; {mend}") from error


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a UTF-8 file.

    Args:
        path: The file.

    Returns:
        The text.

    Raises:
        FileError: If the file is not UTF-8 (the message names the byte), or is a pipe or a device.
        OSError: If it cannot be read.
    """
    check_regular(path)
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        byte = f"byte {error.object[error.start]:#x} at {error.start:,}"
        raise FileError(f"{path}: expected UTF-8, got {byte}; save it as UTF-8, or {AGAIN}") from None


def parse_json(text: str) -> Any:
    """Parse JSON strictly.

    Args:
        text: The text.

    Returns:
        The value.

    Raises:
        ValueError: If the text is not JSON, is nested too deeply, repeats a key, or contains NaN or infinity.
    """
    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Turn pairs into a dictionary.

    Args:
        pairs: Keys and values.

    Returns:
        The dictionary.

    Raises:
        ValueError: If a key occurs twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        (key, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {key!r} stands twice")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def settings(kind: type, values: Any) -> Any:
    """Build a dataclass from the values of a file.

    Args:
        kind: The dataclass.
        values: field name -> value.

    Returns:
        An instance of `kind`.

    Raises:
        TypeError: If a value does not have the type of its field, or a name is no field.
        ValueError: If a number is negative, infinite or NaN.
    """
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise TypeError(f"{kind.__name__}: expected names and values, got {type(values).__name__}")
    for field in dataclasses.fields(kind):
        if field.name in values:
            _check_setting(field, values[field.name])
    return kind(**values)


def _check_setting(field: dataclasses.Field[Any], value: Any) -> None:
    kind, _, optional = str(field.type).partition(" | ")
    name = kind.partition("[")[0]  # "dict" of "dict[str, Any]"
    if value is None and optional:
        return
    fits = isinstance(value, TYPES[name]) and isinstance(value, bool) is (name == "bool")
    if not fits:
        raise TypeError(f"{field.name}: expected {field.type}, got {one_line(repr(value))}")
    if name in ("int", "float") and not 0 <= value < math.inf:
        raise ValueError(f"{field.name}: expected a number from 0 on, got {value}")


def check_alike(own: Any, got: Any, what: str) -> None:
    """Check that two nested structures agree in the kinds of their entries: numbers, words, arrays.

    Keys that only one of two dictionaries has are not checked, nor are the lengths of lists; those of tuples are.

    Args:
        own: The structure that is expected.
        got: The structure that came.
        what: The name of the structure, for the message.

    Raises:
        ValueError: If they differ; the message names the entry.
    """
    if isinstance(own, dict) and isinstance(got, dict):
        for key in own.keys() & got.keys():
            check_alike(own[key], got[key], f"{what}[{key!r}]")
    elif isinstance(own, tuple) and len(got if isinstance(got, tuple) else ()) != len(own):
        raise ValueError(f"{what}: expected a tuple of {len(own)}, got {one_line(repr(got))}")
    elif isinstance(own, (list, tuple)) and isinstance(got, (list, tuple)):
        for i, (mine, theirs) in enumerate(zip(own, got, strict=False)):
            check_alike(mine, theirs, f"{what}[{i}]")
    elif own is not None and _kind(own) != _kind(got):
        raise ValueError(f"{what}: expected {_kind(own)}, got {one_line(repr(got))}")


def _kind(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "a number"
    return f"{value.ndim} dimensions of {value.dtype}" if hasattr(value, "ndim") else type(value).__name__
