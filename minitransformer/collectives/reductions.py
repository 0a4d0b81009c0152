"""How the arrays of several ranks become one."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from minitransformer.backends import Array, namespace


class ReduceOp(Enum):
    """How equal places of several ranks' arrays become one number; the names are PyTorch's."""

    SUM = "add"
    AVG = "add, then divide"
    PRODUCT = "multiply"
    MIN = "minimum"
    MAX = "maximum"
    BAND = "bitwise_and"
    BOR = "bitwise_or"
    BXOR = "bitwise_xor"


def reduced(parts: Sequence[Array], op: ReduceOp) -> Array:
    """One array of several, place by place, in the order of the ranks.

    Args:
        parts: the array of each rank, all of one shape and dtype; the first is changed.
        op: how; AVG adds only, see `divided`.

    Returns:
        The first array.
    """
    xp = namespace(parts[0])
    ufunc = getattr(xp, "add" if op is ReduceOp.AVG else op.value)
    for part in parts[1:]:
        ufunc(parts[0], part, out=parts[0])
    return parts[0]


def divided(total: Array, op: ReduceOp, size: int) -> None:
    """Make the mean of a sum, for AVG; in place.

    Args:
        total: the sum.
        op: how ranks are put together.
        size: the number of ranks.
    """
    if op is ReduceOp.AVG:
        total /= size


def check_op(op: ReduceOp, array: Array) -> None:
    """Refuse what the numbers of an array cannot be put together by.

    Args:
        op: how.
        array: the array.

    Raises:
        TypeError: for the mean of integers, or the bits of real numbers.
    """
    real = array.dtype.kind not in "iub"
    if (op is ReduceOp.AVG and not real) or (op.value.startswith("bitwise") and real):
        need = "floating-point numbers" if op is ReduceOp.AVG else "integers or bools"
        raise TypeError(f"ReduceOp.{op.name}: expected {need}, got {array.dtype}")
