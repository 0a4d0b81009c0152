"""Comparisons and tests: answers without a gradient."""

from __future__ import annotations

import operator
from typing import Any, overload

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace, uint8
from minitransformer.brain_float import FLOATS
from minitransformer.errors import check_device
from minitransformer.ops.laws import Dims, dims, is_number
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.operands import Operand, operand, operands


def _compared(name: str, input: Tensor, other: Operand) -> Tensor:
    """What Python's operator of this name gives for the elements. Raises TypeError unless `other` is a tensor or a number."""
    if not _comparable(other):
        raise TypeError(
            f"{name}: expected a tensor or a number beside a tensor, got {type(other).__name__} {other!r}"
        )
    other = (
        operand(other) if isinstance(other, numpy.generic) else other
    )  # which would count as one on the CPU
    check_device(name, input, other)
    a, b = operands(input, other)
    function = getattr(operator, f"__{name}__")
    return Tensor(function(a.array, b.array if isinstance(b, Tensor) else b))


def _comparable(other: Any) -> bool:
    return is_number(other) or hasattr(other, "dtype")


def eq(input: Tensor, other: Operand) -> Tensor:
    """input == other, elementwise: a boolean tensor. Shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor on the same device, or a number.

    Returns:
        A boolean tensor of the broadcast shape.

    Raises:
        TypeError: `other` is neither a tensor nor a number.
    """
    return _compared("eq", input, other)


def ne(input: Tensor, other: Operand) -> Tensor:
    """input != other, elementwise: a boolean tensor. Shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor on the same device, or a number.

    Returns:
        A boolean tensor of the broadcast shape.

    Raises:
        TypeError: `other` is neither a tensor nor a number.
    """
    return _compared("ne", input, other)


def lt(input: Tensor, other: Operand) -> Tensor:
    """input < other, elementwise: a boolean tensor. Shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor on the same device, or a number.

    Returns:
        A boolean tensor of the broadcast shape.

    Raises:
        TypeError: `other` is neither a tensor nor a number.
    """
    return _compared("lt", input, other)


def le(input: Tensor, other: Operand) -> Tensor:
    """input <= other, elementwise: a boolean tensor. Shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor on the same device, or a number.

    Returns:
        A boolean tensor of the broadcast shape.

    Raises:
        TypeError: `other` is neither a tensor nor a number.
    """
    return _compared("le", input, other)


def gt(input: Tensor, other: Operand) -> Tensor:
    """input > other, elementwise: a boolean tensor. Shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor on the same device, or a number.

    Returns:
        A boolean tensor of the broadcast shape.

    Raises:
        TypeError: `other` is neither a tensor nor a number.
    """
    return _compared("gt", input, other)


def ge(input: Tensor, other: Operand) -> Tensor:
    """input >= other, elementwise: a boolean tensor. Shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor on the same device, or a number.

    Returns:
        A boolean tensor of the broadcast shape.

    Raises:
        TypeError: `other` is neither a tensor nor a number.
    """
    return _compared("ge", input, other)


def bitwise_and(input: Tensor, other: Operand) -> Tensor:
    """input & other, elementwise: of booleans their logical `and`, of integers that of their bits. Shapes broadcast.

    Args:
        input: a boolean or integer tensor.
        other: a boolean or integer tensor on the same device, or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype.

    Raises:
        TypeError: `other` is neither a tensor nor a number, or a dtype is a floating-point one.
    """
    return _compared("and", input, other)


def bitwise_or(input: Tensor, other: Operand) -> Tensor:
    """input | other, elementwise: of booleans their logical `or`, of integers that of their bits. Shapes broadcast.

    Args:
        input: a boolean or integer tensor.
        other: a boolean or integer tensor on the same device, or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype.

    Raises:
        TypeError: `other` is neither a tensor nor a number, or a dtype is a floating-point one.
    """
    return _compared("or", input, other)


def bitwise_xor(input: Tensor, other: Operand) -> Tensor:
    """input ^ other, elementwise: of booleans their logical `xor`, of integers that of their bits. Shapes broadcast.

    Args:
        input: a boolean or integer tensor.
        other: a boolean or integer tensor on the same device, or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype.

    Raises:
        TypeError: `other` is neither a tensor nor a number, or a dtype is a floating-point one.
    """
    return _compared("xor", input, other)


