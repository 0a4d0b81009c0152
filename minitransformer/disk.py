"""Writing to disk: a file appears whole or not at all, a folder has one writer at a time, and killed writers leave nothing."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

YOUNG = 1  # seconds in which a temporary file may not have got its lock yet
POLL = 0.05  # seconds between two looks whether a lock is free
FAR = 1 << 30  # the byte that is locked where locks are of bytes, so that the others can be read
# follow no link, wait for no pipe
UNLINKED = getattr(os, "O_NOFOLLOW", 0)
UNWAITED = getattr(os, "O_NONBLOCK", 0)
_held: set[tuple[str, int]] = set()  # lock files, and which thread holds each: it may ask again


class Busy(RuntimeError):
    """Another process or thread holds the lock; the message says what to do."""


# ---- files ----


@contextlib.contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` once it is complete, and is deleted if the code inside fails.

    Who might read or write the old file may read or write the new one, and nobody else.

    Args:
        path: The file to replace.
        durable: Whether to force the content, and then the new name, onto the disk.

    Yields:
        The open temporary file, in binary mode.
    """
    sweep(path)
    # the same folder: a rename across disks is no rename
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:  # new, so that no link is followed
            _mark_as_mine(file)
            keep_mode(path, temporary)
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


def keep_mode(old: Path, new: Path) -> None:
    """Give a file or folder the permissions of the one whose place it takes; a folder's owner may always write in it.

    Args:
        old: What is replaced; it need not be there.
        new: What takes its place.
    """
    if sys.platform != "win32" and old.exists():
        owner = stat.S_IRWXU if new.is_dir() else 0
        new.chmod(stat.S_IMODE(old.stat().st_mode) | owner)


def write(path: str | os.PathLike[str], content: bytes | str, durable: bool = False) -> None:
    """Write a file whole or not at all.

    Args:
        path: The file; a symbolic link is followed, and a pipe or a device is written to directly.
        content: Text is written as UTF-8.
        durable: Whether to force it onto the disk.
    """
    path = Path(os.path.realpath(path))
    content = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    with replacing(path, durable) as file:
        file.write(content)


def read_plain(path: Path, largest: int) -> bytes:
    """Read a regular file of limited size.

    Args:
        path: The file; a symbolic link is not followed.
        largest: The largest size in bytes.

    Returns:
        The content.

    Raises:
        OSError: If it cannot be opened.
        ValueError: If it is not a regular file, or is larger.
    """
    handle = os.open(path, os.O_RDONLY | UNLINKED | UNWAITED)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("no plain file")
        if found.st_size > largest:
            raise ValueError(f"{found.st_size:,} bytes of at most {largest:,}")
        return os.read(handle, largest)
    finally:
        os.close(handle)


def version(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is saved.

    Args:
        path: A file that others may save, move or delete meanwhile.

    Returns:
        (inode, time of the last change in ns, size in bytes), or None if there is no file.
    """
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None


def bytes_in(folder: Path) -> int:
    """The size of all files in a folder and the folders in it; others may write and delete there meanwhile.

    Args:
        folder: The folder. Links are not followed.

    Returns:
        The sum of the sizes, in bytes, of the files that were found.
    """
    total = 0
    for parent, _, names in os.walk(folder):  # a folder that has gone meanwhile is passed over
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def sweep(path: Path) -> None:
    """Delete the temporary files that killed writers of `path` left behind.

    Args:
        path: The file that they were writing.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - left.lstat().st_mtime > YOUNG and _is_nobodys(left):
                left.unlink()


def _mark_as_mine(file: BinaryIO) -> None:
    """A lock on a temporary file, which goes with its writer. (Windows removes no open file anyway.)"""
    with contextlib.suppress(OSError):
        if sys.platform != "win32":
            _lock(file.fileno())


def _is_nobodys(path: Path) -> bool:
    if sys.platform == "win32":
        return True
    handle = os.open(path, os.O_RDONLY | UNLINKED | UNWAITED)
    try:
        return _lock(handle)
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Force the content of a file onto the disk.

    Args:
        path: The file.
    """
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Force the names in a folder onto the disk, where the system allows it, so that a rename survives a power failure.

    Args:
        folder: The folder.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# ---- locks ----


@contextlib.contextmanager
def locked(path: Path, wait: float = 0) -> Iterator[None]:
    """Hold a lock file; the system releases the lock of a process that dies.

    The same thread may take the lock again. On a disk without locks nothing is locked.

    Args:
        path: The lock file.
        wait: How many seconds to wait for another holder.

    Raises:
        Busy: If another process or thread still holds the lock after `wait` seconds.
    """
    key = os.path.realpath(path), threading.get_ident()
    if key in _held:
        yield
        return
    handle = _opened_and_locked(path, time.monotonic() + wait)
    _held.add(key)
    try:
        yield
    finally:
        _held.discard(key)
        with contextlib.suppress(OSError):
            os.unlink(path)  # while it is held, so that it is nobody else's
        os.close(handle)


def _opened_and_locked(path: Path, until: float) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | UNLINKED | UNWAITED, 0o666)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EEXIST, "expected a lock file or none", str(path))
            if free := _lock(handle):
                if _is_at(handle, path):
                    _sign(handle)
                    return handle
            elif time.monotonic() >= until:
                raise Busy(
                    f"{path.parent}: {_holder(handle)} works here; wait until it is done, or take another folder"
                )
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        time.sleep(0 if free else POLL)


def _lock(handle: int) -> bool:
    """Lock an open file, unless another holds it; whether that is so."""
    try:
        if sys.platform == "win32":
            os.lseek(handle, FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
    return True


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one at `path`: who held it before may have taken it away."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    return False


def _sign(handle: int) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, str(os.getpid()).encode())


def _holder(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    number = os.read(handle, 20)
    return f"process {int(number)}" if number.isdigit() else "another process"
