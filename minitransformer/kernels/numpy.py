"""Kernels for NumPy: the same sums as in `reference`, computed in place and in chunks that fit the processor's cache.

OpenBLAS multiplies matrices on all cores. (Threads for the other kernels were tried: waking a sleeping thread takes as long
as the thread saves.) A test holds each kernel equal to its definition. Half precision always goes to the definition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minitransformer.kernels import blocks, reference
from minitransformer.kernels.reference import (  # noqa: F401  not replaced: the definitions, under the same names
    GELU_CUBIC,
    GELU_SCALE,
    adam_all,
    causal_mask,
    cross_entropy,
    dropout_scale,
    embedding,
    erf,
    erfc,
    log_softmax,
    log_softmax_vjp,
    logsumexp,
    matmul_vjp,
    norm_of_all,
    rms_norm,
    rms_norm_vjp,
    scale_all,
    softmax,
    softmax_vjp,
)

CHUNK = 1 << 17  # elements worked on at a time


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`reference.matmul`, without its conversions where a and b are of one dtype and need none."""
    return np.matmul(a, b) if a.dtype == b.dtype and a.dtype.itemsize >= 4 else reference.matmul(a, b)


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """`reference.linear`, with the bias added in place."""
    if x.dtype.itemsize < 4 or bias is None:
        return reference.linear(x, weight, bias)
    y = x @ weight.T
    y += bias
    return y


def linear_vjp(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray, needs: list[bool]
) -> list[np.ndarray | None]:
    """`reference.linear_vjp`; the sum over N as a product with ones, which is faster."""
    if x.dtype.itemsize < 4:
        return reference.linear_vjp(g, x, weight, needs)
    laws = (lambda: g @ weight, lambda: g.T @ x, lambda: np.ones(len(g), g.dtype) @ g)
    return [law() if needed else None for law, needed in zip(laws, needs, strict=False)]


