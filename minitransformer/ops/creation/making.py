"""What all makers of tensors do: put values on a device, and read numbers."""

from __future__ import annotations

from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import DType
from minitransformer.defaults import default_device
from minitransformer.devices import to_device


def placed(array: numpy.ndarray, device: str | None, requires_grad: bool = False) -> Tensor:
    """A tensor with the values of a NumPy array, on a device.

    Args:
        array: the values.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        The tensor.
    """
    return Tensor(to_device(array, device or default_device()), requires_grad=requires_grad)


def number_of(value: Any) -> Any:
    """A Python number of one that may be a 0-d tensor or NumPy's.

    Args:
        value: the number.

    Returns:
        The same as a Python number.
    """
    return value.item() if hasattr(value, "item") else value


def filling(value: Any, dtype: DType | None) -> Any:
    """The number that a fill with a value leaves: integers wrap.

    Args:
        value: the number, or a 0-d tensor.
        dtype: the dtype that is filled; None for any.

    Returns:
        A Python number.
    """
    value = number_of(value)
    return (
        numpy.array(value).astype(dtype).item()
        if dtype is not None and numpy.dtype(dtype).kind in "iu"
        else value
    )
