"""A wall: which files may be read and written, enforced by Linux's Landlock."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from minitransformer.course.cell.kernel import call

CREATE, ADD, RESTRICT = 444, 445, 446
WRITE = 1 << 1
READ = 1 << 2
TRUNCATE = 1 << 14
LIST = 1 << 3
RIGHTS = 13, 14, 15, 15, 16  # the number of file rights in versions 1 to 5 of Landlock


def restrict(hidden: Iterable[Path], shown: Iterable[Path], writable: Iterable[Path]) -> None:
    """From now on this process can read nothing in `hidden` except `shown`, and write only to `writable`.

    Args:
        hidden: files and folders.
        shown: files and folders in `hidden` that may still be read.
        writable: files and folders.

    Raises:
        OSError: if the kernel has no Landlock.
    """
    version = call("syscall", CREATE, None, 0, 1)
    every = ((1 << RIGHTS[min(version, 5) - 1]) - 1) & ~LIST
    # TCP; signals and abstract sockets
    nets = 3 if version > 3 else 0
    scopes = 3 if version > 5 else 0
    ruleset = struct.pack("3Q", every, nets, scopes)[: 24 if version > 5 else 16 if version > 3 else 8]
    rules = call("syscall", CREATE, ctypes.create_string_buffer(ruleset, len(ruleset)), len(ruleset), 0)
    for path in (*around(set(map(Path, hidden))), *shown):
        _allow(rules, path, READ)
    for path in writable:
        _allow(rules, path, every & ~1 if path.is_dir() else every & (WRITE | READ | TRUNCATE))
    call("syscall", RESTRICT, rules, 0)
    os.close(rules)


def around(hidden: set[Path]) -> Iterator[Path]:
    """Paths that together cover everything except `hidden`, as few as possible.

    Symbolic links are left out: the rights of the file that a link leads to count.

    Args:
        hidden: absolute paths.

    Yields:
        Absolute paths.
    """
    above = {parent for path in hidden for parent in path.parents}
    for folder in sorted(above):
        with contextlib.suppress(OSError):
            yield from (
                Path(e.path)
                for e in os.scandir(folder)
                if not (e.is_symlink() or Path(e.path) in above | hidden)
            )


def _allow(rules: int, path: Path, rights: int) -> None:
    with contextlib.suppress(OSError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        call("syscall", ADD, rules, 1, ctypes.create_string_buffer(struct.pack("=Qi", rights, place), 12), 0)
        os.close(place)
