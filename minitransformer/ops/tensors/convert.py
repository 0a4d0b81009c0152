"""Other dtypes and other devices."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import (
    Array,
    Arrays,
    DType,
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from minitransformer.brain_float import FLOATS, bfloat16, promoted
from minitransformer.defaults import default_device
from minitransformer.devices import Device, device_of, to_device
from minitransformer.ops.laws import Moves

# orders of memory
preserve_format, contiguous_format, channels_last = "preserve_format", "contiguous_format", "channels_last"


class Cast(Moves):
    """The same values in another dtype.

    Args:
        dtype: a floating-point dtype.
    """

    reads = "shapes"
    rounded = False  # the result has the dtype that was asked for

    def __init__(self, dtype: DType):
        self.dtype = dtype

    def forward(self, x: Array) -> Array:
        return x.astype(self.dtype)

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (g.astype(x.dtype),)


class ToDevice(Moves):
    """The same values on another device; on the device that they are on, the same memory.

    Args:
        device: "cpu" or "cuda:0".
    """

    reads = "shapes"
    view = True

    def __init__(self, device: str):
        self.device = device

    def forward(self, x: Array) -> Array:
        return to_device(x, self.device)

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (to_device(g, device_of(x)),)


def cast(input: Tensor, dtype: DType) -> Tensor:
    """The tensor in another dtype.

    Args:
        input: any shape.
        dtype: the dtype.

    Returns:
        The same shape; the input itself if it has the dtype.
    """
    if input.dtype == dtype:
        return input
    op = Cast(numpy.dtype(dtype))
    return op(input) if op.dtype.kind in FLOATS else Tensor(op.forward(input.array))


_CATEGORY = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2}


def common_dtype(*tensors: Tensor) -> DType:
    """The dtype that PyTorch computes with for these tensors.

    Floating-point dtypes prevail over integers, and these over booleans. Of one kind the widest dtype counts, of tensors with
    dimensions if there are any.

    Args:
        *tensors: one or more.

    Returns:
        The dtype.
    """
    ranks = [(_CATEGORY[x.dtype.kind], x.ndim > 0) for x in tensors]
    return reduce(promoted, [x.dtype for x, rank in zip(tensors, ranks, strict=True) if rank == max(ranks)])


def to(
    input: Tensor,
    *targets: Any,
    dtype: DType | None = None,
    device: str | int | None = None,
    other: Tensor | None = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: str = preserve_format,
) -> Tensor:
    """The tensor in another dtype, on another device, or both.

    Args:
        input: any shape.
        *targets: dtypes, names or numbers of devices, or tensors, whose dtype and device are meant. As in PyTorch two booleans may
            follow, `non_blocking` and `copy`.
        dtype: the dtype; None leaves it as it is.
        device: the device, by name or number; None leaves it as it is.
        other: a tensor, whose dtype and device are meant.
        non_blocking: accepted as in PyTorch; no effect.
        copy: whether to copy even where nothing changes.
        memory_format: the order of the elements in memory: `preserve_format`, `contiguous_format` or, for 4 dimensions,
            `channels_last`.

    Returns:
        The same shape; the input itself if nothing changes and no copy is asked for.

    Raises:
        ValueError: the memory format is unknown, or does not fit the shape.
    """
    flags = [t for t in targets if isinstance(t, bool)]
    out = input
    for target in (*targets[: len(targets) - len(flags)], other, device, dtype):
        out = _to_one(out, target)
    out = in_order(out, memory_format)
    return out.clone() if out is input and (copy or flags[1:] == [True]) else out


def _to_one(input: Tensor, target: Any) -> Tensor:
    if target is None:
        return input
    if isinstance(target, Tensor):
        return _to_one(_to_one(input, target.device), target.dtype)
    if isinstance(target, int):
        target = f"cuda:{target}"
    if isinstance(target, str) and target.partition(":")[0] in ("cpu", "cuda"):
        return input if input.device == Device(target) else ToDevice(target)(input)
    return cast(input, target)


def in_order(input: Tensor, memory_format: str) -> Tensor:
    """The tensor with its elements in another order in memory.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape and values.

    Raises:
        ValueError: the memory format is unknown, or does not fit the shape.
    """
    if memory_format == preserve_format:
        return input
    if memory_format == contiguous_format:
        return input.contiguous()
    if memory_format != channels_last or input.ndim != 4:
        raise ValueError(
            f"expected a memory_format of PyTorch's that fits {input.ndim} dimensions, got {memory_format!r}"
        )
    return input.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def cuda(
    input: Tensor,
    device: str | int | None = None,
    non_blocking: bool = False,
    memory_format: str = preserve_format,
) -> Tensor:
    """The tensor on a GPU.

    Args:
        input: any shape.
        device: its name or number; None means the first.
        non_blocking: accepted as in PyTorch; no effect.
        memory_format: as in `to`.

    Returns:
        The same shape; the input itself if it is there already.
    """
    return to(input, "cuda" if device is None else device, memory_format=memory_format)


def cpu(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor on the CPU.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape; the input itself if it is there already.
    """
    return to(input, "cpu", memory_format=memory_format)


def to_half(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor as half precision, float16.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape. The input itself if it is that already.
    """
    return in_order(cast(input, float16), memory_format)


def to_bfloat16(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor as bfloat16.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape. The input itself if it is that already.

    Raises:
        ImportError: ml_dtypes is not installed.
    """
    return in_order(cast(input, bfloat16()), memory_format)


def to_float(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor as single precision, float32.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape. The input itself if it is that already.
    """
    return in_order(cast(input, float32), memory_format)


def to_double(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor as double precision, float64.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape. The input itself if it is that already.
    """
    return in_order(cast(input, float64), memory_format)


def to_int(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor as int32.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape. The input itself if it is that already.
    """
    return in_order(cast(input, int32), memory_format)


def to_long(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor as int64.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape. The input itself if it is that already.
    """
    return in_order(cast(input, int64), memory_format)


def to_bool(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor as booleans, False where a value is 0.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape. The input itself if it is that already.
    """
    return in_order(cast(input, bool_), memory_format)


def to_byte(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor as uint8.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape. The input itself if it is that already.
    """
    return in_order(cast(input, uint8), memory_format)


def to_char(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor as int8.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape. The input itself if it is that already.
    """
    return in_order(cast(input, int8), memory_format)


def to_short(input: Tensor, memory_format: str = preserve_format) -> Tensor:
    """The tensor as int16.

    Args:
        input: any shape.
        memory_format: as in `to`.

    Returns:
        The same shape. The input itself if it is that already.
    """
    return in_order(cast(input, int16), memory_format)


def pin_memory(input: Tensor) -> Tensor:
    """The tensor itself: accepted as in PyTorch, where it makes copies to a GPU faster. No effect.

    Args:
        input: any shape.

    Returns:
        `input`.
    """
    return input


def get_device(input: Tensor) -> int:
    """The number of the GPU that holds the tensor.

    Args:
        input: any shape.

    Returns:
        The number; -1 on the CPU.
    """
    index = device_of(input.array).index
    return -1 if index is None else index


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype and on the device of another.

    Args:
        input: any shape.
        other: the other tensor.

    Returns:
        The same shape; the input itself if nothing changes.
    """
    return to(input, other)


def on_default_device(array: Array) -> Tensor:
    """A tensor of a host array, on the backend in use.

    Args:
        array: any shape.

    Returns:
        The tensor; on the CPU it shares the array's memory.
    """
    return Tensor(to_device(array, default_device()))
