"""Sums with a product in them, elementwise with broadcasting."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.brain_float import FLOATS
from minitransformer.ops.elementwise.arithmetic import add, div, mul, sub
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.operands import Operand


def lerp(input: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """input + weight * (end - input): the point between two at a part of the way.

    Args:
        input: where the way begins.
        end: where it ends, of the same dtype; shapes broadcast.
        weight: the part of the way, a number or a tensor.

    Returns:
        A tensor of the broadcast shape. From the half on it is computed from the end, so that a weight of 1 gives the end.

    Raises:
        TypeError: the dtypes differ, or are not floating-point.
    """
    if input.dtype != end.dtype or input.dtype.kind not in FLOATS:
        raise TypeError(
            f"lerp: expected two floating-point tensors of one dtype, got {input.dtype} and {end.dtype}"
        )
    way = sub(end, input)
    if not isinstance(weight, Tensor):
        return add(input, mul(weight, way)) if abs(weight) < 0.5 else sub(end, mul(way, 1 - weight))
    near = add(input, mul(weight, way))
    return where(weight.abs() < 0.5, near, sub(end, mul(way, sub(1, weight))))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 * tensor2; shapes broadcast.

    Args:
        input: a tensor.
        tensor1: a factor.
        tensor2: a factor.
        value: a number as a third factor.

    Returns:
        A tensor of the broadcast shape and the common dtype.
    """
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 / tensor2; shapes broadcast.

    Args:
        input: a tensor.
        tensor1: the numerator.
        tensor2: the denominator.
        value: a number by which the ratio is multiplied.

    Returns:
        A tensor of the broadcast shape and the common dtype.

    Raises:
        TypeError: numerator and denominator are both integers.
    """
    if all(t.dtype.kind not in FLOATS for t in (tensor1, tensor2)):
        raise TypeError("addcdiv: expected floating-point tensors to divide, got integers; call .float()")
    return add(input, div(tensor1, tensor2), alpha=value)


def reciprocal(input: Operand) -> Tensor:
    """1 / input, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape.
    """
    return div(1, input)
