"""Infinities and NaN: found, or replaced by numbers."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.brain_float import FLOATS
from minitransformer.limits import finfo
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.elementwise.compare import eq, isnan


def isposinf(input: Tensor) -> Tensor:
    """Whether each element is infinity.

    Args:
        input: any shape.

    Returns:
        A boolean tensor of the same shape.
    """
    return eq(input, math.inf)


def isneginf(input: Tensor) -> Tensor:
    """Whether each element is minus infinity.

    Args:
        input: any shape.

    Returns:
        A boolean tensor of the same shape.
    """
    return eq(input, -math.inf)


def nan_to_num(
    input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Numbers for NaN and infinities, elementwise.

    Args:
        input: any shape.
        nan: what replaces NaN; None means 0.
        posinf: what replaces infinity; None means the largest number of the dtype.
        neginf: what replaces minus infinity; None means the smallest number of the dtype.

    Returns:
        The same shape and dtype. No gradient flows to what was replaced.
    """
    if input.dtype.kind not in FLOATS:
        return input.clone()
    limits = finfo(input.dtype)
    finite = where(isnan(input), nan or 0.0, input)
    finite = where(isposinf(input), limits.max if posinf is None else posinf, finite)
    return where(isneginf(input), limits.min if neginf is None else neginf, finite)
