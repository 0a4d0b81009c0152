"""Mixed precision: which ops compute in half precision while `amp.autocast` is on, and which insist on more."""

from __future__ import annotations

from contextvars import ContextVar

from minitransformer.autograd import Tensor
from minitransformer.backends import float16, float32
from minitransformer.ops.convert import cast

autocast_dtype: ContextVar = ContextVar("autocast dtype", default=None)  # float16 inside autocast


def lowered(*tensors: Tensor | None) -> tuple[Tensor | None, ...]:
    """Inputs of products, which are most of the work and bear rounding: in the dtype of `autocast`, if it is on."""
    if (dtype := autocast_dtype.get()) is None:
        return tensors
    return tuple(cast(t, dtype) if t is not None and t.dtype == float32 else t for t in tensors)


def raised(*tensors: Tensor | None) -> tuple[Tensor | None, ...]:
    """Inputs of exponentials, sums and losses, which overflow or lose small parts: in float32, if `autocast` is on."""
    if autocast_dtype.get() is None:
        return tensors
    return tuple(cast(t, float32) if t is not None and t.dtype == float16 else t for t in tensors)
