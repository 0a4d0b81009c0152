"""The walls around a learner's code: restrictions that the operating system enforces, as far as it supports them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from minitransformer.course.cell.kernel import LINUX
from minitransformer.course.cell.landlock import restrict
from minitransformer.course.cell.lifeline import die_with
from minitransformer.course.cell.namespaces import SCRATCH, enter, give_up_rights
from minitransformer.course.cell.seccomp import filter_calls

# bytes: for the learner's code, and for NumPy; what Python has allocated is added
MEMORY = 2 << 30
NUMPY = 1 << 29
FILES, SEEN = 256, 1000  # files that may be open at once; files of the learner's folder that are linked


def build(parent: int, pipe: int, folder: Path, hidden: Sequence[Path], shown: Sequence[Path]) -> set[str]:
    """Put up all walls that the system supports.

    Call this before NumPy is loaded, which may start threads: some walls hold only for the calling thread and those that it
    starts later.

    Args:
        parent: the number of the judge's process.
        pipe: a pipe whose other end only the judge holds.
        folder: the learner's folder.
        hidden: files and folders that the code may not read.
        shown: files and folders in them that it may read.

    Returns:
        The walls in force: some of "processes", "network", "files", "answers", "memory" and "scratch".
    """
    die_with(parent, pipe)
    held = enter(parent)
    if sys.platform != "win32":
        _limit(held)
    if LINUX:
        _furnish(held, folder)
        _close(held, hidden, shown)
    return held


def _furnish(held: set[str], folder: Path) -> None:
    """Make the scratch folder the working folder and the home, and put links to the learner's files into it."""
    if "scratch" in held:
        # Matplotlib's list of fonts: without it Matplotlib searches for seconds
        fonts = Path.home().glob(".cache/matplotlib/fontlist*.json")
        os.chdir(SCRATCH)
        os.environ.update(HOME=str(SCRATCH), TMPDIR=str(SCRATCH), MPLCONFIGDIR=str(SCRATCH))
        for path in (*fonts, *islice(folder.iterdir(), SEEN)):
            with contextlib.suppress(OSError):
                Path(path.name).symlink_to(path)


def _close(held: set[str], hidden: Sequence[Path], shown: Sequence[Path]) -> None:
    with contextlib.suppress(OSError):
        give_up_rights()
    with contextlib.suppress(OSError):
        restrict(hidden, shown, [Path(os.devnull), *([SCRATCH] if "scratch" in held else [])])
        held |= {"files", "answers"}
    with contextlib.suppress(OSError):
        filter_calls(files="files" not in held)
        held |= {"processes", "network", "files"}


def _limit(held: set[str]) -> None:
    """Limit the size of files, the number of open files and, on Linux, the memory; without a scratch folder no file can grow."""
    import resource

    size = MEMORY if "scratch" in held else 0
    for what, most in (
        (resource.RLIMIT_FSIZE, size),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, FILES),
    ):
        resource.setrlimit(what, (most, most))
    if LINUX:
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + NUMPY + MEMORY,) * 2)
        held.add("memory")
