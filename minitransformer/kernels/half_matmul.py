"""Products of many matrices in half precision, added up in float32: CuPy's own would first copy them all to float32."""

from __future__ import annotations

import numpy as np

from minitransformer.backends import Array, cupy

FLOAT16, COMPUTE_32F, DEFAULT_ALGORITHM = 2, 68, 99  # cuBLAS's numbers for CUDA_R_16F, CUBLAS_COMPUTE_32F, .._TENSOR_OP
ONE, ZERO = np.ones(1, "float32"), np.zeros(1, "float32")


def _packed(x: Array) -> tuple[Array, int]:
    """Matrices that lie side by side, and whether each is to be read transposed."""
    if x.swapaxes(-1, -2).flags.c_contiguous:
        return x.swapaxes(-1, -2), 1
    return cupy().ascontiguousarray(x), 0


def half_matmul(a: Array, b: Array) -> Array:
    """a @ b. (.., m, k), (.., k, n) -> (.., m, n), all float16; leading dimensions broadcast.

    cuBLAS counts down columns, so it is asked for (a b)^T = b^T a^T.
    """
    xp, batch = cupy(), np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (m, k), n, count = a.shape[-2:], b.shape[-1], int(np.prod(batch))
    if not (m and n and k and count):
        return xp.zeros((*batch, m, n), a.dtype)
    (a, a_turned), (b, b_turned) = (_packed(xp.broadcast_to(x, batch + x.shape[-2:])) for x in (a, b))
    y = xp.empty((*batch, m, n), a.dtype)
    sides = [
        argument
        for x, numbers in ((b, k * n), (a, m * k))
        for argument in (x.data.ptr, FLOAT16, x.shape[-1], numbers)
    ]
    xp.cuda.cublas.gemmStridedBatchedEx(
        *(xp.cuda.device.get_cublas_handle(), b_turned, a_turned, n, m, k, ONE.ctypes.data, *sides),
        *(ZERO.ctypes.data, y.data.ptr, FLOAT16, n, m * n, count, COMPUTE_32F, DEFAULT_ALGORITHM),
    )
    return y
