"""Files from outside: what is wrong with one is told in one line that names it and says how to mend it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LONGEST = 300  # letters of what a package says of a file: more would be the file's own text
# of a settings' field, as its annotation names it
TYPES = {"int": int, "float": (int, float), "bool": bool, "str": str}
AGAIN = "copy it again from where it came"


class FileError(ValueError):
    """A file from outside is not what it should be; the message is one line: the file, the fault and the cure."""


def one_line(text: Any) -> str:
    """A text on one line, nothing in it that a terminal would obey, and not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} .."


@contextmanager
def parsing(path, form: str, mend: str = AGAIN) -> Iterator[None]:
    """Around a package's own reading of a file: whatever it raises becomes a FileError that says this is no intact `form`.

    So does a panic, which is how packages written in Rust fail an assertion.
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


def check_regular(path, mend: str = AGAIN) -> None:
    """Raise FileError for what is there, but is no file with an end: a pipe, a device. (A folder the system refuses itself.)"""
    if (there := Path(path)).exists() and not there.is_file() and not there.is_dir():
        raise FileError(f"{path}: expected a file, got a pipe or a device; {mend}")


@contextmanager
def blaming(path, mend: str = AGAIN) -> Iterator[None]:
    """Around our own reading of what a file says: a ValueError becomes a FileError that names the file."""
    try:
        yield
    except FileError:
        raise
    except ValueError as error:
        raise FileError(f"{path}: {one_line(error)}; {mend}") from error


def read_text(path) -> str:
    """The text of a UTF-8 file. Raises FileError, which names the byte, if it is not UTF-8; OSError if it cannot be read."""
    check_regular(path)
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        byte = f"byte {error.object[error.start]:#x} at {error.start:,}"
        raise FileError(f"{path}: expected UTF-8, got {byte}; save it as UTF-8, or {AGAIN}") from None


def parse_json(text: str) -> Any:
    """What a JSON text says. Raises ValueError for one that is none, is nested too deeply, or says a thing twice or NaN."""
    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Pairs as a dict. Raises ValueError for a key that stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        (key, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {key!r} stands twice")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def settings(kind: type, values: Any) -> Any:
    """The dataclass `kind` with values from a file. Raises TypeError, ValueError unless each has its field's type."""
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise TypeError(f"{kind.__name__}: expected names and values, got {type(values).__name__}")
    for field in dataclasses.fields(kind):
        if field.name in values:
            _check_setting(field, values[field.name])
    return kind(**values)


def _check_setting(field: dataclasses.Field, value: Any) -> None:
    name, _, optional = field.type.partition(" | ")
    if value is None and optional:
        return
    if not isinstance(value, TYPES[name]) or isinstance(value, bool) is not (name == "bool"):
        raise TypeError(f"{field.name}: expected {field.type}, got {one_line(repr(value))}")
    if name in ("int", "float") and not 0 <= value < math.inf:
        raise ValueError(f"{field.name}: expected a number from 0 on, got {value}")


def check_alike(own: Any, got: Any, what: str) -> None:
    """Raise ValueError, naming the place, where `got` is of another kind than `own`: numbers, words, arrays, nests of them.

    What only one of the two has is left to whoever reads it, and so are the lengths of lists, but not of tuples.
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
