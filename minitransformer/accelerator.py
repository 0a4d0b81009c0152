"""The accelerator in use, under PyTorch's names: a GPU by way of CuPy, or none."""

from __future__ import annotations

from minitransformer import cuda
from minitransformer.devices import Device


def is_available() -> bool:
    """Whether there is an accelerator.

    Returns:
        True if a GPU can be used.
    """
    return cuda.is_available()


def current_accelerator(check_available: bool = False) -> Device | None:
    """The kind of accelerator.

    Args:
        check_available: accepted as in PyTorch; no effect, since only an accelerator that is there is named.

    Returns:
        The device "cuda"; None if there is no GPU.
    """
    return Device("cuda") if is_available() else None


def device_count() -> int:
    """The number of accelerators.

    Returns:
        0 if there is none.
    """
    return cuda.device_count()


def current_device_index() -> int:
    """The number of the accelerator in use.

    Returns:
        From 0 on.

    Raises:
        ImportError, RuntimeError: there is none.
    """
    return cuda.current_device()


def set_device_index(device: int | str) -> None:
    """Make another accelerator the one in use.

    Args:
        device: its number, or its name.

    Raises:
        ImportError, RuntimeError: there is none.
    """
    cuda.set_device(device)


def synchronize() -> None:
    """Wait until the accelerator has done what it was given; nothing to wait for if there is none."""
    if is_available():
        cuda.synchronize()
