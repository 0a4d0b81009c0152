"""The user's cache: its folder, its lock, and files that appear in it complete or not at all."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from minitransformer import kept
from minitransformer.assets.catalogue import Asset, AssetError, kept_name
from minitransformer.disk import Busy, locked, sync, sync_folder

LOCK, PARTIAL = ".lock", ".partial-"  # in the cache: who writes to it, and drafts


def silent(line: str) -> None:
    """A progress report that shows nothing.

    Args:
        line: Ignored.
    """


def cache_folder() -> Path:
    """The cache: MINITRANSFORMER_CACHE, or the place where this platform keeps a user's caches.

    Returns:
        The folder, which may not exist yet.
    """
    if chosen := os.environ.get("MINITRANSFORMER_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "minitransformer"


def home_of(asset: Asset) -> Path:
    """The folder of an asset's files in the cache; the archive's hash is part of its name.

    Args:
        asset: The asset.

    Returns:
        The folder, which may not exist yet.
    """
    return cache_folder() / f"{asset.name}-{asset.sha256[:12]}"


def are_there(asset: Asset, home: Path) -> bool:
    """Whether the cache holds each of an asset's files, with a known hash.

    Args:
        asset: The asset.
        home: Its folder in the cache.

    Returns:
        True or False.
    """
    known = kept.facts(home).keys() | pinned(asset).keys()
    return all((home / name).is_file() and name in known for name in map(kept_name, asset.members))


def pinned(asset: Asset) -> dict[str, str]:
    """The hashes that the catalogue holds.

    Args:
        asset: The asset.

    Returns:
        file name -> SHA-256; some files have none.
    """
    return dict(zip(map(kept_name, asset.members), asset.hashes, strict=False))


def check(asset: Asset, home: Path, whole: bool = False) -> None:
    """Check that an asset's files have not changed since they were cached.

    Args:
        asset: The asset.
        home: Its folder in the cache.
        whole: Whether to hash every file, even if its size and time have not changed.

    Raises:
        AssetError: If one has changed.
    """
    for name, fault in kept.faults(home, pinned(asset), whole).items():
        raise AssetError(
            f"{asset.name}: {home / name}: {fault}; `minitransformer fetch {asset.name}` fetches it again"
        )


def take_away(asset: Asset, home: Path, progress: Callable[[str], None]) -> None:
    """Delete changed files, and what killed downloads left in the cache.

    Args:
        asset: The asset.
        home: Its folder in the cache.
        progress: Is called with a line for each changed file.
    """
    faults = kept.faults(home, pinned(asset), whole=True) if home.is_dir() else {}
    for name, fault in faults.items():
        progress(f"{asset.name}: {home / name}: {fault}; it is fetched again")
    if faults:
        kept.forget(home, faults)
    with suppress(OSError, Busy), locked(cache_folder() / LOCK):
        sweep()


@contextmanager
def cache_to_itself(progress: Callable[[str], None] = silent) -> Iterator[Path]:
    """Hold the lock of the cache, and delete what killed downloads left there.

    Args:
        progress: Is called with a line if another process has to be waited for.

    Yields:
        A temporary folder on the same disk.
    """
    cache_folder().mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(cache_folder() / LOCK))
        except Busy:
            progress("another process is fetching; waiting until it is done")
            stack.enter_context(locked(cache_folder() / LOCK, math.inf))
        sweep()
        yield Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PARTIAL, dir=cache_folder())))


def sweep() -> None:
    """Delete the temporary folders in the cache. The caller holds the lock, so that no process uses them."""
    for left in cache_folder().glob(f"{PARTIAL}*"):
        shutil.rmtree(left, ignore_errors=True)


def publish(contents: Mapping[str, bytes | Iterable[bytes]], scratch: Path, home: Path) -> None:
    """Write every file whole under `scratch`, then rename each into `home`, where it appears complete or not at all.

    The record of hashes is written last; a folder without it counts as incomplete.

    Args:
        contents: file name -> bytes, or pieces of bytes in order.
        scratch: A folder on the same disk.
        home: The folder that gets the files.
    """
    hashes = {name: _write(scratch / name, content) for name, content in contents.items()}
    home.mkdir(exist_ok=True)
    for name in contents:
        os.replace(scratch / name, home / name)
    sync_folder(home)
    kept.note(home, hashes)


def _write(path: Path, content: bytes | Iterable[bytes]) -> str:
    """Write a file and force it onto the disk; returns its SHA-256."""
    sha = hashlib.sha256()
    if isinstance(content, bytes):
        sha.update(content)
        path.write_bytes(content)
    else:
        with open(path, "wb") as file:
            for piece in content:
                sha.update(piece)
                file.write(piece)
    sync(path)
    return sha.hexdigest()


@contextmanager
def plain_errors(asset: Asset) -> Iterator[None]:
    """Turn an OSError inside this block into an AssetError that says how to mend it.

    Args:
        asset: The asset, for the message.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or cache_folder()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            mend = "free some space there, or set MINITRANSFORMER_CACHE to a folder on another disk"
        else:
            mend = "see that you may read and write there, or set MINITRANSFORMER_CACHE to another folder"
        raise AssetError(
            f"{asset.name}: {where}: {error.strerror or error}; nothing was kept; {mend}"
        ) from error
