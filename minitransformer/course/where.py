"""Where the learner's folder is, and commands to type that find it."""

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
    """Whether a folder is a learner's, which has a progress file or a lesson's file.

    Args:
        path: the folder.

    Returns:
        True or False.
    """
    names = (PROGRESS, *(f"{lesson}.py" for lesson in catalogue.lessons()))
    return any(os.path.lexists(path / name) for name in names)


def here() -> Path:
    """Find the learner's folder from the current one.

    Returns:
        The folder that the environment variable MINITRANSFORMER_COURSE names; else the current folder, or
        `minitransformer-course` in it, or the same of the nearest folder above. If there is none, `minitransformer-course`,
        which does not exist yet.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    start = Path.cwd()
    found = (p for parent in (start, *start.parents) for p in (parent, parent / FOLDER) if is_learners(p))
    return Path(os.path.relpath(next(found, start / FOLDER)))


def command(text: str, folder: Path | None = None) -> str:
    """A command to type.

    Args:
        text: the subcommand and its arguments.
        folder: the learner's folder, which is added as --dir if it would not be found without.

    Returns:
        The command.
    """
    told = f"{program()} {text}"
    if folder is None or os.path.realpath(folder) == os.path.realpath(here()):
        return told
    return f"{told} --dir {shlex.quote(str(folder))}"


def program() -> str:
    """How this program can be called again.

    Returns:
        "minitransformer", or the path that was typed if that name does not lead to the same file.
    """
    called = Path(sys.argv[0])
    name = "minitransformer"
    if called.stem != name or len(called.parts) == 1:
        return name
    found = shutil.which(name)
    return name if found and os.path.realpath(found) == os.path.realpath(called) else shlex.quote(sys.argv[0])
