"""PyTorch's choice among ways to compute attention, for programs that make it. Here there is one way, and no choice."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator, Sequence


class SDPBackend(enum.Enum):
    """PyTorch's names for the ways to compute attention.

    Attributes:
        ERROR: none.
        MATH: the plain formula.
        FLASH_ATTENTION: in blocks.
        EFFICIENT_ATTENTION: in blocks, with less memory.
        CUDNN_ATTENTION: cuDNN's.
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3


@contextlib.contextmanager
def sdpa_kernel(backends: SDPBackend | Sequence[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """Accept PyTorch's choice of how attention is computed. It changes nothing: values, gradients and speed stay.

    Args:
        backends: one or several of `SDPBackend`.
        set_priority: accepted as in PyTorch; no effect.

    Returns:
        A context manager.

    Raises:
        TypeError: if one is no `SDPBackend`.
    """
    asked = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if not asked or not all(isinstance(b, SDPBackend) for b in asked):
        raise TypeError(f"sdpa_kernel: expected one or several of SDPBackend, got {backends!r}")
    yield
