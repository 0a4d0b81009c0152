"""Devices: where an array lives, and moving it."""

from __future__ import annotations

from collections.abc import Sequence

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
    def index(self) -> int | None:
        return None if self.type == "cpu" else int(self.partition(":")[2])


CPU = Device("cpu")


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
    with cupy().cuda.Device(target.index):
        return cupy().asarray(array)


def floats(numbers: Sequence) -> list[float]:
    """Python floats of numbers and arrays of one element, after waiting once for those that live on a device."""
    waiting = [n for n in numbers if not isinstance(n, (int, float, *HOST))]
    there = iter(namespace(waiting[0]).stack(waiting).get().tolist() if waiting else ())
    return [float(n) if isinstance(n, (int, float, *HOST)) else next(there) for n in numbers]


def to_host(array: Array) -> numpy.ndarray:
    """`array` as a NumPy array; waits for the device if it lives on one."""
    return to_device(array, "cpu")
