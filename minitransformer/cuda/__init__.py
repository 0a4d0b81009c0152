"""GPUs under PyTorch's names, by way of CuPy. Without CuPy or without a GPU, `is_available` is False and `device_count` 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minitransformer import devices, randomness
from minitransformer.cuda import amp
from minitransformer.devices import Device

__all__ = [
    "DeviceProperties",
    "amp",
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "is_available",
    "is_bf16_supported",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device",
    "synchronize",
]

_initialized = (
    False  # whether GPUs have random numbers of their own: programs ask before they keep their state
)


def is_available() -> bool:
    """Whether a GPU can be used.

    Returns:
        True if CuPy is installed, and a driver and a GPU are there.
    """
    try:
        return devices.cuda_problem() is None
    except ImportError:  # CuPy is not installed
        return False


def device_count() -> int:
    """The number of GPUs that can be used.

    Returns:
        0 if there is none.
    """
    return int(devices.gpu().cuda.runtime.getDeviceCount()) if is_available() else 0


def current_device() -> int:
    """The number of the GPU in use.

    Returns:
        From 0 on.

    Raises:
        ImportError: CuPy is not installed.
        RuntimeError: there is no GPU.
    """
    return int(devices.gpu().cuda.Device().id)


def set_device(device: int | str) -> None:
    """Make another GPU the one in use.

    Args:
        device: its number, or its name such as "cuda:1".

    Raises:
        ImportError: CuPy is not installed.
        RuntimeError: there is no GPU.
    """
    _device(device).use()


def synchronize(device: int | str | None = None) -> None:
    """Wait until a GPU has done all it was asked to do.

    Args:
        device: its number or name; None means the one in use.

    Raises:
        ImportError: CuPy is not installed.
        RuntimeError: there is no GPU.
    """
    _device(device).synchronize()


def _device(device: int | str | None) -> Any:
    """CuPy's device."""
    number = Device(device).index if isinstance(device, str) else device
    return devices.gpu().cuda.Device(number)


# ---- what a GPU is ----


@dataclass(frozen=True)
class DeviceProperties:
    """What a GPU is.

    Attributes:
        name: of its kind.
        major: the first number of what it can compute.
        minor: the second.
        total_memory: in bytes.
        multi_processor_count: how many groups of cores it has.
    """

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


def get_device_properties(device: int | str | None = None) -> DeviceProperties:
    """What a GPU is.

    Args:
        device: its number or name; None means the one in use.

    Returns:
        Name, numbers and sizes.

    Raises:
        ImportError: CuPy is not installed.
        RuntimeError: there is no GPU.
    """
    found = devices.gpu().cuda.runtime.getDeviceProperties(_device(device).id)
    sizes = (found["major"], found["minor"], found["totalGlobalMem"], found["multiProcessorCount"])
    return DeviceProperties(found["name"].decode(), *sizes)


def get_device_name(device: int | str | None = None) -> str:
    """The name of a GPU's kind.

    Args:
        device: its number or name; None means the one in use.

    Returns:
        Such as "NVIDIA H200".
    """
    return get_device_properties(device).name


def get_device_capability(device: int | str | None = None) -> tuple[int, int]:
    """The version of what a GPU can compute.

    Args:
        device: its number or name; None means the one in use.

    Returns:
        Such as (9, 0).
    """
    found = get_device_properties(device)
    return found.major, found.minor


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a GPU is there that multiplies matrices of bfloat16.

    Args:
        including_emulation: accepted as in PyTorch; no effect.

    Returns:
        True from version 8 of what GPUs can compute.
    """
    return is_available() and get_device_capability() >= (8, 0)


# ---- memory ----


def memory_allocated(device: int | str | None = None) -> int:
    """The memory of the arrays on the GPU in use.

    Args:
        device: accepted as in PyTorch; no effect.

    Returns:
        Bytes; 0 without a GPU.
    """
    return int(devices.gpu().get_default_memory_pool().used_bytes()) if is_available() else 0


def memory_reserved(device: int | str | None = None) -> int:
    """The memory that CuPy holds for arrays: it keeps what was freed for the next.

    Args:
        device: accepted as in PyTorch; no effect.

    Returns:
        Bytes; 0 without a GPU.
    """
    return int(devices.gpu().get_default_memory_pool().total_bytes()) if is_available() else 0


def max_memory_allocated(device: int | str | None = None) -> int:
    """The most memory that arrays took since the last `reset_peak_memory_stats` or `empty_cache`, rounded up.

    CuPy keeps no record of it; what it holds is at least as much, and grows only when more is needed.

    Args:
        device: accepted as in PyTorch; no effect.

    Returns:
        Bytes; 0 without a GPU.
    """
    return memory_reserved()


max_memory_reserved = max_memory_allocated


def empty_cache() -> None:
    """Give the memory that CuPy keeps for the next arrays back to the GPU. Without a GPU nothing happens."""
    if is_available():
        devices.gpu().get_default_memory_pool().free_all_blocks()


def reset_peak_memory_stats(device: int | str | None = None) -> None:
    """Begin to look anew for the most memory in use: `empty_cache`.

    Args:
        device: accepted as in PyTorch; no effect.
    """
    empty_cache()


# ---- random numbers ----


def manual_seed(seed: int) -> None:
    """Start the random numbers of tensors on a GPU anew. They come from one generator on the host, so this is `mt.manual_seed`.

    Without a GPU nothing happens, as in PyTorch.

    Args:
        seed: equal seeds give equal numbers.
    """
    if is_available():
        randomness.manual_seed(seed)


manual_seed_all = manual_seed
