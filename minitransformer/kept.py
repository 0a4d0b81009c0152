"""Files that are kept in a folder, and whether they have changed since they were put there.

A record in the folder holds the size, the SHA-256 and the time of the last change of each file. The content of a file
is hashed again only if its size or time has changed. This detects accidents, not forgery: whoever can write to the
folder can write to the record too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from minitransformer.disk import read_plain, write
from minitransformer.files import parse_json

RECORD = ".kept.json"
LARGEST = 1 << 16
Fact = dict[str, int | str]


def facts(folder: Path) -> dict[str, Fact]:
    """The record of a folder.

    Args:
        folder: The folder.

    Returns:
        file name -> size, SHA-256 and time of the last change; empty if there is no readable record.
    """
    with contextlib.suppress(OSError, ValueError):
        known = parse_json(read_plain(folder / RECORD, LARGEST).decode())
        if isinstance(known, dict) and all(map(_is_fact, known, known.values())):
            return known
    return {}


def _is_fact(name: str, fact: object) -> bool:
    kinds = {"size": int, "modified": int, "sha256": str}
    return (
        Path(name).name == name and isinstance(fact, dict) and {k: type(v) for k, v in fact.items()} == kinds
    )


def note(folder: Path, hashes: Mapping[str, str]) -> None:
    """Record files as they are now.

    Args:
        folder: The folder that holds the files.
        hashes: file name -> SHA-256 of its content.
    """
    new = {name: _fact(folder / name, sha) for name, sha in hashes.items()}
    write(folder / RECORD, json.dumps(facts(folder) | new, indent=2), durable=True)


def forget(folder: Path, names: Iterable[str]) -> None:
    """Delete files and their records.

    Args:
        folder: The folder that holds the files.
        names: Their names.
    """
    known = facts(folder)
    for name in names:
        known.pop(name, None)
        (folder / name).unlink(missing_ok=True)
    write(folder / RECORD, json.dumps(known, indent=2), durable=True)


def faults(folder: Path, hashes: Mapping[str, str], whole: bool = False) -> dict[str, str]:
    """Find the files that have changed since they were recorded.

    Args:
        folder: The folder that holds the files.
        hashes: file name -> SHA-256, for files that the record may lack.
        whole: Whether to hash every file, even if its size and time have not changed.

    Returns:
        file name -> what is wrong, for each changed file.
    """
    pinned: dict[str, Fact] = {name: {"sha256": sha} for name, sha in hashes.items()}
    known = pinned | facts(folder)
    found = {name: _fault(folder / name, fact, whole) for name, fact in known.items()}
    if right := {
        name: _fact(folder / name, known[name]["sha256"]) for name, fault in found.items() if not fault
    }:
        if right != {name: known[name] for name in right}:
            with contextlib.suppress(OSError):  # a folder that may only be read
                write(folder / RECORD, json.dumps(known | right, indent=2))
    return {name: fault for name, fault in found.items() if fault}


def _fault(path: Path, fact: Fact, whole: bool) -> str:
    try:
        size, modified = _size_and_time(path)
    except OSError as error:
        return f"{error.strerror}"
    if size != fact.get("size", size):
        return f"expected {fact['size']:,} bytes, got {size:,}"
    if modified == fact.get("modified") and not whole:
        return ""
    if (got := digest(path)) == fact.get("sha256"):
        return ""
    return f"it has changed (expected SHA-256 {fact.get('sha256')}, got {got})"


def _fact(path: Path, sha256: int | str) -> Fact:
    size, modified = _size_and_time(path)
    return {"size": size, "modified": modified, "sha256": sha256}


def _size_and_time(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def digest(path: Path) -> str:
    """The SHA-256 of a file.

    Args:
        path: The file.

    Returns:
        64 hexadecimal digits.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
