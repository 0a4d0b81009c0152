"""Products of many matrices at once, by a direct call of cuBLAS.

CuPy's own product first copies transposed matrices, and converts half precision to float32. Here the matrices are read as they
lie in memory, and cuBLAS adds half precision up in float32.
"""

from __future__ import annotations

import numpy as np

from minitransformer.backends import Array, cupy

# cuBLAS's constants for the dtype of the elements (CUDA_R_..) and of the sums (CUBLAS_COMPUTE_..), and the scalars' dtype
TYPES = {"float16": (2, 68, np.float32), "float32": (0, 68, np.float32), "float64": (1, 70, np.float64)}
DEFAULT_ALGORITHM = -1


def _packed(x: Array) -> tuple[Array, int]:
    """Matrices that are contiguous in memory, and 1 if cuBLAS has to read each as its transpose, else 0."""
    if x.swapaxes(-1, -2).flags.c_contiguous:
        return x.swapaxes(-1, -2), 1
    return cupy().ascontiguousarray(x), 0


def batched_matmul(a: Array, b: Array, dtype: np.dtype | None = None) -> Array:
    """a @ b. (.., m, k), (.., k, n) -> (.., m, n), of one floating-point dtype; leading dimensions broadcast.

    `dtype` is the dtype of the product if it differs from that of a and b: float32 for a product of half precision. cuBLAS
    stores matrices by columns, so it computes (a b)^T = b^T a^T.
    """
    xp = cupy()
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    m, k = a.shape[-2:]
    n = b.shape[-1]
    count = int(np.prod(batch))
    if not (m and n and k and count):
        return xp.zeros((*batch, m, n), dtype or a.dtype)
    y = xp.empty((*batch, m, n), dtype or a.dtype)
    kind, compute, scalar = TYPES[a.dtype.name]
    (a, a_turned), (b, b_turned) = (_packed(xp.broadcast_to(x, batch + x.shape[-2:])) for x in (a, b))
    one = np.ones(1, scalar)
    zero = np.zeros(1, scalar)
    xp.cuda.cublas.gemmStridedBatchedEx(
        *(xp.cuda.device.get_cublas_handle(), b_turned, a_turned, n, m, k, one.ctypes.data),
        *(b.data.ptr, kind, b.shape[-1], k * n),
        *(a.data.ptr, kind, a.shape[-1], m * k, zero.ctypes.data),
        *(y.data.ptr, TYPES[y.dtype.name][0], n, m * n, count, compute, DEFAULT_ALGORITHM),
    )
    return y
