"""What goes into an op of two: tensors and numbers, brought to one dtype by PyTorch's rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeAlias

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import float32, int64
from minitransformer.brain_float import FLOATS, KIND, KNOWN, bfloat16
from minitransformer.ops.laws import is_number
from minitransformer.ops.tensors.convert import cast, common_dtype

P = ParamSpec("P")
Operand: TypeAlias = Tensor | float | numpy.ndarray[Any, Any] | numpy.generic


def operands(a: Operand, b: Operand) -> tuple[Any, Any]:
    """Two inputs of an op in one dtype, by PyTorch's rules: a number or a 0-d tensor does not widen a tensor of its kind.

    Args:
        a: a tensor or a number.
        b: a tensor or a number.

    Returns:
        The two, each a tensor or a Python number.
    """
    x = operand(a)
    y = operand(b)
    if is_number(x) and is_number(y):
        raise TypeError(f"expected a tensor, got two numbers, {x} and {y}")
    if is_number(y):
        return _beside_number(x, y)
    if is_number(x):
        return _beside_number(y, x)[::-1]
    if x.array.dtype == y.array.dtype:
        return x, y
    dtype = common_dtype(x, y)
    return cast(x, dtype), cast(y, dtype)


def operand(x: Any) -> Any:
    """One input of an op. NumPy's own numbers become Python's, since a float64 of NumPy would widen float32 arrays.

    Args:
        x: a tensor, a number, or what a tensor can be made of.

    Returns:
        A tensor or a Python number.
    """
    if isinstance(x, Tensor):
        return x
    if isinstance(x, numpy.generic):
        return x.item()
    if is_number(x):
        return x
    array = x if hasattr(x, "__cuda_array_interface__") else numpy.asarray(x)
    if array.dtype.kind not in "biufV":
        raise TypeError(f"expected a tensor or numbers, got {type(x).__name__} {x!r}")
    return Tensor(array)


def _beside_number(t: Tensor, number: Any) -> tuple[Any, Any]:
    """A tensor and a number as one computes with them: the number's kind may widen the tensor's, its size may not, and wraps."""
    kind = t.dtype.kind
    if kind in FLOATS or isinstance(number, bool):
        return t, number
    if isinstance(number, float):
        return cast(t, float32), number
    if kind == "b":
        return cast(t, int64), number
    return t, numpy.array(number).astype(t.dtype).item()


def rounded_once(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """A function of several ops that computes bfloat16 in float32, as one op does, and rounds its result once.

    Args:
        function: of tensors; its floating-point arguments have one dtype.

    Returns:
        The function.
    """

    @wraps(function)
    def once(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        if not KNOWN or not any(isinstance(a, Tensor) and a.dtype.kind == KIND for a in args):
            return function(*args, **kwargs)
        wide: Any = [cast(a, float32) if isinstance(a, Tensor) and a.dtype.kind == KIND else a for a in args]
        return cast(function(*wide, **kwargs), bfloat16())

    return once


def real(x: Tensor) -> Tensor:
    """The input of a function with real values.

    Args:
        x: any shape.

    Returns:
        The same; integers become float32, as in PyTorch.
    """
    return x if x.dtype.kind in FLOATS else cast(x, float32)
