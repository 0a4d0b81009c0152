"""Kernels replaced for NumPy: the same sums in chunks that fit the cache, in place, on all cores.

Each is held equal to `reference` by the tests.
"""

from __future__ import annotations

import math

import numpy as np

from minitransformer.kernels import reference
from minitransformer.kernels.reference import *  # noqa: F403
from minitransformer.kernels.reference import GELU_CUBIC, GELU_SCALE
from minitransformer.kernels.threads import share_out, share_products

PARTS = 840  # divisible by every number of threads up to 8
WORTH_SHARING = 1 << 22  # multiplications, from which a second thread is worth waking
CHUNK = 1 << 17  # elements worked on at a time: enough to let go of the lock, few enough for the cache


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """As the reference, some rows, or some matrices, a thread. (OpenBLAS's own threads go on spinning, and take a core.)"""
    if a.dtype.itemsize < 4 or a.ndim != b.ndim or a.ndim < 2 or a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-2]:
        return reference.matmul(a, b)
    y = np.empty((*a.shape[:-1], b.shape[-1]), np.result_type(a, b))
    each = y.size * a.shape[-1] // max(len(y), 1)  # multiplications for one row, or one matrix

    def work(i, j):
        np.matmul(a[i:j], b if a.ndim == 2 else b[i:j], out=y[i:j])

    share_products(len(y), work, at_least=WORTH_SHARING // max(each, 1) + 1)
    return y


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """As the reference, some rows a thread, as `matmul`."""
    if x.dtype.itemsize < 4:
        return reference.linear(x, weight, bias)
    y = np.empty((len(x), len(weight)), x.dtype)

    def work(i, j):
        np.matmul(x[i:j], weight.T, out=y[i:j])
        if bias is not None:
            y[i:j] += bias

    share_products(len(x), work, at_least=WORTH_SHARING // max(weight.size, 1) + 1)
    return y


def linear_vjp(g: np.ndarray, x: np.ndarray, weight: np.ndarray, needs: list[bool]) -> list[np.ndarray | None]:
    """As the reference, some rows of dx, and of dW and db, a thread; a product with ones adds up faster than a sum."""
    if x.dtype.itemsize < 4:
        return reference.linear_vjp(g, x, weight, needs)
    shapes = (x.shape, weight.shape, weight.shape[:1])
    dx, dw, db = results = [np.empty(s, x.dtype) if n else None for s, n in zip(shapes, [*needs, False], strict=False)]
    ones = np.ones(len(g), g.dtype)

    def work(i, j):  # parts of range(parts * n): the same fraction of rows and of outputs
        rows, outputs = (slice(n * i // PARTS, n * j // PARTS) for n in (len(g), len(weight)))
        if dx is not None:
            np.matmul(g[rows], weight, out=dx[rows])
        if dw is not None:
            np.matmul(g[:, outputs].T, x, out=dw[outputs])
        if db is not None:
            np.matmul(ones, g[:, outputs], out=db[outputs])

    share_products(PARTS, work, at_least=1 if len(x) * weight.size > WORTH_SHARING else PARTS)
    return results[: len(needs)]


def _elementwise(function, *arrays: np.ndarray) -> np.ndarray:
    """`function(out, scratch, *arrays)` over flat chunks of arrays of one shape, on all threads."""
    out = np.empty(arrays[0].shape, arrays[0].dtype)
    flat = [a.reshape(-1) for a in (out, *arrays)]

    def work(start, stop):
        scratch = np.empty(min(CHUNK, stop - start), out.dtype)
        for i in range(start, stop, CHUNK):
            j = min(i + CHUNK, stop)
            function(flat[0][i:j], scratch[: j - i], *[a[i:j] for a in flat[1:]])

    share_out(out.size, work, at_least=CHUNK)
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
    np.copyto(out, 0.5, where=x == 0)


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


def _rows_at_a_time(width: int) -> int:
    return max(CHUNK // max(width, 1), 1)


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float):
    """As the reference, row by row."""
    if x.dtype.itemsize < 4 or not x.size:
        return reference.layer_norm(x, weight, bias, eps)
    rows = x.reshape(-1, x.shape[-1])  # (N, C)
    y, step = np.empty(rows.shape, x.dtype), _rows_at_a_time(x.shape[-1])
    mean, rstd = np.empty((2, len(rows), 1), x.dtype)
    evenly = np.full((x.shape[-1], 1), 1 / x.shape[-1], x.dtype)  # a product with it is a mean

    def work(start, stop):
        for i in range(start, stop, step):
            j = min(i + step, stop)
            np.matmul(rows[i:j], evenly, out=mean[i:j])
            part = np.subtract(rows[i:j], mean[i:j], out=y[i:j])
            variance = np.einsum("ij,ij->i", part, part)[:, None] / x.shape[-1]
            np.divide(1, np.sqrt(variance + eps), out=rstd[i:j])
            part *= rstd[i:j]
            part *= weight
            part += bias

    share_out(len(rows), work, at_least=step)
    stats = x.shape[:-1] + (1,)
    return y.reshape(x.shape), mean.reshape(stats), rstd.reshape(stats)


def layer_norm_vjp(g, x, weight, mean, rstd):
    """As the reference, row by row; each thread adds up its part of the parameters' gradients."""
    if x.dtype.itemsize < 4 or not x.size:
        return reference.layer_norm_vjp(g, x, weight, mean, rstd)
    width = x.shape[-1]
    g, rows, mean, rstd = (a.reshape(-1, a.shape[-1]) for a in (g, x, mean, rstd))
    dx, step, parts = np.empty(rows.shape, x.dtype), _rows_at_a_time(width), []

    def work(start, stop):
        dw, db = np.zeros((2, width), x.dtype)
        for i in range(start, stop, step):
            j = min(i + step, stop)
            gi, scale, centred = g[i:j], rstd[i:j, 0], rows[i:j] - mean[i:j]
            dw += scale @ (gi * centred)
            db += np.ones_like(scale) @ gi
            u = np.multiply(gi, weight, out=dx[i:j])
            centred *= (np.einsum("ij,ij->i", u, centred) * scale**2 / width)[:, None]
            u -= gi @ weight[:, None] / width
            u -= centred
            u *= rstd[i:j]
        parts.append((start, dw, db))

    share_out(len(rows), work, at_least=step)
    _, dws, dbs = zip(*sorted(parts, key=lambda part: part[0]), strict=True)
    return dx.reshape(x.shape), sum(dws), sum(dbs)


def cross_entropy_vjp(g, x, target, lse, smoothing):
    """As the reference, in one buffer."""
    dx = x - lse
    np.exp(dx, out=dx)
    if smoothing:
        dx -= smoothing / x.shape[1]
    dx[np.arange(len(x)), target] -= 1 - smoothing
    dx *= g[:, None]
    return dx


def index_vjp(g: np.ndarray, x: np.ndarray, index) -> np.ndarray:
    """As the reference; rows picked from the same place are brought together first, and added up as one run."""
    if not isinstance(index, np.ndarray) or index.ndim != 1 or index.dtype.kind != "i" or x.ndim != 2 or not g.size:
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


def _over_heads(p: np.ndarray, work) -> None:
    """`work(part)` for parts of the leading dimensions of (.., T, S), one a thread, each with its own matrix products."""
    if p.ndim < 3:
        return work(())
    axis = int(np.argmax(p.shape[:-2]))
    heads = p.shape[axis]
    worth = math.ceil(heads * CHUNK / max(p.size, 1))
    share_products(heads, lambda i, j: work((slice(None),) * axis + (slice(i, j),)), at_least=worth)


def _are_small(q, k, mask, scale: float) -> bool:
    """Whether no score can reach 60, of which the exponential is far from too large: |q k| <= |q| |k| (Cauchy and Schwarz)."""
    longest = math.prod(float(np.einsum("...i,...i->...", a, a).max()) for a in (q, k))  # |q|^2 |k|^2
    return abs(scale) * math.sqrt(longest) < 60 and (mask is None or mask.dtype == bool)


def _softmax_in_place(s: np.ndarray, small: bool) -> None:
    if not small:
        top = s.max(axis=-1, keepdims=True)
        top[np.isneginf(top)] = 0
        s -= top
    np.exp(s, out=s)
    total = np.einsum("...i->...", s)[..., None]
    total[total == 0] = 1
    s *= 1 / total


def _hide(s: np.ndarray, rows: slice, mask, causal: bool) -> None:
    """-inf where a query may not look, or the mask's scores added."""
    if causal:
        later = np.arange(rows.start, rows.stop)[:, None] < np.arange(rows.start, s.shape[-1])
        s[..., rows.start :] += np.where(later, -math.inf, 0).astype(s.dtype)
    if mask is not None and mask.dtype == bool:
        np.copyto(s, -math.inf, where=~mask)
    elif mask is not None:
        s += mask


def attention(q, k, v, mask, causal: bool, scale: float, keep=None):
    """As the reference, over a block of queries and some heads at a time."""
    if q.dtype.itemsize < 4 or not q.size or not k.size:
        return reference.attention(q, k, v, mask, causal, scale, keep)
    p = np.zeros((*q.shape[:-1], k.shape[-2]), q.dtype)  # (.., T, S)
    y = np.empty_like(q, shape=(*q.shape[:-1], v.shape[-1]))  # laid out as q is, so that heads join without a copy
    mask, small = None if mask is None else np.broadcast_to(mask, p.shape), _are_small(q, k, mask, scale)

    def work(part):
        for rows, seen in _query_blocks(*p.shape[-2:], causal):
            s = p[part][..., rows, seen]
            np.matmul(q[part][..., rows, :] * scale, k[part][..., seen, :].swapaxes(-1, -2), out=s)
            _hide(s, rows, None if mask is None else mask[part][..., rows, seen], causal)
            _softmax_in_place(s, small)
            kept = s if keep is None else s * keep[part][..., rows, seen]
            np.matmul(kept, v[part][..., seen, :], out=y[part][..., rows, :])

    _over_heads(p, work)
    return y, p


def attention_vjp(g, q, k, v, p, scale: float, keep=None):
    """As the reference, over a block of queries and some heads at a time; p is zero where nothing may be seen."""
    if q.dtype.itemsize < 4 or not q.size or not k.size:
        return reference.attention_vjp(g, q, k, v, p, scale, keep)
    dq, dk, dv = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)
    causal = p.shape[-2] > QUERY_BLOCK and not p[..., :QUERY_BLOCK, QUERY_BLOCK:].any()

    def work(part):
        for rows, seen in _query_blocks(*p.shape[-2:], causal):
            s, gi = p[part][..., rows, seen], g[part][..., rows, :]
            kept = s if keep is None else s * keep[part][..., rows, seen]
            ds = np.matmul(gi, v[part][..., seen, :].swapaxes(-1, -2))
            if keep is not None:
                ds *= keep[part][..., rows, seen]
            ds -= np.einsum("...i,...i->...", ds, s)[..., None]
            ds *= s
            dv[part][..., seen, :] += np.matmul(kept.swapaxes(-1, -2), gi)
            np.matmul(ds, k[part][..., seen, :] * scale, out=dq[part][..., rows, :])
            dk[part][..., seen, :] += np.matmul(ds.swapaxes(-1, -2), q[part][..., rows, :] * scale)

    _over_heads(p, work)
    return dq, dk, dv
