"""PyTorch's old classes of tensors, one a dtype: `FloatTensor([1, 2])`, `LongTensor(2, 3)`, `isinstance(x, LongTensor)`."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import (
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
from minitransformer.ops.creation.filled import zeros
from minitransformer.ops.creation.from_data import tensor


class Typed(type):
    """The class of these classes: calling one makes a `Tensor` of its dtype, and tensors of that dtype are its instances."""

    dtype: DType

    def __call__(cls, *data: Any) -> Tensor:
        """A tensor of the class's dtype on the CPU.

        Args:
            *data: numbers in a sequence or an array; a tensor; or sizes, for zeros.

        Returns:
            The tensor.

        Raises:
            ValueError: anything else.
        """
        if all(type(n) is int for n in data):
            return zeros(*(data or (0,)), dtype=cls.dtype, device="cpu")
        (values,) = data
        return tensor(values, dtype=cls.dtype, device="cpu")

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype and instance.device == "cpu"


class HalfTensor(metaclass=Typed):
    """Tensors of float16 on the CPU."""

    dtype = float16


class FloatTensor(metaclass=Typed):
    """Tensors of float32 on the CPU."""

    dtype = float32


class DoubleTensor(metaclass=Typed):
    """Tensors of float64 on the CPU."""

    dtype = float64


class CharTensor(metaclass=Typed):
    """Tensors of int8 on the CPU."""

    dtype = int8


class ByteTensor(metaclass=Typed):
    """Tensors of uint8 on the CPU."""

    dtype = uint8


class ShortTensor(metaclass=Typed):
    """Tensors of int16 on the CPU."""

    dtype = int16


class IntTensor(metaclass=Typed):
    """Tensors of int32 on the CPU."""

    dtype = int32


class LongTensor(metaclass=Typed):
    """Tensors of int64 on the CPU."""

    dtype = int64


class BoolTensor(metaclass=Typed):
    """Tensors of booleans on the CPU."""

    dtype = bool_


CLASSES = (
    HalfTensor,
    FloatTensor,
    DoubleTensor,
    CharTensor,
    ByteTensor,
    ShortTensor,
    IntTensor,
    LongTensor,
    BoolTensor,
)


def type_(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of PyTorch's class for the dtype; or the tensor in another dtype.

    Args:
        input: any shape.
        dtype: None asks for the name; a dtype, a class such as `LongTensor` or its name convert.
        non_blocking: accepted as in PyTorch; no effect.

    Returns:
        A string such as "torch.FloatTensor", or "torch.cuda.FloatTensor"; or a tensor.

    Raises:
        TypeError: there is no class of that name.
    """
    place = "torch." if input.device == "cpu" else "torch.cuda."
    if dtype is None:
        return next(place + kind.__name__ for kind in CLASSES if kind.dtype == input.dtype)
    if isinstance(dtype, str):
        named = {f"{where}{kind.__name__}": kind for kind in CLASSES for where in ("torch.", "torch.cuda.")}
        if dtype not in named:
            raise TypeError(f"type: expected a dtype or a name such as 'torch.FloatTensor', got {dtype!r}")
        dtype = named[dtype]
    return input.to(dtype.dtype if isinstance(dtype, Typed) else dtype)


def is_tensor(obj: object) -> bool:
    """Whether an object is a tensor.

    Args:
        obj: anything.

    Returns:
        True or False.
    """
    return isinstance(obj, Tensor)
