"""Kernels for CuPy: one launch on the device where plain array code needs many.

Small models wait for the host, which needs some microseconds for each launch. Kernels that need a whole row at once are in
`rows.cu`, random numbers in `dropout.cu`, kernels for lists of arrays in `many.cu`; elementwise kernels are below. Dtypes and
shapes that a kernel does not support go to its definition in `reference`.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minitransformer.backends import HOST, Array, cupy, float32, float64, int64
from minitransformer.kernels import reference
from minitransformer.kernels.batched_matmul import TYPES, batched_matmul
from minitransformer.kernels.many import adam_all, norm_of_all, scale_all  # noqa: F401
from minitransformer.kernels.reference import (  # noqa: F401  not replaced: the definitions, under the same names
    GELU_CUBIC,
    GELU_SCALE,
    causal_mask,
    index_vjp,
    log_softmax,
    log_softmax_vjp,
    logsumexp,
    matmul_vjp,
    sigmoid,
)
from minitransformer.kernels.sources import CUDA_NAMES, launch

MOST_THREADS = 256  # the same as in rows.cu
NO_MASK = (np.uintp(0), np.int32(0), *[np.int64(0)] * 4)  # as `_mask_arguments`


def _launch(name: str, dtype: np.dtype, blocks: int, width: int, *arguments: Any) -> None:
    """Launch one block for each of `blocks` rows, with a power of two of threads for the `width` elements of a row."""
    launch(name, dtype, blocks, min(MOST_THREADS, max(32, 1 << (width - 1).bit_length())), *arguments)


def _packed(*arrays: Array) -> list[Array]:
    """The arrays, contiguous. Raises TypeError for an array on the host: it is never copied to a device silently."""
    if any(isinstance(a, HOST) for a in arrays):
        raise TypeError("expected arrays on a device, got one on the host; move it with .to('cuda')")
    return [cupy().ascontiguousarray(a) for a in arrays]


def _wide(dtype: np.dtype) -> np.dtype:
    """The dtype to add up in."""
    return float64 if dtype == float64 else float32


def _has_rows(x: Array) -> bool:
    """Whether the kernels of rows.cu support x: a floating-point dtype, and at least one element."""
    return x.size > 0 and x.dtype.name in CUDA_NAMES


def _along_last(kernel: Callable[..., Array]) -> Callable[..., Array]:
    """A kernel along any one dimension, from a kernel along the last: the dimension is moved to the end and back."""

    @functools.wraps(kernel)
    def along(*arrays_and_dim: Any) -> Array:
        *arrays, dim = arrays_and_dim
        dim = dim[0] if isinstance(dim, tuple) and len(dim) == 1 else dim
        if isinstance(dim, tuple) or not _has_rows(arrays[0]):
            return getattr(reference, kernel.__name__)(*arrays, dim)
        xp = cupy()
        return xp.moveaxis(kernel(*_packed(*[xp.moveaxis(a, dim, -1) for a in arrays])), -1, dim)

    return along


@_along_last
def softmax(x: Array) -> Array:
    """`reference.softmax` in one launch."""
    return _masked_softmax("softmax<{0}, {0}>", x, x.dtype, 1.0, False, None)


def _masked_softmax(
    name: str, x: Array, dtype: np.dtype, scale: float, causal: bool, mask: Array | None
) -> Array:
    """softmax(scale x + mask) of contiguous scores (.., T, S), in `dtype`."""
    y = cupy().empty(x.shape, dtype)
    n = x.shape[-1]
    heads, queries = (1, 1, *x.shape)[-3:-1]
    where = NO_MASK if mask is None else _mask_arguments(mask, y)
    _launch(name, dtype, x.size // n, n, x, y, n, heads, queries, scale, np.bool_(causal), *where)
    return y


def _mask_arguments(mask: Array, x: Array) -> tuple[Any, ...]:
    """A mask that broadcasts to (.., T, S) as the kernel reads it: array, kind (1: bool, 2: numbers), 4 strides in elements."""
    mask = mask if mask.dtype == bool else mask.astype(x.dtype, copy=False)
    mask = cupy().broadcast_to(mask, x.shape)[(None,) * (4 - x.ndim)]
    mask = mask if mask.ndim == 4 else cupy().ascontiguousarray(mask).reshape(-1, *x.shape[-3:])
    return (
        mask,
        np.int32(1 if mask.dtype == bool else 2),
        *[np.int64(s // mask.itemsize) for s in mask.strides],
    )


@_along_last
def softmax_vjp(g: Array, s: Array) -> Array:
    """`reference.softmax_vjp` in one launch."""
    return _softmax_vjp(g, s, 1.0)


def _softmax_vjp(g: Array, s: Array, scale: float) -> Array:
    g, s = _packed(g, s)
    dx = cupy().empty_like(s)
    n = s.shape[-1]
    _launch("softmax_vjp<{}>", s.dtype, s.size // n, n, g, s, dx, n, scale)
    return dx


def matmul(a: Array, b: Array) -> Array:
    """`reference.matmul`; a batch of products without copies that only change the memory layout or dtype."""
    many_of_one_dtype = (
        a.ndim > 1 < b.ndim and a.ndim + b.ndim > 4 and a.dtype == b.dtype and a.dtype.name in TYPES
    )
    return batched_matmul(a, b) if many_of_one_dtype else a @ b


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """`reference.linear`; cuBLAS adds half precision up in float32 by itself."""
    return x @ weight.T if bias is None else x @ weight.T + bias


def linear_vjp(g: Array, x: Array, weight: Array, needs: list[bool]) -> list[Array | None]:
    """`reference.linear_vjp`; cuBLAS adds half precision up in float32 by itself."""
    laws = (
        lambda: g @ weight,
        lambda: g.T @ x,
        lambda: g.sum(axis=0, dtype=_wide(g.dtype)).astype(g.dtype, copy=False),
    )
    return [law() if needed else None for law, needed in zip(laws, needs, strict=False)]


def attention(
    q: Array, k: Array, v: Array, mask: Array | None, causal: bool, scale: float, keep: Array | None = None
) -> tuple[Array, Array]:
    """`reference.attention`: two products, and between them scale, mask and softmax in one launch."""
    if not (_has_rows(q) and k.size):
        return reference.attention(q, k, v, mask, causal, scale, keep)
    scores = batched_matmul(q, k.swapaxes(-1, -2), _wide(q.dtype))  # (.., T, S)
    p = _masked_softmax("softmax<{0}, Wide<{0}>::type>", scores, q.dtype, float(scale), causal, mask)
    return matmul(p if keep is None else p * keep, v), p


def attention_vjp(
    g: Array, q: Array, k: Array, v: Array, p: Array, causal: bool, scale: float, keep: Array | None = None
) -> tuple[Array, Array, Array]:
    """`reference.attention_vjp`: four products, and the softmax's gradient in one launch."""
    if not _has_rows(p):
        return reference.attention_vjp(g, q, k, v, p, causal, scale, keep)
    (g,) = _packed(g)
    dv = matmul((p if keep is None else p * keep).swapaxes(-1, -2), g)
    dp = matmul(g, v.swapaxes(-1, -2))  # (.., T, S)
    ds = _softmax_vjp(dp if keep is None else dp * keep, p, float(scale))
    return matmul(ds, k), matmul(ds.swapaxes(-1, -2), q), dv


