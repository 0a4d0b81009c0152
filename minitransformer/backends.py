"""Which array library an array belongs to, the default device, moving arrays, and the one random generator."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from types import ModuleType
from typing import Any

import numpy

Array = Any  # numpy.ndarray or cupy.ndarray
_HOST = (numpy.ndarray, numpy.generic)

float16, float32, float64 = (numpy.dtype(name) for name in ("float16", "float32", "float64"))
int8, int16, int32, int64 = (numpy.dtype(name) for name in ("int8", "int16", "int32", "int64"))
uint8, bool_ = numpy.dtype("uint8"), numpy.dtype("bool")


def namespace(array: Array) -> ModuleType:
    """The library that made `array`: the module `numpy` or `cupy`."""
    return numpy if isinstance(array, _HOST) else cupy()


def cupy() -> ModuleType:
    """CuPy, imported when first asked for. Raises ImportError that says what to install."""
    if importlib.util.find_spec("cupy") is None:
        raise ImportError(
            "the device 'cuda' needs CuPy, which is not installed: "
            "pip install 'minitransformer[cuda12]' or 'minitransformer[cuda13]', whichever CUDA the driver supports"
        )
    import cupy

    return cupy


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
    return CPU if isinstance(array, _HOST) else Device(f"cuda:{array.device.id}")


def to_device(array: Array, device: str) -> Array:
    """`array` on `device`: itself if it is there already, else a copy."""
    target = Device(device)
    if device_of(array) == target:
        return array
    if target.type == "cpu":
        return array.get()
    with cupy().cuda.Device(target.index):
        return cupy().asarray(array)


def to_host(array: Array) -> numpy.ndarray:
    """`array` as a NumPy array; waits for the device if it lives on one."""
    return to_device(array, "cpu")


class _Default:
    """The backend asked for, if one was."""

    name: str | None = None


def use_backend(name: str) -> None:
    """Make "numpy" or "cupy" the backend of tensors created from now on. Raises ValueError, ImportError."""
    if name not in ("numpy", "cupy"):
        raise ValueError(f"backend: expected 'numpy' or 'cupy', got {name!r}")
    if name == "cupy":
        cupy()
    _Default.name = name


@contextlib.contextmanager
def backend(name: str):
    """`use_backend` for the length of a `with` block."""
    before = _Default.name
    use_backend(name)
    try:
        yield
    finally:
        _Default.name = before


def default_device() -> Device:
    """Where new tensors go: `use_backend`, else the variable MINITRANSFORMER_BACKEND, else the CPU."""
    if _Default.name is None:
        use_backend(os.environ.get("MINITRANSFORMER_BACKEND") or "numpy")
    return CPU if _Default.name == "numpy" else Device("cuda")


class _Random:
    """The generator behind every random number. It draws on the host, so that both backends see the same numbers."""

    generator = numpy.random.default_rng()


def manual_seed(seed: int) -> None:
    """Start the random numbers anew from `seed`: initial weights, dropout masks, shuffles, samples."""
    _Random.generator = numpy.random.default_rng(seed)


def generator() -> numpy.random.Generator:
    """The generator in use; its `bit_generator.state` is what a checkpoint keeps."""
    return _Random.generator
