"""Kernels replaced for NumPy: the same sums in chunks that fit the cache, in place. OpenBLAS multiplies matrices on all cores.

(Threads of our own over the rest were tried: they sleep while there is nothing to do, and to wake one takes as long as it saves.)

Each is held equal to `reference` by the tests.
"""

from __future__ import annotations

import math

import numpy as np

from minitransformer.kernels import reference
from minitransformer.kernels.reference import *  # noqa: F403
from minitransformer.kernels.reference import GELU_CUBIC, GELU_SCALE

CHUNK = 1 << 17  # elements worked on at a time


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """As the reference, which has more to ask."""
    return np.matmul(a, b) if a.dtype == b.dtype and a.dtype.itemsize >= 4 else reference.matmul(a, b)


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """As the reference, the bias added in place."""
    if x.dtype.itemsize < 4 or bias is None:
        return reference.linear(x, weight, bias)
    y = x @ weight.T
    y += bias
    return y


def linear_vjp(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray, needs: list[bool]
) -> list[np.ndarray | None]:
    """As the reference; a product with ones adds up faster than a sum."""
    if x.dtype.itemsize < 4:
        return reference.linear_vjp(g, x, weight, needs)
    laws = (lambda: g @ weight, lambda: g.T @ x, lambda: np.ones(len(g), g.dtype) @ g)
    return [law() if needed else None for law, needed in zip(laws, needs, strict=False)]


def _elementwise(function, *arrays: np.ndarray) -> np.ndarray:
    """`function(out, scratch, *arrays)` over flat chunks of arrays of one shape."""
    out = np.empty(arrays[0].shape, arrays[0].dtype)
    flat = [a.reshape(-1) for a in (out, *arrays)]
    scratch = np.empty(min(CHUNK, out.size), out.dtype)
    for i in range(0, out.size, CHUNK):
        function(flat[0][i : i + CHUNK], scratch[: out.size - i], *[a[i : i + CHUNK] for a in flat[1:]])
    return out


def sigmoid(x: np.ndarray) -> np.ndarray:
    """As the reference, but 1 / (1 + e^-x) everywhere: where e^-x overflows, it is 0."""

    def value(out, scratch, x):
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
    """As the reference; in float32 with a polynomial for erf."""

    def value(out, density, x):
        _density(density, x)
        _normal_cdf(out, density, x)
        out *= x

    return _elementwise(value, x) if x.dtype == np.float32 else reference.gelu(x)


