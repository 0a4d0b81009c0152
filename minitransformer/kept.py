"""Files that are kept in a folder: what they were when they were put there, and whether they still are.

Beside them lies a record of their sizes, their SHA-256 and when they were last written. A file is read again only if one of
the other two has changed. The hashes tell of accidents; whoever can write to the folder can write to the record too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from minitransformer.disk import read_plain, write
from minitransformer.files import parse_json

RECORD, LARGEST = ".kept.json", 1 << 16
Fact = dict[str, int | str]


def facts(folder: Path) -> dict[str, Fact]:
    """What is known of each file; nothing, if there is no record or none that can be read."""
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
    """Remember files as they are now, with these SHA-256."""
    new = {name: _fact(folder / name, sha) for name, sha in hashes.items()}
    write(folder / RECORD, json.dumps(facts(folder) | new, indent=2), durable=True)


def forget(folder: Path, names: Iterable[str]) -> None:
    """Take files away, and what is known of them."""
    known = facts(folder)
    for name in names:
        known.pop(name, None)
        (folder / name).unlink(missing_ok=True)
    write(folder / RECORD, json.dumps(known, indent=2), durable=True)


def faults(folder: Path, hashes: Mapping[str, str], whole: bool = False) -> dict[str, str]:
    """What is wrong with each file that is not as it was, in words; `whole` reads all of every file.

    `hashes` are those of files that the record may not know.
    """
    known = {name: {"sha256": sha} for name, sha in hashes.items()} | facts(folder)
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
    got = digest(path)
    return (
        ""
        if got == fact.get("sha256")
        else f"it has changed (expected SHA-256 {fact.get('sha256')}, got {got})"
    )


def _fact(path: Path, sha256: str) -> Fact:
    size, modified = _size_and_time(path)
    return {"size": size, "modified": modified, "sha256": sha256}


def _size_and_time(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
