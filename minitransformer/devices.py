"""Devices: where an array lives, and moving it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType

import numpy

from minitransformer.backends import HOST, Array, cupy, namespace


class Device(str):
    """A device's name, "cpu" or "cuda:N", with PyTorch's `type` and `index`."""

    def __new__(cls, name: str = "cpu") -> Device:
        kind, _, index = str(name).partition(":")
        if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
            raise ValueError(f"device: expected 'cpu', 'cuda' or 'cuda:N', got {name!r}")
        return super().__new__(cls, "cpu" if kind == "cpu" else f"cuda:{index or 0}")

    @property
    def type(self) -> str:
        return self.partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]  # of a string it is a method
        return None if self.type == "cpu" else int(self.partition(":")[2])


CPU = Device("cpu")


NO_DEVICE = "the NVIDIA driver shows no GPU: is one there, and visible (CUDA_VISIBLE_DEVICES)?"
EXTRAS = "'minitransformer[cuda12]' or 'minitransformer[cuda13]', whichever CUDA the driver supports"


def cuda_problem() -> str | None:
    """Why nothing can run on a GPU, and what to do about it; None if all is well. CuPy must be installed."""
    runtime = cupy().cuda.runtime
    try:
        driver, wanted = runtime.driverGetVersion(), runtime.runtimeGetVersion()
        if not driver:
            return "there is no NVIDIA driver: install one, if there is an NVIDIA GPU"
        return None if runtime.getDeviceCount() else NO_DEVICE
    except runtime.CUDARuntimeError as error:
        if error.status == 35:  # cudaErrorInsufficientDriver
            return f"the NVIDIA driver knows CUDA {_version(driver)}, CuPy wants {_version(wanted)}: update it, or install {EXTRAS}"
        return NO_DEVICE if error.status == 100 else f"CUDA says: {error}"


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


@functools.cache
def gpu() -> ModuleType:
    """CuPy, ready for use. Raises ImportError or RuntimeError that says what is missing, and what to do about it."""
    if problem := cuda_problem():
        raise RuntimeError(f"the device 'cuda' cannot be used: {problem}")
    return cupy()


def device_of(array: Array) -> Device:
    """The device on which `array` lives."""
    return CPU if isinstance(array, HOST) else Device(f"cuda:{array.device.id}")


def to_device(array: Array, device: str) -> Array:
    """`array` on `device`: itself if it is there already, else a copy."""
    target = Device(device)
    if device_of(array) == target:
        return array
    if target.type == "cpu":
        return array.get()
    if target.index >= (count := gpu().cuda.runtime.getDeviceCount()):
        raise RuntimeError(f"device: there is no {target}; this machine's last one is cuda:{count - 1}")
    with gpu().cuda.Device(target.index):
        return gpu().asarray(array)


def floats(numbers: Sequence) -> list[float]:
    """Python floats of numbers and arrays of one element, after waiting once for those that live on a device."""
    waiting = [n for n in numbers if hasattr(n, "__cuda_array_interface__")]
    if not waiting:
        return [float(n) for n in numbers]
    there = iter(namespace(waiting[0]).stack(waiting).get().tolist())
    return [next(there) if hasattr(n, "__cuda_array_interface__") else float(n) for n in numbers]


def to_host(array: Array) -> numpy.ndarray:
    """`array` as a NumPy array; waits for the device if it lives on one."""
    return to_device(array, "cpu")
