"""The bits of integers, moved up and down: answers without a gradient."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.brain_float import FLOATS
from minitransformer.ops.operands import Operand, operands


def _integers(name: str, input: Tensor, other: Operand) -> tuple[Tensor, Operand]:
    a, b = operands(input, other)
    if a.dtype.kind in FLOATS:
        raise TypeError(f"{name}: expected integers, got {a.dtype}; call .long() first")
    return a.array, b.array if isinstance(b, Tensor) else b


def bitwise_left_shift(input: Tensor, other: Operand) -> Tensor:
    """input * 2^other, elementwise, as bits that move up; shapes broadcast.

    Args:
        input: integers.
        other: by how many places, an integer tensor or a number.

    Returns:
        The broadcast shape and the common dtype.

    Raises:
        TypeError: a dtype is a floating-point one.
    """
    a, b = _integers("bitwise_left_shift", input, other)
    return Tensor(a << b)


def bitwise_right_shift(input: Tensor, other: Operand) -> Tensor:
    """input / 2^other rounded down, elementwise, as bits that move down; shapes broadcast.

    Args:
        input: integers.
        other: by how many places, an integer tensor or a number.

    Returns:
        The broadcast shape and the common dtype.

    Raises:
        TypeError: a dtype is a floating-point one.
    """
    a, b = _integers("bitwise_right_shift", input, other)
    return Tensor(a >> b)