def _passed(out: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """As the reference."""
    with np.errstate(invalid="ignore"):  # 0 / 0
        np.divide(y, x, out=out)
    if (zero := x == 0).any():
        out[zero] = 0.5


def gelu_vjp(g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As the reference."""

    def slope(out, density, g, x, y):
        _density(density, x)
        density *= x
        density *= 1 / math.sqrt(2 * math.pi)
        _passed(out, x, y)
        out += density
        out *= g

    return _elementwise(slope, g, x, y) if x.dtype.itemsize >= 4 else reference.gelu_vjp(g, x, y)


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    """x / (1 + e^(-2z)), by one exponential instead of a tanh; where it is infinite, y = 0."""

    def value(out, _, x):
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
    """As the reference."""

    def slope(out, passed, g, x, y):
        np.multiply(x, x, out=out)
        out *= 6 * GELU_SCALE * GELU_CUBIC
        out += 2 * GELU_SCALE
        out *= np.subtract(x, y, out=passed)
        out += 1
        _passed(passed, x, y)
        out *= passed
        out *= g

    return _elementwise(slope, g, x, y) if x.dtype.itemsize >= 4 else reference.gelu_tanh_vjp(g, x, y)


def _runs(n_rows: int, width: int):
    """Slices of so many rows that a chunk has room for."""
    step = max(CHUNK // max(width, 1), 1)
    return (slice(i, i + step) for i in range(0, n_rows, step))


FAR = 0.01  # a variance that small beside the squared mean shows the mean's rounding


def _centre_again(
    rows: np.ndarray, part: np.ndarray, mean: np.ndarray, square: np.ndarray, far: np.ndarray
) -> None:
    """Take from the rows that are `far` what rounding left of their mean: equal numbers are their mean, to the last digit."""
    mean[far] += part[far].mean(axis=-1, keepdims=True)
    part[far] = again = rows[far] - mean[far]
    square[far] = np.vecdot(again, again)[:, None]


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float):
    """As the reference, some rows at a time."""
    if x.dtype.itemsize < 4 or not x.size:
        return reference.layer_norm(x, weight, bias, eps)
    width = x.shape[-1]
    rows = x.reshape(-1, width)  # (N, C)
    y, (mean, rstd) = np.empty(rows.shape, x.dtype), np.empty((2, len(rows), 1), x.dtype)
    evenly = np.full((width, 1), 1 / width, x.dtype)  # a product with it is a mean
    for run in _runs(*rows.shape):
        np.matmul(rows[run], evenly, out=mean[run])
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


def layer_norm_vjp(g, x, weight, mean, rstd):
    """As the reference, some rows at a time."""
    if x.dtype.itemsize < 4 or not x.size:
        return reference.layer_norm_vjp(g, x, weight, mean, rstd)
    width = x.shape[-1]
    g, rows, mean, rstd = (a.reshape(-1, a.shape[-1]) for a in (g, x, mean, rstd))
    dx, (dw, db) = np.empty(rows.shape, x.dtype), np.zeros((2, width), x.dtype)
    for run in _runs(*rows.shape):
        gi, scale, centred = g[run], rstd[run, 0], rows[run] - mean[run]
        dw += scale @ (gi * centred)
        db += np.ones_like(scale) @ gi
        u = np.multiply(gi, weight, out=dx[run])
        centred *= (np.vecdot(u, centred) * scale**2 / width)[:, None]
        centred += gi @ weight[:, None] / width
        u -= centred
        u *= rstd[run]
    return dx.reshape(x.shape), dw, db


def cross_entropy_vjp(g, x, target, shift, total, smoothing):
    """As the reference, in one buffer."""
    if x.dtype.itemsize < 4:
        return reference.cross_entropy_vjp(g, x, target, shift, total, smoothing)
    dx = x - shift
    np.exp(dx, out=dx)
    dx *= g[:, None] / total
    if smoothing:
        dx -= smoothing / x.shape[1] * g[:, None]
    dx[np.arange(len(x)), target] -= (1 - smoothing) * g
    return dx


def index_vjp(g: np.ndarray, x: np.ndarray, index) -> np.ndarray:
    """As the reference; rows picked from the same place are brought together first, and added up as one run."""
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
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))  # where the runs begin
    dx = np.zeros_like(x)
    dx[index[order[starts]]] = np.add.reduceat(g[order], starts, axis=0)
    return dx


QUERY_BLOCK = 64


def _query_blocks(n_queries: int, n_keys: int, causal: bool):
    """Query rows i to j, and how many keys the last of them may see: causal blocks skip what is hidden from all."""
    step = QUERY_BLOCK if causal else max(n_queries, 1)
    for i in range(0, n_queries, step):
        j = min(i + step, n_queries)
        yield slice(i, j), slice(0, min(j, n_keys) if causal else n_keys)


def _are_small(s: np.ndarray, mask) -> bool:
    """Whether no score is so far from 0 that its exponential is too large, or all of a row's are 0."""
    return max(s.max(), -s.min()) < 60 and (mask is None or mask.dtype == bool)


def _hide(s: np.ndarray, rows: slice, mask, causal: bool) -> None:
    """-inf where a query may not look, or the mask's scores added."""
    if causal:
        later = np.arange(rows.start, rows.stop)[:, None] < np.arange(s.shape[-1])
        s += np.where(later, -math.inf, 0).astype(s.dtype)
    if mask is not None and mask.dtype == bool:
        np.copyto(s, -math.inf, where=~mask)
    elif mask is not None:
        s += mask


def _exp_in_place(s: np.ndarray, small: bool) -> np.ndarray:
    """s becomes e^s, up to a factor for each row; returns the rows' sums (.., 1), 1 where there is nothing to see."""
    if not small:
        top = s.max(axis=-1, keepdims=True)
        top[np.isneginf(top)] = 0
        s -= top
    np.exp(s, out=s)
    total = np.matmul(s, np.ones_like(s, shape=s.shape[-1]))[..., None]
    total[total == 0] = 1
    return total


def attention(q, k, v, mask, causal: bool, scale: float, keep=None):
    """As the reference, a block of queries at a time."""
    if q.dtype.itemsize < 4 or not q.size or not k.size:
        return reference.attention(q, k, v, mask, causal, scale, keep)
    p = np.empty((*q.shape[:-1], k.shape[-2]), q.dtype)  # (.., T, S)
    # laid out as q is, so that heads join without a copy
    y = np.empty_like(q, shape=(*q.shape[:-1], v.shape[-1]))
    mask = None if mask is None else np.broadcast_to(mask, p.shape)
    for rows, seen in _query_blocks(*p.shape[-2:], causal):
        s = np.matmul(q[..., rows, :], k[..., seen, :].swapaxes(-1, -2))
        s *= scale
        small = _are_small(s, mask)
        _hide(s, rows, None if mask is None else mask[..., rows, seen], causal)
        s = np.multiply(s, 1 / _exp_in_place(s, small), out=p[..., rows, seen])
        p[..., rows, seen.stop :] = 0
        np.matmul(s if keep is None else s * keep[..., rows, seen], v[..., seen, :], out=y[..., rows, :])
    return y, p


def attention_vjp(g, q, k, v, p, causal: bool, scale: float, keep=None):
    """As the reference, a block of queries at a time; p is zero where nothing may be seen."""
    if q.dtype.itemsize < 4 or not q.size or not k.size:
        return reference.attention_vjp(g, q, k, v, p, causal, scale, keep)
    dq, dk, dv = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)
    for rows, seen in _query_blocks(*p.shape[-2:], causal):
        s, gi = p[..., rows, seen], g[..., rows, :]
        ds = np.matmul(gi, v[..., seen, :].swapaxes(-1, -2))
        if keep is not None:
            ds *= keep[..., rows, seen]
        ds -= np.vecdot(ds, s)[..., None]
        ds *= s
        ds *= scale
        np.matmul(ds, k[..., seen, :], out=dq[..., rows, :])
        _add_product(dk[..., seen, :], ds, q[..., rows, :], rows)
        _add_product(dv[..., seen, :], s if keep is None else s * keep[..., rows, seen], gi, rows)
    return dq, dk, dv


def _add_product(total: np.ndarray, a: np.ndarray, b: np.ndarray, rows: slice) -> None:
    """total += A^T B, where total is 0 before the first rows."""
    if rows.start:
        total += np.matmul(a.swapaxes(-1, -2), b)
    else:
        np.matmul(a.swapaxes(-1, -2), b, out=total)
