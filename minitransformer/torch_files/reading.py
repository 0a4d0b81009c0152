"""A file of PyTorch's, of either form: the zip archive that `torch.save` has written since 1.6, and the plain one before."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy

from minitransformer.files import FileError, one_line, parsing
from minitransformer.torch_files.admitted import NAMES, TENSORS, Kind
from minitransformer.torch_files.machine import Admitted, Machine
from minitransformer.torch_files.storages import MapLocation, Storage

ZIP = b"PK\x03\x04"
PIECE = 1 << 20  # bytes that are read at once
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # with which the older form begins
MEND = "copy it again from where it came, or save a state_dict there"


def is_torch_file(start: bytes) -> bool:
    """Whether a file begins as PyTorch's do.

    Args:
        start: its first bytes.

    Returns:
        True for a zip archive and for a pickle.
    """
    return start[:4] == ZIP or start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def read(file: BinaryIO, name: str, place: MapLocation = None) -> Any:
    """The object that `torch.save` wrote.

    Args:
        file: open for reading, and for going to any place in it.
        name: of the file, for errors.
        place: as in `load`.

    Returns:
        Dicts, lists, tuples, numbers, strings, tensors and parameters.

    Raises:
        FileError: if the file is damaged, of another form, or holds anything else; the message names it.
    """
    start = file.tell()
    zipped = file.read(4) == ZIP
    file.seek(start)
    foreign: dict[str, None] = {}
    with parsing(name, "file of PyTorch's", MEND):
        content = Archive(file, place, foreign).object() if zipped else legacy(file, place, foreign)
    if foreign:
        raise FileError(f"{name}: {one_line(_told(list(foreign)))}")
    return content


def _told(foreign: list[str]) -> str:
    shown = ", ".join(foreign[:5]) + (f" and {len(foreign) - 5} more" if len(foreign) > 5 else "")
    what = f"it holds {shown}; only tensors, numbers, strings, dicts, lists and tuples are read"
    return f"{what}: save model.state_dict() where it was made, and plain numbers for the rest"


def check_storage(number: Any) -> Storage:
    """The storage that a persistent id describes, still empty.

    Args:
        number: ("storage", class, key, location, number of elements, ..).

    Returns:
        The storage.

    Raises:
        ValueError: it is no such id.
    """
    if type(number) is not tuple or len(number) not in (5, 6) or number[0] != "storage":
        raise ValueError("a storage that is not described as one")
    _, kind, key, location, count, *view = number
    if not (isinstance(kind, Kind) and isinstance(key, str) and isinstance(location, str)):
        raise ValueError("a storage without a dtype, a key and a device")
    if type(count) is not int or not 0 <= count < 2**59:
        raise ValueError(f"a storage of {count} elements")
    if view not in ([], [None]):
        raise ValueError("a view of a storage, which PyTorch has not written since 0.4")
    return Storage(kind.dtype, count, location)


# ---- the zip archive ----


class Archive:
    """An archive of a pickle and the storages, each a member of its own, none of them packed.

    Args:
        file: the archive.
        place: as in `load`.
        foreign: takes the names that are not admitted.
    """

    def __init__(self, file: BinaryIO, place: MapLocation, foreign: dict[str, None]):
        self.place, self.foreign, self.storages = place, foreign, dict[str, Storage]()
        self.zip = zipfile.ZipFile(file)
        self.members = {member.filename: member for member in self.zip.infolist()}
        self._check(file.seek(0, io.SEEK_END))
        pickles = [name for name in self.members if name.endswith("/data.pkl")]
        if len(pickles) != 1 or pickles[0].count("/") != 1:
            raise ValueError(f"expected one data.pkl in it, got {len(pickles)}")
        self.prefix = pickles[0].partition("/")[0]
        if f"{self.prefix}/constants.pkl" in self.members:
            raise ValueError(
                "it is a program of TorchScript; save model.state_dict() with torch.save instead"
            )
        order = self._text("byteorder") or sys.byteorder
        if order not in ("little", "big"):
            raise ValueError(f"expected byte order little or big, got {order!r}")
        self.little = order == "little"

    def _check(self, size: int) -> None:
        """Members that take no more memory than the file has bytes: what is packed could take any."""
        members = list(self.members.values())
        if len(members) < len(self.zip.infolist()):
            raise ValueError("two members have one name")
        if any(m.compress_type != zipfile.ZIP_STORED or m.file_size != m.compress_size for m in members):
            raise ValueError("a member is packed, which PyTorch's never are")
        if (total := sum(m.file_size for m in members)) > size:
            raise ValueError(f"its members say that they have {total:,} bytes, the file has {size:,}")

    def _text(self, name: str) -> str:
        """The content of a small member; "" if there is none."""
        member = self.members.get(f"{self.prefix}/{name}")
        return "" if member is None else self.zip.read(member)[:100].decode("ascii").strip()

    def object(self) -> Any:
        """What the pickle builds.

        Returns:
            The object; None if it names what is not admitted.
        """
        pickle = io.BytesIO(self.zip.read(f"{self.prefix}/data.pkl"))
        return Machine(NAMES.get, self._storage, self.foreign).run(pickle)

    def _storage(self, number: Any) -> Storage:
        """The storage of a persistent id; one for each key."""
        storage = _noting(self.storages)(number)
        if storage.base is None:
            member = self.members.get(f"{self.prefix}/data/{number[2]}")
            found = -1 if member is None else member.file_size
            if member is None or found != storage.nbytes:
                raise ValueError(
                    f"storage {number[2]!r} needs {storage.nbytes:,} bytes, found {max(found, 0):,}"
                )
            with self.zip.open(member) as content:
                numbers = take(content, storage.nbytes)
            storage.fill(numbers, self.little, self.place)
        return storage


def take(file: Any, size: int) -> numpy.ndarray:
    """Bytes of a file, read in pieces, into memory that can be written to.

    Args:
        file: stands where they begin.
        size: how many.

    Returns:
        uint8 (size,).

    Raises:
        ValueError: the file ends before.
    """
    content = numpy.empty(size, numpy.uint8)
    rest = content
    while len(rest):
        if not (got := file.readinto(rest[:PIECE])):
            raise ValueError(f"it ends {len(rest):,} bytes too early")
        rest = rest[got:]
    return content


# ---- the older form: pickles, then the numbers of all storages ----


def legacy(file: BinaryIO, place: MapLocation, foreign: dict[str, None]) -> Any:
    """The object in a file of the form before PyTorch 1.6.

    Args:
        file: the file.
        place: as in `load`.
        foreign: takes the names that are not admitted.

    Returns:
        The object.

    Raises:
        ValueError: it is damaged, or no such file.
    """
    content = io.BytesIO(file.read())
    if _plain(content) != MAGIC or _plain(content) != PROTOCOL:
        raise ValueError("a pickle that torch.save has not written")
    little = bool(_plain(content)["little_endian"])
    start = content.tell()
    storages: dict[str, Storage] = {}
    found = NAMES | dict.fromkeys(TENSORS, Admitted(_none))
    # the numbers come after the pickle: it runs once to find the storages, and again when they are filled
    Machine(found.get, _noting(storages), foreign).run(content)
    if foreign:
        return None
    for key in _plain(content):
        count = int.from_bytes(content.read(8), "little" if little else "big")
        if count != storages[key].count:
            raise ValueError(f"storage {key!r} has {count:,} elements, expected {storages[key].count:,}")
        left = content.getbuffer().nbytes - content.tell()
        if storages[key].nbytes > left:
            raise ValueError(f"storage {key!r} needs {storages[key].nbytes:,} bytes, found {left:,}")
        storages[key].fill(take(content, storages[key].nbytes), little, place)
    content.seek(start)
    return Machine(NAMES.get, _noting(storages), foreign).run(content)


def _plain(content: io.BytesIO) -> Any:
    """The object of a pickle without names and storages."""
    return Machine(_none, check_storage, {}).run(content)


def _none(*arguments: Any) -> None:
    """In place of a tensor whose numbers are not there yet."""


def _noting(storages: dict[str, Storage]) -> Callable[[Any], Storage]:
    """What gives the storage of a persistent id, one for each key."""

    def storage(number: Any) -> Storage:
        found = check_storage(number)
        known = storages.setdefault(number[2], found)
        if (known.dtype, known.count) != (found.dtype, found.count):
            raise ValueError(f"storage {number[2]!r} is described in two ways")
        return known

    return storage