def _norm(centred: str, x: Array, weight: Array, bias: Array, eps: float) -> tuple[Array, Array, Array]:
    x, weight, bias = _packed(x, weight, bias)
    y = cupy().empty_like(x)
    n = x.shape[-1]
    mean, rstd = (cupy().empty((*x.shape[:-1], 1), _wide(x.dtype)) for _ in range(2))
    _launch(f"norm<{{}}, {centred}>", x.dtype, x.size // n, n, x, weight, bias, y, mean, rstd, n, float(eps))
    return y, mean, rstd


def _norm_vjp(
    centred: str, g: Array, x: Array, weight: Array, mean: Array, rstd: Array
) -> tuple[Array, Array, Array]:
    g, x, weight, mean, rstd = _packed(g, x, weight, mean, rstd)
    dx, dw, db, n = *(cupy().empty_like(a) for a in (x, weight, weight)), x.shape[-1]
    rows = x.size // n
    _launch(f"norm_vjp<{{}}, {centred}>", x.dtype, rows, n, g, x, weight, mean, rstd, dx, n)
    _launch(f"norm_parameters_vjp<{{}}, {centred}>", x.dtype, n, rows, g, x, mean, rstd, dw, db, rows, n)
    return dx, dw, db


def layer_norm(x: Array, weight: Array, bias: Array, eps: float) -> tuple[Array, Array, Array]:
    """`reference.layer_norm` in one launch."""
    return _norm("true", x, weight, bias, eps) if _has_rows(x) else reference.layer_norm(x, weight, bias, eps)


def layer_norm_vjp(g: Array, x: Array, weight: Array, mean: Array, rstd: Array) -> tuple[Array, Array, Array]:
    """`reference.layer_norm_vjp` in two launches: one for dx, one for both parameters."""
    return (
        _norm_vjp("true", g, x, weight, mean, rstd)
        if _has_rows(x)
        else reference.layer_norm_vjp(g, x, weight, mean, rstd)
    )


def rms_norm(x: Array, weight: Array, eps: float) -> tuple[Array, Array]:
    """`reference.rms_norm` in one launch."""
    return _norm("false", x, weight, weight, eps)[::2] if _has_rows(x) else reference.rms_norm(x, weight, eps)


def rms_norm_vjp(g: Array, x: Array, weight: Array, rstd: Array) -> tuple[Array, Array]:
    """`reference.rms_norm_vjp` in two launches: one for dx, one for the weight."""
    return (
        _norm_vjp("false", g, x, weight, rstd, rstd)[:2]
        if _has_rows(x)
        else reference.rms_norm_vjp(g, x, weight, rstd)
    )


def cross_entropy(x: Array, target: Array, smoothing: float) -> tuple[Array, Array, Array]:
    """`reference.cross_entropy` in one launch; NaN for a target outside the classes."""
    if not _has_rows(x):
        return reference.cross_entropy(x, target, smoothing)
    rows, n = x.shape
    x, target = _packed(x, target.astype(int64, copy=False))
    loss = cupy().empty(rows, x.dtype)
    (shift, total) = (cupy().empty((rows, 1), _wide(x.dtype)) for _ in range(2))
    _launch("cross_entropy<{}>", x.dtype, rows, n, x, target, loss, shift, total, n, float(smoothing))
    return loss, shift, total


def cross_entropy_vjp(
    g: Array, x: Array, target: Array, shift: Array, total: Array, smoothing: float
) -> Array:
    """`reference.cross_entropy_vjp` in one launch."""
    if not _has_rows(x):
        return reference.cross_entropy_vjp(g, x, target, shift, total, smoothing)
    g, x, target, shift, total = _packed(g, x, target.astype(int64, copy=False), shift, total)
    dx = cupy().empty_like(x)
    rows, n = x.shape
    _launch("cross_entropy_vjp<{}>", x.dtype, rows, n, g, x, target, shift, total, dx, n, float(smoothing))
    return dx


WIDE = """
template <class T> struct Wide { typedef float type; };
template <> struct Wide<double> { typedef double type; };
"""


@functools.cache
def _elementwise(name: str, inputs: str, outputs: str, code: str) -> Callable[..., Array]:
    """An elementwise kernel in CUDA C++, compiled when first called; in its code, A is the dtype to compute in."""
    return cupy().ElementwiseKernel(
        inputs, outputs, f"typedef typename Wide<T>::type A; {code}", name, preamble=WIDE
    )


PHI = f"(1 + erf(A(x) * A({math.sqrt(0.5)!r}))) / 2"
DENSITY = f"exp(-A(x) * A(x) / 2) / A({math.sqrt(2 * math.pi)!r})"
TANH = f"tanh(A({GELU_SCALE!r}) * (A(x) + A({GELU_CUBIC!r}) * A(x) * A(x) * A(x)))"
TANH_SLOPE = f"A({GELU_SCALE!r}) * (1 + 3 * A({GELU_CUBIC!r}) * A(x) * A(x))"


def erf(x: Array) -> Array:
    """`reference.erf`, by CuPy's own kernel, at least in float32."""
    special = importlib.import_module("cupyx.scipy.special")
    return special.erf(x.astype(_wide(x.dtype), copy=False)).astype(x.dtype, copy=False)


def erfc(x: Array) -> Array:
    """`reference.erfc`, by CuPy's own kernel, at least in float32."""
    special = importlib.import_module("cupyx.scipy.special")
    return special.erfc(x.astype(_wide(x.dtype), copy=False)).astype(x.dtype, copy=False)


def gelu(x: Array) -> Array:
    """`reference.gelu` in one launch."""
    return _elementwise("gelu", "T x", "T y", f"y = T(A(x) * {PHI})")(x)


def gelu_vjp(g: Array, x: Array, y: Array) -> Array:
    """`reference.gelu_vjp` in one launch. Phi is computed again, since y is rounded in half precision."""
    return _elementwise("gelu_vjp", "T g, T x", "T dx", f"dx = T(A(g) * ({PHI} + A(x) * {DENSITY}))")(g, x)


def gelu_tanh(x: Array) -> Array:
    """`reference.gelu_tanh` in one launch."""
    return _elementwise("gelu_tanh", "T x", "T y", f"y = T(A(x) * (1 + {TANH}) / 2)")(x)


def gelu_tanh_vjp(g: Array, x: Array, y: Array) -> Array:
    """`reference.gelu_tanh_vjp` in one launch. The tanh is computed again, since y is rounded in half precision."""
    slope = f"A t = {TANH}; dx = T(A(g) * ((1 + t) / 2 + A(x) * (1 - t * t) * {TANH_SLOPE} / 2))"
    return _elementwise("gelu_tanh_vjp", "T g, T x", "T dx", slope)(g, x)


def dropout_scale(key: int, p: float, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """`reference.dropout_scale`: the same random numbers, computed on the device."""
    out = cupy().empty(shape, dtype)
    if out.size:
        blocks = -(-out.size // (8 * MOST_THREADS))
        last = np.int64(out.size), np.uint64(key), np.float32(p), 1 / (1 - p) if p < 1 else 0.0
        launch("dropout_scale<{}>", out.dtype, blocks, MOST_THREADS, out, *last)
    return out


def embedding(weight: Array, ids: Array) -> Array:
    """`reference.embedding` in one launch; a row of NaN for an id outside the vocabulary."""
    rows = cupy().empty((*ids.shape, weight.shape[1]), weight.dtype)
    pick = 'long long id = ids[i / width]; row = 0 <= id && id < size ? T(weight[id * width + i % width]) : T(nanf(""))'
    lookup = _elementwise("embedding", "raw T weight, raw I ids, int64 width, int64 size", "T row", pick)
    return lookup(weight, ids, max(weight.shape[1], 1), len(weight), rows)
