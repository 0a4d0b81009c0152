"""Kernels for NumPy's arrays, compiled by Numba: one loop does what takes NumPy many passes over the memory.

The loops themselves are in `loops`; here arrays are laid out for them. Numba is imported by the first call with at least
SMALLEST numbers, so that small programs do not wait for it. Fewer numbers, other dtypes, and what no loop is written for go to
NumPy's kernels. Which of the two it is depends on shapes and dtypes, never on the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitransformer.backends import float32, float64
from minitransformer.kernels import blocks, numpy
from minitransformer.kernels.compiled import compiled, works
from minitransformer.kernels.numpy import (  # noqa: F401  not replaced: NumPy's, under the same names
    GELU_CUBIC,
    GELU_SCALE,
    causal_mask,
    embedding,
    erfc,
    linear,
    linear_vjp,
    logsumexp,
    matmul,
    matmul_vjp,
    norm_of_all,
    scale_all,
)

SMALLEST = 1 << 12


def _takes(*arrays: np.ndarray) -> bool:
    """Whether the loops do: enough numbers in the first array, and all of its dtype, float32 or float64."""
    dtype = arrays[0].dtype
    enough = arrays[0].size >= SMALLEST and (dtype == float32 or dtype == float64)
    return enough and all(a.dtype == dtype for a in arrays) and works()


def _are(shape: tuple[int, ...], *arrays: np.ndarray) -> bool:
    """Whether all arrays have that shape. The loops look at no boundary, and what broadcasts is NumPy's."""
    return all(a.shape == shape for a in arrays)


def _flat(array: np.ndarray) -> np.ndarray:
    """(..) -> (N,), contiguous."""
    return np.ascontiguousarray(array).reshape(-1)


def _rows(array: np.ndarray) -> np.ndarray:
    """(.., C) -> (N, C), contiguous."""
    return np.ascontiguousarray(array).reshape(-1, array.shape[-1])


