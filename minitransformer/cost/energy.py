"""The energy that a piece of work takes: read where the hardware tells it, estimated elsewhere, and said which of the two.

A processor of Intel or AMD counts the energy of its package, and of its memory, in microjoules (RAPL); Linux shows the counters
as files under /sys/class/powercap. An NVIDIA GPU counts its own in millijoules (NVML). Both count whatever runs, other programs
included. Where neither can be read, energy is seconds times watts: the seconds are measured, the watts are an assumption.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from minitransformer.defaults import default_device
from minitransformer.devices import gpu

POWERCAP = Path("/sys/class/powercap")
WATTS = 10.0  # of a busy core: data sheets give 4 to 15, the power of a package divided by its cores
NVML = "libnvidia-ml.so.1"


class Unreadable(RuntimeError):
    """The hardware does not tell its energy; the message says why, and what mends it."""


class Counter(Protocol):
    """A counter of joules.

    Attributes:
        source: what counts, in words.
    """

    source: str

    def joules(self) -> float:
        """The joules since it was made.

        Returns:
            The number.

        Raises:
            Unreadable: the counter cannot be read.
        """


class Rapl:
    """The joules of all packages and their memory, from the files of powercap.

    Packages and memory ("dram") are counted apart by the hardware; cores are a part of their package, and "psys" contains both,
    so neither of these is added. A counter begins again at 0 after its range, which may take a minute only: `joules` must be
    called more often than that.

    Args:
        folder: of powercap.

    Raises:
        Unreadable: there is no counter, or no permission.
    """

    def __init__(self, folder: Path = POWERCAP):
        found = {path: _word(path / "name") for path in sorted(folder.glob("intel-rapl:*"))}
        self._domains = [
            _Domain(path) for path, name in found.items() if name.startswith("package") or name == "dram"
        ]
        if not self._domains:
            raise Unreadable(f"no energy counter under {folder}: the system or its virtual machine has none")
        names = ", ".join(sorted({_word(domain.folder / "name") for domain in self._domains}))
        self.source = f"RAPL: {names}, all programs"

    def joules(self) -> float:
        """The joules since it was made.

        Returns:
            Of all packages and memory together.

        Raises:
            Unreadable: a counter began again, and its range cannot be read.
        """
        return sum(domain.microjoules() for domain in self._domains) / 1e6


class _Domain:
    """One counter of powercap."""

    def __init__(self, folder: Path):
        self.folder, self.total = folder, 0
        self.last = self._read()

    def _read(self) -> int:
        path = self.folder / "energy_uj"
        try:
            return int(_word(path))
        except PermissionError as error:
            mend = "an administrator can permit it: chmod a+r"
            raise Unreadable(f"no permission to read {path}; {mend} {path}") from error
        except (OSError, ValueError) as error:
            raise Unreadable(f"{path}: {error}") from error

    def microjoules(self) -> int:
        """What has been counted since the first reading."""
        now = self._read()
        grown = now - self.last
        if grown < 0:
            grown += self._range()
        if grown < 0:
            raise Unreadable(f"{self.folder}: the counter fell from {self.last} to {now}")
        self.last, self.total = now, self.total + grown
        return self.total

    def _range(self) -> int:
        """After how much the counter begins again."""
        try:
            return int(_word(self.folder / "max_energy_range_uj"))
        except (OSError, ValueError) as error:
            raise Unreadable(f"{self.folder}: the counter began again after an unknown range") from error


def _word(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


class Nvml:
    """The joules of one GPU, from NVIDIA's management library, which comes with the driver.

    Args:
        bus_id: where the GPU is, such as "0000:3B:00.0".
        library: the name of the library.

    Raises:
        Unreadable: there is no such library, or the GPU counts no energy: those before Volta do not.
    """

    source = "NVML: the GPU alone, all programs"

    def __init__(self, bus_id: str, library: str = NVML):
        try:
            self._nvml = ctypes.CDLL(library)
        except OSError as error:
            raise Unreadable(f"no {library}: it comes with NVIDIA's driver") from error
        self._gpu = ctypes.c_void_p()
        self._call("nvmlInit_v2")
        self._call("nvmlDeviceGetHandleByPciBusId_v2", bus_id.encode(), ctypes.byref(self._gpu))
        self._first = self._millijoules()

    def joules(self) -> float:
        """The joules since it was made.

        Returns:
            Of the GPU.

        Raises:
            Unreadable: the library refuses.
        """
        return (self._millijoules() - self._first) / 1e3

    def _millijoules(self) -> int:
        energy = ctypes.c_ulonglong()
        self._call("nvmlDeviceGetTotalEnergyConsumption", self._gpu, ctypes.byref(energy))
        return energy.value

    def _call(self, name: str, *arguments: object) -> None:
        if code := getattr(self._nvml, name)(*arguments):
            raise Unreadable(f"NVML: {name} gave error {code}")


def hardware(folder: Path = POWERCAP) -> tuple[list[Counter], list[str]]:
    """The counters that can be read here.

    Args:
        folder: of powercap.

    Returns:
        The counters, of the processor and of the GPU if the default device is one; and of those that cannot be read, why not.
    """
    makers: list[Callable[[], Counter]] = [lambda: Rapl(folder)]
    if default_device().type == "cuda":
        makers.append(lambda: Nvml(gpu().cuda.runtime.deviceGetPCIBusId(default_device().index)))
    counters: list[Counter] = []
    problems = []
    for make in makers:
        try:
            counters.append(make())
        except Unreadable as error:
            problems.append(str(error))
    return counters, problems


class Meter:
    """The time and the energy of what runs inside a `with` block.

    Args:
        watts: assumed of a busy core, where the hardware does not tell.
        folder: of powercap.

    Attributes:
        seconds: by the clock.
        cpu_seconds: of all threads of this process.
        joules: what the hardware counted; else `watts` times `cpu_seconds`.
        joules_source: which of the two, with both factors of an estimate.
        problems: why the hardware, or a part of it, was not read.

    Raises:
        ValueError: `watts` is not above 0.
    """

    def __init__(self, watts: float = WATTS, folder: Path = POWERCAP):
        if not watts > 0:
            raise ValueError(f"watts: expected a number above 0, got {watts}")
        self.watts, self.folder = watts, folder
        self.seconds = self.cpu_seconds = self.joules = 0.0
        self.joules_source = ""
        self.problems: list[str] = []
        self._counters: list[Counter] = []

    def __enter__(self) -> Meter:
        self._counters, self.problems = hardware(self.folder)
        self._sampled = self._begun = time.perf_counter()
        self._cpu_begun = time.process_time()
        return self

    def sample(self) -> None:
        """Read the counters once a second, so that none begins again twice unseen; to be called often in a long block."""
        now = time.perf_counter()
        if now - self._sampled >= 1:
            self._sampled = now
            self._read()

    def __exit__(self, *error: object) -> None:
        self.seconds = time.perf_counter() - self._begun
        self.cpu_seconds = time.process_time() - self._cpu_begun
        self._read()
        if not self._counters:
            self.joules = self.watts * self.cpu_seconds
            seconds = f"{self.cpu_seconds:.3g} CPU seconds, measured"
            self.joules_source = f"estimate: {self.watts:g} W a busy core, assumed, x {seconds}"

    def _read(self) -> None:
        """Read all counters; one that fails takes the others with it, since their sum would be of a part only."""
        try:
            self.joules = sum(counter.joules() for counter in self._counters)
            self.joules_source = " + ".join(counter.source for counter in self._counters)
        except Unreadable as error:
            self._counters = []
            self.problems.append(str(error))
