"""The file of a learner's progress: read, merged with what other processes wrote meanwhile, and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from minitransformer.disk import read_plain, write
from minitransformer.files import parse_json

LARGEST = 1 << 20  # bytes: a larger progress file is not read


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _counts(value: object) -> bool:
    return isinstance(value, dict) and all(
        type(count) is int and 0 <= count < 1000 for count in value.values()
    )


def _names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


KEPT = {"passed": _texts, "failed": _texts, "hints": _counts, "given_up": _names}
LATER = {"passed_as": _texts}  # keys that older files do not have


def read_progress(file: Path) -> dict:
    """Read the progress from a file.

    Args:
        file: the file.

    Returns:
        The keys of KEPT and LATER, and their values.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds something else.
    """
    kept = parse_json(read_plain(file, LARGEST).decode())
    if not isinstance(kept, dict):
        raise ValueError("it has other keys or values than this program writes")
    kept = {what: {} for what in LATER} | kept
    if not all(holds(kept.get(what)) for what, holds in (KEPT | LATER).items()):
        raise ValueError("it has other keys or values than this program writes")
    return kept


def write_progress(file: Path, kept: dict) -> None:
    """Write the progress to a file, whole or not at all.

    Args:
        file: the file.
        kept: the progress, as `read_progress` returns it.
    """
    write(file, json.dumps(kept, indent=2), durable=True)


def merged(before: dict, mine: dict, theirs: dict) -> dict:
    """Merge what two processes have recorded.

    Args:
        before: the progress that both started from.
        mine: what this process has made of it.
        theirs: what is on the disk now.

    Returns:
        `theirs` with the changes from `before` to `mine`. Nothing given up is removed; of two numbers of hints, the larger counts.
    """
    before = {what: {} for what in mine} | before
    theirs = {what: {} for what in mine} | theirs
    kept: dict[str, Any] = {
        what: _merged(before[what], mine[what], theirs[what]) for what in mine if what != "given_up"
    }
    kept["given_up"] = list(dict.fromkeys([*theirs["given_up"], *mine["given_up"]]))
    kept["hints"] = {name: max(n, theirs["hints"].get(name, 0)) for name, n in kept["hints"].items()}
    return kept


def _merged(before: dict, mine: dict, theirs: dict) -> dict:
    removed = {name for name in before if name not in mine and theirs.get(name) == before[name]}
    changed = {name: value for name, value in mine.items() if name not in before or before[name] != value}
    return {name: value for name, value in theirs.items() if name not in removed} | changed
