"""Where a learner's folder is, seen from where the learner stands, and commands that find it from there."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from minitransformer.course import catalogue

FOLDER = Path("minitransformer-course")
PROGRESS = ".progress.json"
VARIABLE = "MINITRANSFORMER_COURSE"


def is_learners(path: Path) -> bool:
    """Whether a folder is a learner's: it holds progress or a lesson's file."""
    names = (PROGRESS, *(f"{lesson}.py" for lesson in catalogue.lessons()))
    return any(os.path.lexists(path / name) for name in names)


def here() -> Path:
    """The learner's folder: the one that MINITRANSFORMER_COURSE names; else this folder, or `minitransformer-course` in it, or
    the same of a folder above; `minitransformer-course`, which is not there yet, if there is none."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    start = Path.cwd()
    found = (p for parent in (start, *start.parents) for p in (parent, parent / FOLDER) if is_learners(p))
    return _from_here(next(found, start / FOLDER))


def _from_here(path: Path) -> Path:
    """A path as short as it can be said where one stands."""
    return Path(os.path.relpath(path))


def command(text: str, folder: Path | None = None) -> str:
    """A command to type: `text` after the program's name, and the learner's folder where it would not be found without."""
    told = f"{program()} {text}"
    if folder is None or os.path.realpath(folder) == os.path.realpath(here()):
        return told
    return f"{told} --dir {shlex.quote(str(folder))}"


def program() -> str:
    """The name by which this program can be called again: as it was called, unless its plain name leads to the same file."""
    called, name = Path(sys.argv[0]), "minitransformer"
    if called.stem != name or len(called.parts) == 1:
        return name
    found = shutil.which(name)
    return name if found and os.path.realpath(found) == os.path.realpath(called) else shlex.quote(sys.argv[0])
