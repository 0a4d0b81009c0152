"""Tensors from data, and copies."""

from __future__ import annotations

from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, DType, float32
from minitransformer.brain_float import FLOATS
from minitransformer.ops.creation.filled import zeros
from minitransformer.ops.creation.making import placed
from minitransformer.ops.tensors.convert import in_order, preserve_format


def tensor(
    data: Any, dtype: DType | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of data.

    Args:
        data: a number, nested lists of numbers, an array or another tensor.
        dtype: the dtype; None keeps that of an array, makes Python floats float32 and integers int64.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A tensor of the shape of `data`.

    Raises:
        TypeError: `data` is not made of numbers, or its shape is irregular.

    >>> tensor([[1, 2], [3, 4]]).dtype, tensor(0.5).dtype
    (dtype('int64'), dtype('float32'))
    """
    source = data.array if isinstance(data, Tensor) else data
    if not hasattr(source, "dtype"):
        source = numpy.array(_plain_numbers(source))
        dtype = dtype or (float32 if source.dtype.kind in FLOATS else None)
    if source.dtype.kind not in "biufV":
        raise TypeError(
            f"tensor: expected numbers in a regular shape, got {type(data).__name__} of dtype {source.dtype}"
        )
    array = source.astype(dtype or source.dtype, copy=True)
    return placed(array, device, requires_grad)


def _plain_numbers(data: Any) -> Any:
    """Nested sequences of numbers, in which tensors may stand for numbers or rows."""
    if isinstance(data, Tensor):
        return data.tolist()
    if not isinstance(data, (list, tuple)):
        return data
    return [_plain_numbers(item) if isinstance(item, (Tensor, list, tuple)) else item for item in data]


def laid_out(data: Any, *sizes: int) -> Array:
    """The array that `Tensor(data)` or `Tensor(2, 3)` holds, as in PyTorch.

    Args:
        data: a sequence of numbers, which becomes float32; a NumPy number, which keeps its dtype; a tensor, which shares its
            memory; or the first of the sizes.
        *sizes: the other sizes of a tensor of zeros.

    Returns:
        The array.

    Raises:
        TypeError: one number, which could mean a value or a size; or anything else.
    """
    if isinstance(data, numpy.generic) and not sizes:
        return numpy.asarray(data)
    if isinstance(data, Tensor) and not sizes and not data.requires_grad:
        return data.array
    if all(type(n) is int for n in (data, *sizes)):
        return zeros(data, *sizes).array
    if sizes or not hasattr(data, "__len__") or isinstance(data, (str, Tensor)):
        what = ", ".join(map(repr, (data, *sizes)))
        raise TypeError(
            f"Tensor: expected sizes, a sequence of numbers or an array, got {what}; use tensor() or .clone()"
        )
    return tensor(data, dtype=float32).array


def from_numpy(array: numpy.ndarray) -> Tensor:
    """A tensor on the CPU that shares the memory of a NumPy array.

    Args:
        array: the array.

    Returns:
        A tensor of its shape and dtype.
    """
    return Tensor(array)


def as_tensor(data: Any, dtype: DType | None = None, device: str | None = None) -> Tensor:
    """Data as a tensor, copied only where the dtype or the device must change.

    Args:
        data: a tensor, an array, a number or nested lists.
        dtype: the dtype; None keeps it as `tensor` does.
        device: "cpu", "cuda" or "cuda:N"; None means where the data are.

    Returns:
        A tensor of the shape of `data`.
    """
    source = Tensor(data) if isinstance(data, numpy.ndarray) else data
    made = source if isinstance(source, Tensor) else tensor(source)
    return made.to(*[t for t in (dtype, device) if t is not None])


def clone(input: Tensor, *, memory_format: str = preserve_format) -> Tensor:
    """A copy with memory of its own, through which gradients flow.

    Args:
        input: any tensor.
        memory_format: the order of the copy in memory.

    Returns:
        The same shape and dtype.
    """
    return in_order(input * 1.0 if input.requires_grad else Tensor(input.array.copy()), memory_format)
