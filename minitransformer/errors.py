"""Errors of ops: the message names the op and its inputs, and says how to mend the error."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from minitransformer.backends import cupy
from minitransformer.devices import Device, device_of, gpu

LESS = "take a smaller batch or shorter sequences, utils.checkpoint.checkpoint for the layers, or amp.autocast on a GPU"


def told(error: Exception, name: str, inputs: Sequence[Any]) -> Exception:
    """An error of the same class whose message names the op and its inputs.

    Args:
        error: the error of the array library.
        name: the name of the op.
        inputs: its inputs: tensors, arrays, numbers or None.

    Returns:
        The error, to be raised. For a MemoryError its message says how to need less memory; for tensors on two devices it is
        a TypeError that says so.
    """
    if isinstance(error, MemoryError):
        if LESS in str(error):  # an op told it
            return error
        return MemoryError(f"{name}: {error}{_free()}. To need less: {LESS}")
    return _on_two_devices(name, inputs) or type(error)(f"{name.lower()}: {error}; got {_shown(inputs)}")


@contextmanager
def telling_of_memory(name: str) -> Iterator[None]:
    """Tell how to need less memory if a block runs out of it.

    Args:
        name: what ran out, for an error that no op has told yet.

    Returns:
        A context manager, which decorates functions too.
    """
    try:
        yield
    except MemoryError as error:
        raise told(error, name, ()) from None


def check_device(name: str, *inputs: Any) -> None:
    """Raise TypeError if tensors are on different devices.

    Args:
        name: the name of the op, for the message.
        *inputs: tensors; other values do not count.
    """
    if error := _on_two_devices(name, inputs):
        raise error


def _on_two_devices(name: str, inputs: Sequence[Any]) -> TypeError | None:
    if len({_device(t) for t in inputs if hasattr(t, "device")}) < 2:
        return None
    return TypeError(
        f"{name.lower()}: expected tensors on one device, got {_shown(inputs)}; move one with .to(...)"
    )


def _shown(inputs: Sequence[Any]) -> str:
    given = [t for t in inputs if t is not None]
    return ", ".join(f"{t.shape} {t.dtype} {_device(t)}" if hasattr(t, "device") else repr(t) for t in given)


def _device(t: Any) -> Device:
    """The device of a tensor or an array."""
    return device_of(getattr(t, "array", t))


def _free() -> str:
    """The free memory of the GPU in words, after CuPy's pool has released what it does not use; "" if no GPU is in use."""
    if not gpu.cache_info().currsize:
        return ""
    cupy().get_default_memory_pool().free_all_blocks()
    free, total = cupy().cuda.Device().mem_info
    return f"; {free / 2**20:,.0f} of {total / 2**20:,.0f} MiB are free on the device"


def no_such_name(place: str, name: str, known: Iterable[str]) -> AttributeError:
    """The error for a name that is not there, with the nearest one that is.

    Args:
        place: what was asked for it, such as "module 'minitransformer'".
        name: the name.
        known: the names that are there.

    Returns:
        The error, to be raised.
    """
    # `difflib` is needed for errors only
    nearest = importlib.import_module("difflib").get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return AttributeError(f"{place} has no attribute {name!r}{hint}")
