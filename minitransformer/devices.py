"""Devices: where an array is stored, and how it is moved."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy

from minitransformer.backends import HOST, Array, cupy, namespace


class Device(str):
    """A device: a string "cpu" or "cuda:N", with PyTorch's `type` and `index`.

    Args:
        name: "cpu", "cuda" (the same as "cuda:0") or "cuda:N".

    Raises:
        ValueError: for another name.
    """

    def __new__(cls, name: str = "cpu") -> Device:
        kind, _, index = str(name).partition(":")
        if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
            raise ValueError(f"device: expected 'cpu', 'cuda' or 'cuda:N', got {name!r}")
        return super().__new__(cls, "cpu" if kind == "cpu" else f"cuda:{index or 0}")

    @property
    def type(self) -> str:
        """ "cpu" or "cuda"."""
        return self.partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]  # of a string it is a method
        """The number of the GPU; None for the CPU."""
        return None if self.type == "cpu" else int(self.partition(":")[2])


CPU = Device("cpu")


NO_DEVICE = "the NVIDIA driver shows no GPU: is one there, and visible (CUDA_VISIBLE_DEVICES)?"
EXTRAS = "'minitransformer[cuda12]' or 'minitransformer[cuda13]', whichever CUDA the driver supports"


def cuda_problem() -> str | None:
    """Why the GPU cannot be used, and how to mend it. CuPy must be installed.

    Returns:
        One line, or None if the GPU can be used.
    """
    runtime = cupy().cuda.runtime
    try:
        driver = runtime.driverGetVersion()
        wanted = runtime.runtimeGetVersion()
        if not driver:
            return "there is no NVIDIA driver: install one, if there is an NVIDIA GPU"
        return None if runtime.getDeviceCount() else NO_DEVICE
    except runtime.CUDARuntimeError as error:
        if error.status == 35:  # cudaErrorInsufficientDriver
            versions = f"the NVIDIA driver supports CUDA {_version(driver)}, CuPy needs {_version(wanted)}"
            return f"{versions}: update the driver, or install {EXTRAS}"
        return NO_DEVICE if error.status == 100 else f"CUDA reports: {error}"


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


@functools.cache
def gpu() -> ModuleType:
    """CuPy, after a check that a GPU can be used.

    Returns:
        The module.

    Raises:
        ImportError: if CuPy is not installed.
        RuntimeError: if a driver or a device is missing; the message says how to mend it.
    """
    if problem := cuda_problem():
        raise RuntimeError(f"the device 'cuda' cannot be used: {problem}")
    return cupy()


def device_of(array: Array) -> Device:
    """The device on which an array is stored.

    Args:
        array: a NumPy or CuPy array.

    Returns:
        The device.
    """
    return CPU if isinstance(array, HOST) else Device(f"cuda:{array.device.id}")


def to_device(array: Array, device: str) -> Array:
    """An array on a given device.

    Args:
        array: a NumPy or CuPy array.
        device: "cpu", "cuda" or "cuda:N".

    Returns:
        The array itself if it is on that device already, else a copy.

    Raises:
        RuntimeError: if there is no such device.
    """
    target = Device(device)
    if device_of(array) == target:
        return array
    if target.type == "cpu":
        return array.get()
    if target.index >= (count := gpu().cuda.runtime.getDeviceCount()):
        raise RuntimeError(f"device: there is no {target}; this machine's last one is cuda:{count - 1}")
    with gpu().cuda.Device(target.index):
        return gpu().asarray(array)


def floats(numbers: Sequence[Any]) -> list[float]:
    """Numbers as Python floats. The host waits only once for all that are on a GPU.

    Args:
        numbers: Python numbers, or NumPy or CuPy arrays of one element.

    Returns:
        A float for each.
    """
    waiting = [n for n in numbers if hasattr(n, "__cuda_array_interface__")]
    if not waiting:
        return [float(n) for n in numbers]
    there = iter(namespace(waiting[0]).stack(waiting).get().tolist())
    return [next(there) if hasattr(n, "__cuda_array_interface__") else float(n) for n in numbers]


def to_host(array: Array) -> numpy.ndarray:
    """An array as a NumPy array. The host waits for the device if the array is on a GPU.

    Args:
        array: a NumPy or CuPy array.

    Returns:
        The array itself if it is a NumPy array, else a copy.
    """
    on_host: numpy.ndarray = to_device(array, "cpu")
    return on_host
