"""Mixed precision: which ops compute in half precision while `amp.autocast` is on, and which insist on more."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TypeVarTuple, cast

from minitransformer.autograd import Tensor
from minitransformer.backends import DType, float32
from minitransformer.ops.tensors import convert

Tensors = TypeVarTuple("Tensors")  # tensors and None, as they are given

autocast_dtype: ContextVar[DType | None] = ContextVar(
    "autocast dtype", default=None
)  # float16 or bfloat16 inside autocast


def lowered(*tensors: *Tensors) -> tuple[*Tensors]:
    """Inputs of matrix products, which take most of the time and bear rounding.

    Args:
        *tensors: tensors or None.

    Returns:
        The same; float32 in the dtype of `autocast` inside such a block.
    """
    return _converted(tensors, float32, autocast_dtype.get())


def raised(*tensors: *Tensors) -> tuple[*Tensors]:
    """Inputs of exponentials, sums and losses, which overflow or lose small parts in half precision.

    Args:
        *tensors: tensors or None.

    Returns:
        The same; half precision in float32 inside an `autocast` block.
    """
    source = autocast_dtype.get()
    return _converted(tensors, source, float32 if source else None)


def _converted(tensors: tuple[*Tensors], source: DType | None, target: DType | None) -> tuple[*Tensors]:
    """The tensors, those of dtype `source` converted to `target` if there is one."""
    if target is None:
        return tensors
    found = [convert.cast(t, target) if isinstance(t, Tensor) and t.dtype == source else t for t in tensors]
    return cast("tuple[*Tensors]", tuple(found))
