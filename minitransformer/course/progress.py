"""What is remembered of a learner: read from a file, merged with what others wrote there meanwhile, and written."""

from __future__ import annotations

import json
from pathlib import Path

from minitransformer.disk import read_plain, write
from minitransformer.files import parse_json

LARGEST = 1 << 20  # bytes of progress that are read


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _counts(value: object) -> bool:
    return isinstance(value, dict) and all(
        type(count) is int and 0 <= count < 1000 for count in value.values()
    )


def _names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


KEPT = {"passed": _texts, "failed": _texts, "hints": _counts, "given_up": _names}
LATER = {"passed_as": _texts}  # what files from before it lack


def read_progress(file: Path) -> dict:
    """The progress kept in a file. Raises OSError, ValueError for what holds none."""
    kept = parse_json(read_plain(file, LARGEST).decode())
    if not isinstance(kept, dict):
        raise ValueError("not as it was saved")
    kept = {what: {} for what in LATER} | kept
    if not all(holds(kept.get(what)) for what, holds in (KEPT | LATER).items()):
        raise ValueError("not as it was saved")
    return kept


def write_progress(file: Path, kept: dict) -> None:
    """Write the progress, whole or not at all, onto the disk."""
    write(file, json.dumps(kept, indent=2), durable=True)


def merged(before: dict, mine: dict, theirs: dict) -> dict:
    """The progress `theirs`, with all that was changed from `before` to `mine`. What was given up stays so; of hints, the more."""
    before, theirs = {what: {} for what in mine} | before, {what: {} for what in mine} | theirs
    kept = {what: _merged(before[what], mine[what], theirs[what]) for what in mine if what != "given_up"}
    kept["given_up"] = list(dict.fromkeys([*theirs["given_up"], *mine["given_up"]]))
    kept["hints"] = {name: max(n, theirs["hints"].get(name, 0)) for name, n in kept["hints"].items()}
    return kept


def _merged(before: dict, mine: dict, theirs: dict) -> dict:
    removed = {name for name in before if name not in mine and theirs.get(name) == before[name]}
    changed = {name: value for name, value in mine.items() if name not in before or before[name] != value}
    return {name: value for name, value in theirs.items() if name not in removed} | changed