@overload
def equals(input: Tensor, other: Operand) -> Tensor: ...
@overload
def equals(input: Tensor, other: object) -> Tensor | bool: ...
def equals(input: Tensor, other: Any) -> Tensor | bool:
    """`input == other`: as `eq`, but for any object.

    Args:
        input: a tensor.
        other: a tensor, a number, or any other object.

    Returns:
        A boolean tensor; False where `other` is neither a tensor nor a number, such as None.
    """
    return eq(input, other) if _comparable(other) else False


@overload
def differs(input: Tensor, other: Operand) -> Tensor: ...
@overload
def differs(input: Tensor, other: object) -> Tensor | bool: ...
def differs(input: Tensor, other: Any) -> Tensor | bool:
    """`input != other`: as `ne`, but for any object.

    Args:
        input: a tensor.
        other: a tensor, a number, or any other object.

    Returns:
        A boolean tensor; True where `other` is neither a tensor nor a number, such as None.
    """
    return ne(input, other) if _comparable(other) else True


def bitwise_not(input: Tensor) -> Tensor:
    """The logical negation of booleans; the inverted bits of integers.

    Args:
        input: a boolean or integer tensor.

    Returns:
        The same shape and dtype.

    Raises:
        TypeError: the dtype is a floating-point one.
    """
    if input.dtype.kind in FLOATS:
        raise TypeError(f"~: expected a boolean or integer tensor, got {input.dtype}; use logical_not")
    return Tensor(~input.array)


def logical_not(input: Tensor) -> Tensor:
    """Whether each element is 0.

    Args:
        input: any shape.

    Returns:
        A boolean tensor of the same shape.
    """
    return Tensor(input.array == 0)


@numpy_names
def all_(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are true, that is, not 0.

    Args:
        input: any shape.
        dim: an int or several; None means all dimensions.
        keepdim: whether the dimensions stay, with size 1.

    Returns:
        A boolean tensor of the shape of `input` without `dim`; uint8 for a uint8 input, as in PyTorch.
    """
    return _truth(input, input.array.all(axis=dims(dim, input.ndim), keepdims=keepdim))


@numpy_names
def any_(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether any element is true, that is, not 0.

    Args:
        input: any shape.
        dim: an int or several; None means all dimensions.
        keepdim: whether the dimensions stay, with size 1.

    Returns:
        A boolean tensor of the shape of `input` without `dim`; uint8 for a uint8 input, as in PyTorch.
    """
    return _truth(input, input.array.any(axis=dims(dim, input.ndim), keepdims=keepdim))


def _truth(input: Tensor, found: Array) -> Tensor:
    return Tensor(found.astype(uint8) if input.dtype == uint8 else found)


def isnan(input: Tensor) -> Tensor:
    """Whether each element is NaN.

    Args:
        input: any shape.

    Returns:
        A boolean tensor of the same shape.
    """
    return Tensor(namespace(input.array).isnan(input.array))


def isinf(input: Tensor) -> Tensor:
    """Whether each element is infinite, of either sign.

    Args:
        input: any shape.

    Returns:
        A boolean tensor of the same shape.
    """
    return Tensor(namespace(input.array).isinf(input.array))


def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither NaN nor infinite.

    Args:
        input: any shape.

    Returns:
        A boolean tensor of the same shape.
    """
    return Tensor(namespace(input.array).isfinite(input.array))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Whether |input - other| <= atol + rtol * |other| for all elements.

    Args:
        input: a tensor.
        other: a tensor; shapes broadcast.
        rtol: the tolerance relative to `other`.
        atol: the absolute tolerance.

    Returns:
        True or False.
    """
    return bool(namespace(input.array).allclose(input.array, other.array, rtol=rtol, atol=atol))


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements.

    Args:
        input: a tensor.
        other: a tensor.

    Returns:
        True or False.
    """
    return input.shape == other.shape and bool((input.array == other.array).all())
