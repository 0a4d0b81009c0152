"""Storages: the flat memory that PyTorch's tensors show parts of, and the tensors that are made of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.brain_float import FLOATS, narrow_from_bits
from minitransformer.defaults import default_device
from minitransformer.devices import to_device
from minitransformer.nn import Parameter

# where the numbers that a file says were at some device shall be
MapLocation: TypeAlias = str | Mapping[str, str] | Callable[[Any, str], Any] | None
# PyTorch's name -> NumPy's; two bytes of a bfloat16 are the upper two of a float32
DTYPES = {
    **{"float16": "f2", "float32": "f4", "float64": "f8", "bfloat16": "u2", "bool": "u1"},
    **{"uint8": "u1", "int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8"},
}


class Storage:
    """Flat memory, filled once the bytes are there.

    Args:
        dtype: PyTorch's name of the dtype.
        count: the number of elements.
        location: the device that the file names.
    """

    def __init__(self, dtype: str, count: int, location: str):
        self.dtype, self.count, self.location = dtype, count, location
        self.nbytes = count * numpy.dtype(DTYPES[dtype]).itemsize
        self.base: Tensor | None = None

    def fill(self, content: numpy.ndarray, little: bool, place: MapLocation) -> None:
        """Take the numbers.

        Args:
            content: uint8 (nbytes,), used without a copy where possible.
            little: whether the lowest byte of a number comes first.
            place: as in `load`.
        """
        stored = numpy.dtype(DTYPES[self.dtype]).newbyteorder("<" if little else ">")
        numbers = content.view(stored)
        native = numbers.astype(stored.newbyteorder("="), copy=False)
        self.base = Tensor(placed(values(native, self.dtype), self.location, place))

    def shown(self, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
        """A tensor on this memory.

        Args:
            offset: the number of the first element.
            size: the shape.
            stride: how many elements lie between neighbours, for each dimension.

        Returns:
            The tensor.

        Raises:
            ValueError: it would reach beyond the memory.
        """
        assert self.base is not None
        if math.prod(size):
            last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
            if last >= self.count:
                raise ValueError(f"a tensor reaches element {last} of a storage of {self.count}")
        flat: Array = self.base.array[min(offset, self.count) :]
        steps = tuple(step * flat.itemsize for step in stride)
        tensor = Tensor(namespace(flat).lib.stride_tricks.as_strided(flat, size, steps))
        tensor.edited = self.base.watched()  # an edit of one is seen by all that share the memory
        return tensor


def values(stored: numpy.ndarray, dtype: str) -> numpy.ndarray:
    """Numbers of the dtype that they stand for.

    Args:
        stored: in this machine's byte order.
        dtype: PyTorch's name.

    Returns:
        The same length.
    """
    if dtype == "bfloat16":
        return narrow_from_bits(stored)
    return stored != 0 if dtype == "bool" else stored


def placed(array: numpy.ndarray, location: str, place: MapLocation) -> Array:
    """Numbers on the device where they shall be.

    Args:
        array: on the host.
        location: the device that the file names.
        place: as in `load`.

    Returns:
        The array itself if it stays on the host.
    """
    if callable(place):
        found = place(Tensor(array), location)
        return to_device(array, default_device()) if found is None else found.array
    if isinstance(place, Mapping):
        place = place.get(location)
    return to_device(array, default_device() if place is None else str(place))


def check_place(place: MapLocation) -> None:
    """Raise RuntimeError or ValueError if a device is asked for that is not there.

    Args:
        place: as in `load`.
    """
    if not callable(place) and place is not None:
        for device in place.values() if isinstance(place, Mapping) else [place]:
            to_device(numpy.empty(0), str(device))


# ---- the functions by which a pickle makes tensors ----


def rebuild(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, *more: Any
) -> Tensor:
    """A tensor of a storage.

    Args:
        storage: a `Storage`.
        offset: from 0 on.
        size: numbers from 0 on.
        stride: as many numbers from 0 on.
        requires_grad: whether it is trained.
        *more: hooks and metadata, which are not kept.

    Returns:
        The tensor.

    Raises:
        ValueError: these are other values, or the tensor would reach beyond the memory.
    """
    if not isinstance(storage, Storage) or type(size) is not tuple or type(stride) is not tuple:
        raise ValueError("a tensor that is not made of a storage, a size and strides")
    if len(size) != len(stride) or not all(type(n) is int and n >= 0 for n in (offset, *size, *stride)):
        raise ValueError(
            f"a tensor of offset {offset}, size {size}, strides {stride}: expected numbers from 0 on"
        )
    if len(size) > 64 or math.prod(size) > 2**62 or max((offset, *stride)) > 2**59:
        raise ValueError(f"a tensor that is too large: size {size}, strides {stride}")
    tensor = storage.shown(offset, size, stride)
    return tensor.requires_grad_() if requires_grad is True and tensor.dtype.kind in FLOATS else tensor


def rebuild_parameter(data: Any, requires_grad: Any, *more: Any) -> Parameter:
    """A parameter of a tensor.

    Args:
        data: the tensor.
        requires_grad: whether it is trained.
        *more: hooks and attributes, which are not kept.

    Returns:
        The parameter.

    Raises:
        ValueError: `data` is no tensor.
    """
    if not isinstance(data, Tensor):
        raise ValueError("a parameter that is not made of a tensor")
    return Parameter(data.detach(), requires_grad is True and data.dtype.kind in FLOATS)
