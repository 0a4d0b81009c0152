"""What older programs do with a tensor: a Python function for each element, another size in place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import namespace
from minitransformer.ops.tensors.inplace import copy_, set_data


def apply_(input: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """A Python function of each element, in place. It is slow, and for the CPU alone.

    Args:
        input: any shape, on the CPU.
        callable: of a Python number, gives one.

    Returns:
        `input`.

    Raises:
        TypeError: the tensor is on a GPU.
        RuntimeError: it requires a gradient.
    """
    if input.device.type != "cpu":
        raise TypeError(f"apply_: expected a tensor on the CPU, got {input.device}; call .cpu() first")
    if input.requires_grad:
        raise RuntimeError("apply_: a Python function has no gradient; use an op, or detach the tensor first")
    values = namespace(input.array).asarray([callable(x) for x in input.reshape(-1).tolist()])
    return copy_(input, Tensor(values.astype(input.dtype).reshape(input.shape)))


def resize_(input: Tensor, *sizes: Any) -> Tensor:
    """Another size in place: the elements in the order of memory, cut off at the end or filled up with zeros.

    The tensor has memory of its own afterwards. Where the number of elements stays, use `view`.

    Args:
        input: any shape.
        *sizes: the sizes, one by one or as one tuple.

    Returns:
        `input`.

    Raises:
        RuntimeError: it requires a gradient.
    """
    if input.requires_grad:
        raise RuntimeError("resize_: a tensor that requires grad cannot be resized; use reshape or pad")
    shape = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    xp, number = namespace(input.array), math.prod(shape)
    values = xp.zeros(number, input.dtype)
    values[: input.array.size] = input.array.reshape(-1)[:number]
    set_data(input, Tensor(values.reshape(shape)))
    return input
