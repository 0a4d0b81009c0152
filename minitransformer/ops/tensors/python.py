"""A tensor among Python's own things: numbers, lists, NumPy arrays, text, copies."""

from __future__ import annotations

import copy
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import DType
from minitransformer.devices import to_host
from minitransformer.ops.tensors.printing import values_of


def item(input: Tensor) -> float | int | bool:
    """The only element, as a Python number.

    Args:
        input: one element.

    Returns:
        The number.

    Raises:
        ValueError: there is not exactly one element.
    """
    if input.array.size != 1:
        raise ValueError(f"item: expected a tensor of one element, got shape {input.shape}; use .tolist()")
    number: float | int | bool = input.array.item()
    return number


def tolist(input: Tensor) -> Any:
    """The elements as nested lists of Python numbers.

    Args:
        input: any shape.

    Returns:
        The lists, or the number itself of a 0-d tensor.
    """
    return input.array.tolist()


def to_numpy(input: Tensor) -> numpy.ndarray:
    """The values as a NumPy array.

    Args:
        input: any shape.

    Returns:
        The same shape and dtype: the tensor's own memory on the CPU, a copy from a GPU.
    """
    return to_host(input.array)


def host_array(value: Any) -> numpy.ndarray:
    """The values of a tensor, an array or a PyTorch tensor, on the host.

    Args:
        value: any of these, or what NumPy can make an array of.

    Returns:
        A NumPy array; bfloat16, which NumPy lacks, becomes float32.
    """
    if isinstance(value, Tensor):
        return to_numpy(value)
    if not hasattr(value, "detach"):
        return to_host(value) if hasattr(value, "__cuda_array_interface__") else numpy.asarray(value)
    value = value.detach().cpu()
    return numpy.asarray(value.float() if str(value.dtype) == "torch.bfloat16" else value)


def __array__(input: Tensor, dtype: DType | None = None, copy: bool | None = None) -> numpy.ndarray:
    return numpy.array(to_numpy(input), dtype=dtype, copy=copy)


def __bool__(input: Tensor) -> bool:
    return bool(item(input))


def __float__(input: Tensor) -> float:
    return float(item(input))


def __int__(input: Tensor) -> int:
    return int(item(input))


def __index__(input: Tensor) -> int:
    number = to_host(input.array)
    return number.reshape(()).__index__() if number.size == 1 else number.__index__()


def __len__(input: Tensor) -> int:
    if not input.shape:
        raise TypeError("len() of a 0-d tensor")
    return input.shape[0]


def __repr__(input: Tensor) -> str:
    values = values_of(input)
    extra = "" if input.dtype.name in ("float32", "int64", "bool") else f", dtype={input.dtype}"
    extra += "" if input.device == "cpu" else f", device='{input.device}'"
    grad = f", grad_fn=<{input.op}>" if input.op else ", requires_grad=True" if input.requires_grad else ""
    return f"tensor({values}{extra}{grad})"


def __format__(input: Tensor, spec: str) -> str:
    """The number of a 0-d tensor, as Python formats it. Raises TypeError for others with a `spec`."""
    if input.ndim and spec:
        raise TypeError(
            f"format: expected a 0-d tensor for {spec!r}, got shape {input.shape}; use .item() or .tolist()"
        )
    return str(input) if input.ndim else format(item(input), spec)


def __deepcopy__(input: Tensor, memo: dict[int, Any]) -> Tensor:
    """A leaf with memory of its own. Raises RuntimeError for a result: its whole history would go with it."""
    if input.op is not None:
        raise RuntimeError(f"deepcopy: expected a leaf, got the result of {input.op}: copy .detach() instead")
    twin = object.__new__(type(input))
    own = {name: value for name, value in vars(input).items() if name not in ("edited", "shows", "twin")}
    twin.__dict__.update(copy.deepcopy(own, memo))
    return twin
