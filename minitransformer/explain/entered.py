"""What comes into an op made of others, such as a checkpointed piece: leaves that know which tensors outside they stand for.

Relevance goes through such an op by a tape of its own. What a factor is, a gate or a divisor, is told by the ops that made it, and
these may lie outside: `factors.py` looks through the leaves. What the op gives back does not tell how it was made, so that a gate
that a checkpointed piece returns counts as any other factor.
"""

from __future__ import annotations

from typing import TypeVar

from minitransformer.autograd import Tensor
from minitransformer.backends import Array

T = TypeVar("T")


class Entered(Tensor):
    """A leaf with the values of a tensor outside.

    Args:
        values: the values, of any shape.
        requires_grad: whether the leaf is explained.
        outside: the tensor that it stands for.
    """

    def __init__(self, values: Array, requires_grad: bool, outside: Tensor):
        super().__init__(values, requires_grad=requires_grad)
        self.outside = outside


def entered(t: Tensor, a: Array, need: bool) -> Tensor:
    """What an op in clear form begins with in place of its input.

    Args:
        t: the input.
        a: the values that the op read.
        need: whether the input is explained.

    Returns:
        The input itself, if it is a leaf that has a gradient, as the op may read it by another way too; or else an `Entered`.
    """
    return t if t.is_leaf and t.requires_grad and a is t.array else Entered(a, need, t)


def seen(t: T) -> T | Tensor:
    """The tensor outside for which a leaf stands.

    Args:
        t: an input of an op, or anything else.

    Returns:
        The tensor, or `t` itself.
    """
    while isinstance(t, Entered):
        t = t.outside  # type: ignore[assignment]
    return t