def _elementwise(function: Callable[..., None], *arrays: np.ndarray) -> np.ndarray:
    """A new array, filled chunk by chunk by `function(out, scratch, *arrays)`; all arrays have one shape."""
    out = np.empty(arrays[0].shape, arrays[0].dtype)
    flat = [a.reshape(-1) for a in (out, *arrays)]
    scratch = np.empty(min(CHUNK, out.size), out.dtype)
    for i in range(0, out.size, CHUNK):
        function(flat[0][i : i + CHUNK], scratch[: out.size - i], *[a[i : i + CHUNK] for a in flat[1:]])
    return out


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x) for every x: where e^-x overflows to infinity, the result is 0."""

    def value(out: np.ndarray, scratch: np.ndarray, x: np.ndarray) -> None:
        with np.errstate(over="ignore"):
            np.negative(x, out=out)
            np.exp(out, out=out)
        out += 1
        np.reciprocal(out, out=out)

    return _elementwise(value, x) if x.dtype.kind == "f" and x.dtype.itemsize >= 4 else reference.sigmoid(x)


def _density(out: np.ndarray, x: np.ndarray) -> None:
    """e^(-x^2 / 2)."""
    np.multiply(x, x, out=out)
    out *= -0.5
    np.exp(out, out=out)


def _normal_cdf(out: np.ndarray, density: np.ndarray, x: np.ndarray) -> None:
    """Phi(x) by 1 - erf(|x| / sqrt 2) = e^(-x^2 / 2) P(t) to 1.5e-7: Abramowitz & Stegun, Handbook, 7.1.26."""
    t = np.abs(x)
    t *= 0.3275911 * math.sqrt(0.5)
    t += 1
    np.reciprocal(t, out=t)
    np.multiply(t, 1.061405429 / 2, out=out)
    for a in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        out += a / 2
        out *= t
    out *= density  # half the tail: Phi(-|x|)
    out -= 0.5
    np.copysign(out, x, out=out)
    out += 0.5


def gelu(x: np.ndarray) -> np.ndarray:
    """`reference.gelu`; in float32 with a polynomial for Phi."""

    def value(out: np.ndarray, density: np.ndarray, x: np.ndarray) -> None:
        _density(density, x)
        _normal_cdf(out, density, x)
        out *= x

    return _elementwise(value, x) if x.dtype == np.float32 else reference.gelu(x)


def _passed(out: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """`reference._passed` into `out`: y / x, 1/2 at x = 0."""
    with np.errstate(invalid="ignore"):  # 0 / 0
        np.divide(y, x, out=out)
    if (zero := x == 0).any():
        out[zero] = 0.5


def gelu_vjp(g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`reference.gelu_vjp` in chunks."""

    def slope(out: np.ndarray, density: np.ndarray, g: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        _density(density, x)
        density *= x
        density *= 1 / math.sqrt(2 * math.pi)
        _passed(out, x, y)
        out += density
        out *= g

    return _elementwise(slope, g, x, y) if x.dtype.itemsize >= 4 else reference.gelu_vjp(g, x, y)


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    """x / (1 + e^(-2z)) = x (1 + tanh z) / 2, by one exponential; where the exponential overflows, y = 0."""

    def value(out: np.ndarray, _: np.ndarray, x: np.ndarray) -> None:
        np.multiply(x, x, out=out)
        out *= -2 * GELU_SCALE * GELU_CUBIC
        out -= 2 * GELU_SCALE
        out *= x
        with np.errstate(over="ignore"):
            np.exp(out, out=out)
        out += 1
        np.divide(x, out, out=out)

    return _elementwise(value, x) if x.dtype.itemsize >= 4 else reference.gelu_tanh(x)


def gelu_tanh_vjp(g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`reference.gelu_tanh_vjp` in chunks."""

    def slope(out: np.ndarray, passed: np.ndarray, g: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        np.multiply(x, x, out=out)
        out *= 6 * GELU_SCALE * GELU_CUBIC
        out += 2 * GELU_SCALE
        out *= np.subtract(x, y, out=passed)
        out += 1
        _passed(passed, x, y)
        out *= passed
        out *= g

    return _elementwise(slope, g, x, y) if x.dtype.itemsize >= 4 else reference.gelu_tanh_vjp(g, x, y)


def _runs(n_rows: int, width: int) -> Iterator[slice]:
    """Slices of the rows, each of at most CHUNK elements (and at least one row)."""
    step = max(CHUNK // max(width, 1), 1)
    return (slice(i, i + step) for i in range(0, n_rows, step))


FAR = 0.01  # below this ratio of variance to squared mean, the rounding error of the mean is visible in the result


def _centre_again(
    rows: np.ndarray, part: np.ndarray, mean: np.ndarray, square: np.ndarray, far: np.ndarray
) -> None:
    """In the rows marked `far`, subtract the mean a second time: this removes the rounding error of the first mean."""
    mean[far] += part[far].mean(axis=-1, keepdims=True)
    part[far] = again = rows[far] - mean[far]
    square[far] = np.vecdot(again, again)[:, None]


def layer_norm(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`reference.layer_norm`, some rows at a time."""
    if x.dtype.itemsize < 4 or not x.size:
        return reference.layer_norm(x, weight, bias, eps)
    width = x.shape[-1]
    rows = x.reshape(-1, width)  # (N, C)
    y = np.empty(rows.shape, x.dtype)
    mean, rstd = np.empty((2, len(rows), 1), x.dtype)
    average = np.full((width, 1), 1 / width, x.dtype)  # rows @ average: the mean of each row
    for run in _runs(*rows.shape):
        np.matmul(rows[run], average, out=mean[run])
        part = np.subtract(rows[run], mean[run], out=y[run])
        square = np.vecdot(part, part)[:, None]
        if (far := square < FAR * width * mean[run] ** 2).any():
            _centre_again(rows[run], part, mean[run], square, far[:, 0])
        np.divide(1, np.sqrt(square / width + eps), out=rstd[run])
        part *= rstd[run]
        part *= weight
        part += bias
    stats = x.shape[:-1] + (1,)
    return y.reshape(x.shape), mean.reshape(stats), rstd.reshape(stats)


def layer_norm_vjp(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray, mean: np.ndarray, rstd: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`reference.layer_norm_vjp`, some rows at a time."""
    if x.dtype.itemsize < 4 or not x.size:
        return reference.layer_norm_vjp(g, x, weight, mean, rstd)
    width = x.shape[-1]
    g, rows, mean, rstd = (a.reshape(-1, a.shape[-1]) for a in (g, x, mean, rstd))
    dx = np.empty(rows.shape, x.dtype)
    dw, db = np.zeros((2, width), x.dtype)
    for run in _runs(*rows.shape):
        gi = g[run]
        scale = rstd[run, 0]
        centred = rows[run] - mean[run]
        dw += scale @ (gi * centred)
        db += np.ones_like(scale) @ gi
        u = np.multiply(gi, weight, out=dx[run])
        centred *= (np.vecdot(u, centred) * scale**2 / width)[:, None]
        centred += gi @ weight[:, None] / width
        u -= centred
        u *= rstd[run]
    return dx.reshape(x.shape), dw, db


def cross_entropy_vjp(
    g: np.ndarray, x: np.ndarray, target: np.ndarray, shift: np.ndarray, total: np.ndarray, smoothing: float
) -> np.ndarray:
    """`reference.cross_entropy_vjp`, in one buffer."""
    if x.dtype.itemsize < 4:
        return reference.cross_entropy_vjp(g, x, target, shift, total, smoothing)
    dx = x - shift
    np.exp(dx, out=dx)
    dx *= g[:, None] / total
    if smoothing:
        dx -= smoothing / x.shape[1] * g[:, None]
    dx[np.arange(len(x)), target] -= (1 - smoothing) * g
    return dx


def index_vjp(g: np.ndarray, x: np.ndarray, index: Any) -> np.ndarray:
    """`reference.index_vjp`; gradients of the same row of x are sorted next to each other, and each group is summed at once."""
    if (
        not isinstance(index, np.ndarray)
        or index.ndim != 1
        or index.dtype.kind != "i"
        or x.ndim != 2
        or not g.size
    ):
        return reference.index_vjp(g, x, index)
    index = index % len(x)  # -1 is the last row
    order = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))  # where each group begins
    dx = np.zeros_like(x)
    dx[index[order[starts]]] = np.add.reduceat(g[order], starts, axis=0)
    return dx


def _are_small(s: np.ndarray, mask: np.ndarray | None) -> bool:
    """Whether e^s neither overflows, nor is 0 for all scores of a row: then no maximum need be subtracted."""
    return max(s.max(), -s.min()) < 60 and (mask is None or mask.dtype == bool)


def _hide(s: np.ndarray, rows: slice, mask: np.ndarray | None, causal: bool) -> None:
    """Set the scores of keys that are not allowed to -inf; add a mask of numbers."""
    if causal:
        later = np.arange(rows.start, rows.stop)[:, None] < np.arange(s.shape[-1])
        s += np.where(later, -math.inf, 0).astype(s.dtype)
    if mask is not None and mask.dtype == bool:
        np.copyto(s, -math.inf, where=~mask)
    elif mask is not None:
        s += mask


def _exp_in_place(s: np.ndarray, small: bool) -> np.ndarray:
    """Replace s by e^s times a factor for each row; return the rows' sums (.., 1), 1 for a row of zeros."""
    if not small:
        top = s.max(axis=-1, keepdims=True)
        top[np.isneginf(top)] = 0
        s -= top
    np.exp(s, out=s)
    total = np.matmul(s, np.ones_like(s, shape=s.shape[-1]))[..., None]
    total[total == 0] = 1
    return total


def attention(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray | None,
    causal: bool,
    scale: float,
    keep: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """`reference.attention`, one block of queries at a time."""
    if q.dtype.itemsize < 4 or not q.size or not k.size:
        return reference.attention(q, k, v, mask, causal, scale, keep)
    p = np.empty((*q.shape[:-1], k.shape[-2]), q.dtype)  # (.., T, S)
    y = np.empty_like(q, shape=(*q.shape[:-1], v.shape[-1]))  # q's memory layout: heads merge without a copy
    mask = None if mask is None else np.broadcast_to(mask, p.shape)
    for rows, seen in blocks.query_blocks(p.shape[-2], p.shape[-1], causal):
        s = np.matmul(q[..., rows, :], k[..., seen, :].swapaxes(-1, -2))
        s *= scale
        small = _are_small(s, mask)
        _hide(s, rows, None if mask is None else mask[..., rows, seen], causal)
        s = np.multiply(s, 1 / _exp_in_place(s, small), out=p[..., rows, seen])
        p[..., rows, seen.stop :] = 0
        np.matmul(s if keep is None else s * keep[..., rows, seen], v[..., seen, :], out=y[..., rows, :])
    return y, p


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
    """`reference.attention_vjp`, one block of queries at a time."""
    if q.dtype.itemsize < 4 or not q.size or not k.size:
        return reference.attention_vjp(g, q, k, v, p, causal, scale, keep)

    def of_scores(rows: slice, seen: slice) -> np.ndarray:
        s = p[..., rows, seen]
        ds = np.matmul(g[..., rows, :], v[..., seen, :].swapaxes(-1, -2))
        if keep is not None:
            ds *= keep[..., rows, seen]
        ds -= np.vecdot(ds, s)[..., None]
        ds *= s
        ds *= scale
        return ds

    return blocks.attention_vjp(g, q, k, v, p, causal, keep, of_scores)
