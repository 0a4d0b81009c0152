"""Logic and nearness, elementwise: answers without a gradient."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import namespace
from minitransformer.ops.operands import Operand, operand


def _of_truths(name: str, input: Tensor, other: Tensor) -> Tensor:
    if not (isinstance(input, Tensor) and isinstance(other, Tensor)):
        raise TypeError(f"{name}: expected two tensors, got {type(input).__name__}, {type(other).__name__}")
    return Tensor(getattr(namespace(input.array), name)(input.array, other.array))


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Whether both elements are not 0; shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor.

    Returns:
        A boolean tensor of the broadcast shape.

    Raises:
        TypeError: one of the two is no tensor.
    """
    return _of_truths("logical_and", input, other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Whether at least one of two elements is not 0; shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor.

    Returns:
        A boolean tensor of the broadcast shape.

    Raises:
        TypeError: one of the two is no tensor.
    """
    return _of_truths("logical_or", input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Whether exactly one of two elements is not 0; shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor.

    Returns:
        A boolean tensor of the broadcast shape.

    Raises:
        TypeError: one of the two is no tensor.
    """
    return _of_truths("logical_xor", input, other)


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |input - other| <= atol + rtol * |other|, elementwise; shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor of the same dtype.
        rtol: the tolerance relative to `other`.
        atol: the absolute tolerance.
        equal_nan: whether two NaNs count as close.

    Returns:
        A boolean tensor of the broadcast shape.

    Raises:
        TypeError: the dtypes differ.
        ValueError: a tolerance is negative.
    """
    if input.dtype != other.dtype:
        raise TypeError(f"isclose: expected one dtype, got {input.dtype} and {other.dtype}")
    if not (rtol >= 0 and atol >= 0):
        raise ValueError(f"isclose: expected tolerances >= 0, got {rtol} and {atol}")
    xp = namespace(input.array)
    return Tensor(xp.isclose(input.array, other.array, rtol=rtol, atol=atol, equal_nan=equal_nan))


def isin(
    elements: Operand, test_elements: Operand, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each element is one of some values.

    Args:
        elements: any shape, or a number.
        test_elements: the values, any shape, or a number.
        assume_unique: accepted as in PyTorch; no effect.
        invert: True where it is none of them.

    Returns:
        A boolean tensor of the shape of `elements`.

    Raises:
        TypeError: both are numbers.
    """
    among, values = operand(elements), operand(test_elements)
    if not isinstance(among, Tensor) and not isinstance(values, Tensor):
        raise TypeError(f"isin: expected a tensor, got two numbers, {elements} and {test_elements}")
    xp = namespace(among.array if isinstance(among, Tensor) else values.array)
    arrays = [xp.asarray(t.array if isinstance(t, Tensor) else t) for t in (among, values)]
    return Tensor(xp.asarray(xp.isin(*arrays, invert=invert)))