def _elementwise(kernel: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """A kernel of one number after the other: by the loop of its name where that takes the arrays, else the kernel itself."""
    name = kernel.__name__

    def fast(*arrays: np.ndarray) -> np.ndarray:
        if not (_takes(*arrays) and _are(arrays[0].shape, *arrays)):
            return kernel(*arrays)
        out = np.empty(arrays[0].shape, arrays[0].dtype)
        compiled(name, out.dtype)(*map(_flat, arrays), out.reshape(-1))
        return out

    return _called(fast, kernel)


def _along_last(kernel: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """A kernel along a dimension: by the loop of its name if that is the last one."""
    name = kernel.__name__

    def fast(*arrays_and_dim: Any) -> np.ndarray:
        *arrays, dim = arrays_and_dim
        x = arrays[0]
        last = dim in (-1, x.ndim - 1, (-1,), (x.ndim - 1,))
        if not (last and _takes(*arrays) and _are(x.shape, *arrays)):
            return kernel(*arrays, dim)
        out = np.empty(x.shape, x.dtype)
        compiled(name, x.dtype)(*map(_rows, arrays), out.reshape(-1, x.shape[-1]))
        return out

    return _called(fast, kernel)


def _called(fast: Callable[..., np.ndarray], kernel: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """`fast` under the name of the kernel that it replaces."""
    fast.__name__ = fast.__qualname__ = kernel.__name__
    fast.__doc__ = f"`reference.{kernel.__name__}` in one loop."
    return fast


erf = _elementwise(numpy.erf)
sigmoid = _elementwise(numpy.sigmoid)
gelu = _elementwise(numpy.gelu)
gelu_vjp = _elementwise(numpy.gelu_vjp)
gelu_tanh = _elementwise(numpy.gelu_tanh)
gelu_tanh_vjp = _elementwise(numpy.gelu_tanh_vjp)
softmax = _along_last(numpy.softmax)
softmax_vjp = _along_last(numpy.softmax_vjp)
log_softmax = _along_last(numpy.log_softmax)
log_softmax_vjp = _along_last(numpy.log_softmax_vjp)


def layer_norm(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`reference.layer_norm`, one row after the other."""
    if not (_takes(x, weight, bias) and _are(x.shape[-1:], weight, bias)):
        return numpy.layer_norm(x, weight, bias, eps)
    y = np.empty(x.shape, x.dtype)
    mean, rstd = np.empty((2, *x.shape[:-1], 1), x.dtype)
    inputs = _rows(x), _flat(weight), _flat(bias), x.dtype.type(eps)
    compiled("layer_norm", x.dtype)(*inputs, _rows(y), mean.reshape(-1), rstd.reshape(-1))
    return y, mean, rstd


def layer_norm_vjp(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray, mean: np.ndarray, rstd: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`reference.layer_norm_vjp`, one row after the other."""
    if not (_takes(g, x, weight, mean, rstd) and _are(x.shape, g)):
        return numpy.layer_norm_vjp(g, x, weight, mean, rstd)
    dx = np.empty(x.shape, x.dtype)
    dw, db = np.zeros((2, x.shape[-1]), x.dtype)
    inputs = _rows(g), _rows(x), _flat(weight), _flat(mean), _flat(rstd)
    compiled("layer_norm_vjp", x.dtype)(*inputs, _rows(dx), dw, db)
    return dx, dw, db


def rms_norm(x: np.ndarray, weight: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """`reference.rms_norm`, one row after the other."""
    if not (_takes(x, weight) and _are(x.shape[-1:], weight)):
        return numpy.rms_norm(x, weight, eps)
    y = np.empty(x.shape, x.dtype)
    rstd = np.empty((*x.shape[:-1], 1), x.dtype)
    compiled("rms_norm", x.dtype)(_rows(x), _flat(weight), x.dtype.type(eps), _rows(y), rstd.reshape(-1))
    return y, rstd


def rms_norm_vjp(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray, rstd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`reference.rms_norm_vjp`, one row after the other."""
    if not (_takes(g, x, weight, rstd) and _are(x.shape, g)):
        return numpy.rms_norm_vjp(g, x, weight, rstd)
    dx, dw = np.empty(x.shape, x.dtype), np.zeros(x.shape[-1], x.dtype)
    compiled("rms_norm_vjp", x.dtype)(_rows(g), _rows(x), _flat(weight), _flat(rstd), _rows(dx), dw)
    return dx, dw


def cross_entropy(
    x: np.ndarray, target: np.ndarray, smoothing: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`reference.cross_entropy`, one row after the other."""
    if not _takes(x):
        return numpy.cross_entropy(x, target, smoothing)
    loss, shift, total = np.empty((3, len(x)), x.dtype)
    inputs = _rows(x), _ids(target, x.shape[1]), x.dtype.type(smoothing)
    compiled("cross_entropy", x.dtype)(*inputs, loss, shift, total)
    return loss, shift[:, None], total[:, None]


def cross_entropy_vjp(
    g: np.ndarray, x: np.ndarray, target: np.ndarray, shift: np.ndarray, total: np.ndarray, smoothing: float
) -> np.ndarray:
    """`reference.cross_entropy_vjp`, one row after the other."""
    if not _takes(x, g, shift, total):
        return numpy.cross_entropy_vjp(g, x, target, shift, total, smoothing)
    dx = np.empty(x.shape, x.dtype)
    inputs = _flat(g), _rows(x), _ids(target, x.shape[1]), _flat(shift), _flat(total), x.dtype.type(smoothing)
    compiled("cross_entropy_vjp", x.dtype)(*inputs, dx)
    return dx


def _ids(ids: np.ndarray, count: int) -> np.ndarray:
    """Ids (N,) as a loop takes them, which looks at no boundary: -1 is the last, and one that is outside is an error here."""
    if ids.size and not -count <= ids.min() <= ids.max() < count:
        raise IndexError(f"expected ids from {-count} to {count - 1}, got {ids.min()} to {ids.max()}")
    return np.ascontiguousarray(ids % count, np.int64)


def index_vjp(g: np.ndarray, x: np.ndarray, index: Any) -> np.ndarray:
    """`reference.index_vjp`; for rows of a table, one row of g after the other."""
    rows = isinstance(index, np.ndarray) and index.ndim == 1 and index.dtype.kind == "i" and x.ndim == 2
    if not (rows and _takes(g, x)):
        return numpy.index_vjp(g, x, index)
    dx = np.zeros(x.shape, x.dtype)
    compiled("add_rows", x.dtype)(_rows(g), _ids(index, len(x)), dx)
    return dx


def dropout_scale(key: int, p: float, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """`reference.dropout_scale`: the same random numbers, compared as they are drawn."""
    if dtype not in (float32, float64) or math.prod(shape) < SMALLEST or not works():
        return numpy.dropout_scale(key, p, shape, dtype)
    out = np.empty(shape, dtype)
    scale = dtype.type(1 / (1 - p) if p < 1 else 0)
    compiled("dropout_scale", dtype)(np.uint64(key), np.float32(p), scale, out.reshape(-1))
    return out


def adam_all(
    arrays: Sequence[tuple[np.ndarray, ...]],
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    decay: float,
    shrink: float,
) -> None:
    """`reference.adam_all`, one loop for each parameter, but for AMSGrad and arrays that are not contiguous."""
    if sum(entry[0].size for entry in arrays) < SMALLEST or not works():
        return numpy.adam_all(arrays, step, lr, betas, eps, decay, shrink)
    b1, b2 = betas
    settings = b1, 1 - b1, b2, 1 - b2, math.sqrt(1 - b2**step), lr / (1 - b1**step), eps, decay, shrink
    for p, g, *means in arrays:
        if len(means) > 2 or not _in_place(p, g, *means):
            numpy.adam_all([(p, g, *means)], step, lr, betas, eps, decay, shrink)
            continue
        compiled("adam", p.dtype)(_flat(g), *settings, *(a.reshape(-1) for a in (p, *means)))


def _in_place(p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray) -> bool:
    """Whether the loop can change p, m and v where they lie."""
    alike = p.dtype in (float32, float64) and p.dtype == g.dtype == m.dtype == v.dtype
    return alike and all(a.flags.c_contiguous for a in (p, m, v))


def attention(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray | None,
    causal: bool,
    scale: float,
    keep: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """`reference.attention`: two products, and between them one row of scores after the other."""
    p = np.empty((*q.shape[:-1], k.shape[-2]), q.dtype)  # (.., T, S)
    if not (q.size and k.size and _takes(p, q, k, v)):
        return numpy.attention(q, k, v, mask, causal, scale, keep)
    y = np.empty_like(q, shape=(*q.shape[:-1], v.shape[-1]))  # q's memory layout: heads merge without a copy
    name, masks = _mask(mask, p)
    weigh, heads = compiled(name, p.dtype), _heads(p)
    for rows, seen in blocks.query_blocks(p.shape[-2], p.shape[-1], causal):
        scores = _pairs(q[..., rows, :], k[..., seen, :])
        weigh(_heads(scores), rows.start, causal, scale, *masks, heads)
        s = p[..., rows, seen]
        np.matmul(s if keep is None else s * keep[..., rows, seen], v[..., seen, :], out=y[..., rows, :])
    return y, p


def _pairs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a b^T. (.., R, d), (.., J, d) -> (.., R, J), contiguous, as `matmul` by itself does not always make it."""
    return np.matmul(a, b.swapaxes(-1, -2), out=np.empty((*a.shape[:-1], b.shape[-2]), a.dtype))


def _heads(p: np.ndarray) -> np.ndarray:
    """(.., T, S) -> (B, H, T, S), the same memory; H counts what comes right before T."""
    shape = (1, 1, *p.shape)[-4:] if p.ndim < 5 else (-1, *p.shape[-3:])
    return p.reshape(shape)


def _mask(mask: np.ndarray | None, p: np.ndarray) -> tuple[str, tuple[np.ndarray, ...]]:
    """The loop for a kind of mask, and the mask as it takes it: (B, H, T, S), or 1 in place of B or H."""
    if mask is None:
        return "attend", ()
    few = mask.reshape((1,) * (p.ndim - mask.ndim) + mask.shape)
    shape = p.shape if p.ndim > 4 else (*few.shape[:-2], *p.shape[-2:])
    whole = np.broadcast_to(few, shape)
    name, dtype = ("attend_allowed", np.dtype(bool)) if mask.dtype == bool else ("attend_added", p.dtype)
    return name, (_heads(np.ascontiguousarray(whole, dtype)),)


def attention_vjp(
    g: np.ndarray,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    p: np.ndarray,
    causal: bool,
    scale: float,
    keep: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`reference.attention_vjp`: four products, and between them one row of cotangents after the other."""
    if not (q.size and k.size and _takes(p, g, q, k, v)):
        return numpy.attention_vjp(g, q, k, v, p, causal, scale, keep)
    weights = _heads(np.ascontiguousarray(p))
    kept = () if keep is None else (_heads(np.ascontiguousarray(keep, p.dtype)),)
    to_scores = compiled("attend_kept_vjp" if kept else "attend_vjp", p.dtype)

    def of_scores(rows: slice, seen: slice) -> np.ndarray:
        ds = _pairs(g[..., rows, :], v[..., seen, :])
        to_scores(weights, *kept, _heads(ds), rows.start, causal, scale)
        return ds

    return blocks.attention_vjp(g, q, k, v, p, causal, keep, of_scores)
