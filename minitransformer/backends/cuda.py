"""PyTorch's settings of matrix products on NVIDIA's GPUs. They can be read and set, and have no effect.

CuPy computes products of float32 in float32, unless the variable CUPY_TF32 is set before it is imported.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
)


def is_built() -> bool:
    """Whether this library can use a GPU; `cuda.is_available` says whether one is there.

    Returns:
        True: by way of CuPy.
    """
    return True


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[None]:
    """A block in which PyTorch chooses among its kernels of attention. Here there is one, and the block changes nothing.

    Args:
        enable_flash: no effect.
        enable_math: no effect.
        enable_mem_efficient: no effect.
        enable_cudnn: no effect.
    """
    yield
