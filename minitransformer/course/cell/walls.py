"""The walls around a learner's code. The operating system holds them, each where it grants it, and says which."""

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

MEMORY, NUMPY = 2 << 30, 1 << 29  # bytes: for the learner, beyond what Python has taken and NumPy will
FILES, SEEN = 256, 1000  # open at once; of the learner's folder


def build(parent: int, pipe: int, folder: Path, hidden: Sequence[Path], shown: Sequence[Path]) -> set[str]:
    """All of them; returns which stand, some of "processes", "network", "files", "answers", "memory", and "scratch".

    To be called before NumPy is loaded, which may start threads: some walls stand around one thread and those it starts.
    `folder` is the learner's.
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
    """Home, and where temporary files go, in the scratch folder, in which the learner's files are seen too."""
    if "scratch" in held:
        # which take Matplotlib seconds to find again
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
    """A huge allocation raises MemoryError on Linux; without a scratch folder every file stays empty, on macOS too."""
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
