"""The backend in use: the device of new tensors for which none is given."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from minitransformer.devices import CPU, Device, gpu


class _Default:
    """The name of the backend that was chosen, or None."""

    name: str | None = None


def check_backend(name: str) -> None:
    """Raise ValueError unless `name` is that of a backend, installed or not.

    Args:
        name: "numpy" or "cupy".
    """
    if name not in ("numpy", "cupy"):
        raise ValueError(f"backend: expected 'numpy' or 'cupy', got {name!r}")


def use_backend(name: str) -> None:
    """Make "numpy" or "cupy" the backend of tensors created from now on.

    Args:
        name: "numpy" for the CPU, "cupy" for a GPU.

    Raises:
        ValueError: the name is another one.
        ImportError: CuPy is not installed.
        RuntimeError: a driver or a device is missing.
    """
    check_backend(name)
    if name == "cupy":
        gpu()
    _Default.name = name


@contextlib.contextmanager
def backend(name: str) -> Iterator[None]:
    """`use_backend` inside a `with` block.

    Args:
        name: "numpy" for the CPU, "cupy" for a GPU.

    Returns:
        A context manager.

    Raises:
        ValueError: the name is another one.
        ImportError: CuPy is not installed.
        RuntimeError: a driver or a device is missing.
    """
    before = _Default.name
    use_backend(name)
    try:
        yield
    finally:
        _Default.name = before


def default_device() -> Device:
    """The device of new tensors: from `use_backend`, else from the variable MINITRANSFORMER_BACKEND, else the CPU.

    Returns:
        The device.
    """
    if _Default.name is None:
        use_backend(os.environ.get("MINITRANSFORMER_BACKEND") or "numpy")
    return CPU if _Default.name == "numpy" else Device("cuda")
