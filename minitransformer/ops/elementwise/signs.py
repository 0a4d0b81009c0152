"""Signs, elementwise: asked for, taken from another number, or as a step."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.laws import Tangents, is_number, unbroadcast
from minitransformer.ops.operands import Operand, operands, real


class CopySign(Tangents):
    """y = |a| with the sign of b, which -0 has too. All relevance goes to a; the slope at a = 0 is taken as 0."""

    def forward(self, a: Array, b: Array) -> Array:  # [..], [..] -> [..]
        return namespace(a).copysign(a, b)

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dy/da = 1 or -1, dy/db = 0
        xp = namespace(a)
        da = unbroadcast(g * xp.sign(a) * xp.sign(self.forward(a, b)), a) if self.needs[0] else None
        return da, None if is_number(b) else xp.zeros_like(b)


def copysign(input: Tensor, other: Operand) -> Tensor:
    """The magnitude of one and the sign of the other, elementwise; shapes broadcast.

    Args:
        input: the magnitudes; integers become float32.
        other: a tensor or a number, whose signs are taken; that of -0 is negative.

    Returns:
        The broadcast shape.
    """
    a, b = operands(input, other)
    return CopySign()(real(a), b if is_number(b) else real(b))


def signbit(input: Tensor) -> Tensor:
    """Whether each element has a negative sign, as -0 has.

    Args:
        input: any shape.

    Returns:
        A boolean tensor of the same shape.
    """
    x = input.array
    return Tensor(namespace(x).signbit(x) if x.dtype.kind == "f" else x < 0)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """The step from 0 to 1: 0 below 0, 1 above, and at 0 a given value; shapes broadcast. No gradient flows.

    Args:
        input: a tensor.
        values: what stands where the input is 0, of the same dtype.

    Returns:
        The broadcast shape.

    Raises:
        TypeError: the dtypes differ.
    """
    if input.dtype != values.dtype:
        raise TypeError(f"heaviside: expected one dtype, got {input.dtype} and {values.dtype}")
    x = input.array
    return Tensor(namespace(x).where(x == 0, values.array, (x > 0).astype(x.dtype)))
