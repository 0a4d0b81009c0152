"""New tensors that take their shape, or their dtype and device, from another."""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from minitransformer.autograd import Tensor
from minitransformer.backends import DType, namespace
from minitransformer.devices import to_device
from minitransformer.ops.creation.filled import empty, full, ones, zeros
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.creation.making import filling
from minitransformer.ops.tensors.convert import in_order, preserve_format


def _like(
    name: str,
    input: Tensor,
    *value: Any,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
    memory_format: str = preserve_format,
) -> Tensor:
    array = getattr(namespace(input.array), name)(input.array, *value, dtype=dtype)
    made = in_order(Tensor(to_device(array, device or input.device)), memory_format)
    return made.requires_grad_(requires_grad)


def zeros_like(input: Tensor, **options: Any) -> Tensor:
    """Zeros in the shape of another tensor.

    Args:
        input: gives the shape.
        **options: `dtype`, `device`, `requires_grad` and `memory_format`; dtype and device are those of `input` unless
            given.

    Returns:
        A new tensor.
    """
    return _like("zeros_like", input, **options)


def ones_like(input: Tensor, **options: Any) -> Tensor:
    """Ones in the shape of another tensor.

    Args:
        input: gives the shape.
        **options: `dtype`, `device`, `requires_grad` and `memory_format`; dtype and device are those of `input` unless
            given.

    Returns:
        A new tensor.
    """
    return _like("ones_like", input, **options)


def empty_like(input: Tensor, **options: Any) -> Tensor:
    """A tensor in the shape of another, whose values are to be written later: see `empty`.

    Args:
        input: gives the shape.
        **options: `dtype`, `device`, `requires_grad` and `memory_format`; dtype and device are those of `input` unless
            given.

    Returns:
        A new tensor.
    """
    return zeros_like(input, **options)


def full_like(input: Tensor, fill_value: Tensor | float, **options: Any) -> Tensor:
    """One value everywhere, in the shape of another tensor.

    Args:
        input: gives the shape.
        fill_value: a number, or a 0-d tensor.
        **options: `dtype`, `device`, `requires_grad` and `memory_format`; dtype and device are those of `input` unless
            given.

    Returns:
        A new tensor.
    """
    return _like("full_like", input, filling(fill_value, options.get("dtype") or input.dtype), **options)


class Like(TypedDict, total=False):
    """The options of `new_zeros` and its kin; the dtype and the device are those of the tensor if not given."""

    dtype: DType | None
    device: str | None
    requires_grad: bool


def _options(input: Tensor, given: Like) -> Like:
    """`given`, with the dtype and the device of `input` where it names none."""
    return {
        **given,
        "dtype": given.get("dtype") or input.dtype,
        "device": given.get("device") or input.device,
    }


def new_zeros(input: Tensor, *size: Any, **options: Unpack[Like]) -> Tensor:
    """Zeros, of the dtype and on the device of another tensor.

    Args:
        input: gives dtype and device.
        *size: the sizes, one by one or as one tuple.
        **options: `dtype`, `device` and `requires_grad`; dtype and device are those of `input` unless given.

    Returns:
        A new tensor.
    """
    return zeros(*size, **_options(input, options))


def new_ones(input: Tensor, *size: Any, **options: Unpack[Like]) -> Tensor:
    """Ones, of the dtype and on the device of another tensor.

    Args:
        input: gives dtype and device.
        *size: the sizes, one by one or as one tuple.
        **options: `dtype`, `device` and `requires_grad`; dtype and device are those of `input` unless given.

    Returns:
        A new tensor.
    """
    return ones(*size, **_options(input, options))


def new_empty(input: Tensor, *size: Any, **options: Unpack[Like]) -> Tensor:
    """A tensor whose values are to be written later, of the dtype and on the device of another.

    Args:
        input: gives dtype and device.
        *size: the sizes, one by one or as one tuple.
        **options: `dtype`, `device` and `requires_grad`; dtype and device are those of `input` unless given.

    Returns:
        A new tensor.
    """
    return empty(*size, **_options(input, options))


def new_full(input: Tensor, size: Any, fill_value: Any, **options: Unpack[Like]) -> Tensor:
    """One value everywhere, of the dtype and on the device of another tensor.

    Args:
        input: gives dtype and device.
        size: the sizes, as one tuple.
        fill_value: a number, or a 0-d tensor.
        **options: `dtype`, `device` and `requires_grad`; dtype and device are those of `input` unless given.

    Returns:
        A new tensor.
    """
    return full(size, fill_value, **_options(input, options))


def new_tensor(input: Tensor, data: Any, **options: Unpack[Like]) -> Tensor:
    """A copy of data, of the dtype and on the device of another tensor.

    Args:
        input: gives dtype and device.
        data: as for `tensor`.
        **options: `dtype`, `device` and `requires_grad`; dtype and device are those of `input` unless given.

    Returns:
        A new tensor.
    """
    return tensor(data, **_options(input, options))


def new(input: Tensor, *data: Any) -> Tensor:
    """A tensor of sizes or of data, of the dtype and on the device of another: the older way to write `new_empty`, `new_tensor`.

    Args:
        input: gives dtype and device.
        *data: sizes, or one sequence of numbers, array or tensor; nothing gives a tensor of shape (0,).

    Returns:
        A new tensor.
    """
    if all(type(n) is int for n in data):
        return new_empty(input, *(data or (0,)))
    return new_tensor(input, *data)
