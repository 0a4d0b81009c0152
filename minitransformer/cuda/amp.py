"""Mixed precision under PyTorch's older names: `amp.autocast` and `amp.GradScaler` without the kind of device."""

from __future__ import annotations

from minitransformer import amp
from minitransformer.backends import DType, float16
from minitransformer.settings import setting


def autocast(enabled: bool = True, dtype: DType = float16, cache_enabled: bool = True) -> setting:
    """`amp.autocast` of the kind "cuda".

    Args:
        enabled: whether the block changes anything.
        dtype: as in `amp.autocast`.
        cache_enabled: accepted as in PyTorch; no effect.

    Returns:
        A context manager, which is also a decorator.
    """
    return amp.autocast("cuda", dtype, enabled)


class GradScaler(amp.GradScaler):
    """`amp.GradScaler` of the kind "cuda".

    Args:
        init_scale: the first factor.
        growth_factor: above 1.
        backoff_factor: between 0 and 1.
        growth_interval: in steps.
        enabled: False makes the factor 1; overflows are then not looked for.

    Raises:
        ValueError: if a factor is out of range.
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
