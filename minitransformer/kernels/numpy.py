"""Kernels replaced for NumPy: the same sums in chunks that fit the cache, in place, on all cores.

Each is held equal to `reference` by the tests.
"""

from __future__ import annotations

import math

import numpy as np

from minitransformer.kernels import reference
from minitransformer.kernels.reference import *  # noqa: F403
from minitransformer.kernels.reference import GELU_CUBIC, GELU_SCALE
from minitransformer.kernels.threads import over_chunks

CHUNK = 1 << 17  # elements a thread works on at a time: large enough to let go of the lock, small enough for the cache


def _elementwise(function, out_like: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
    """`function(out, *arrays)` over flat chunks of arrays of one shape."""
    out = np.empty(out_like.shape, out_like.dtype)
    flat = [a.reshape(-1) for a in (out, *arrays)]
    over_chunks(out.size, CHUNK, lambda i, j: function(*[a[i:j] for a in flat]))
    return out


def _erf_tail(x: np.ndarray, density: np.ndarray) -> np.ndarray:
    """1 - erf(|x| / sqrt 2) to 1.5e-7, given e^(-x^2 / 2): Abramowitz & Stegun, Handbook, 7.1.26."""
    t = np.abs(x)
    t *= 0.3275911 * math.sqrt(0.5)
    t += 1
    np.reciprocal(t, out=t)
    p = t * 1.061405429
    for a in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        p += a
        p *= t
    p *= density
    return p


def _density(x: np.ndarray) -> np.ndarray:
    """e^(-x^2 / 2)."""
    e = x * x
    e *= -0.5
    return np.exp(e, out=e)


def _normal_cdf(x: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Phi(x): half the tail below zero, one less half the tail above."""
    tail = _erf_tail(x, density)
    tail *= 0.5
    np.subtract(1, tail, out=tail, where=x > 0)
    return tail


def gelu(x: np.ndarray) -> np.ndarray:
    """As the reference; in float32 with a polynomial for erf."""
    if x.dtype != np.float32:
        return reference.gelu(x)
    return _elementwise(lambda out, x: np.multiply(x, _normal_cdf(x, _density(x)), out=out), x, x)


def gelu_vjp(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    """As the reference; in float32 with a polynomial for erf."""
    if x.dtype != np.float32:
        return reference.gelu_vjp(g, x)

    def slope(out, g, x):
        density = _density(x)
        phi = _normal_cdf(x, density)
        density *= x
        density *= 1 / math.sqrt(2 * math.pi)
        phi += density
        np.multiply(g, phi, out=out)

    return _elementwise(slope, x, g, x)


def _gelu_tanh_gate(x: np.ndarray) -> np.ndarray:
    """(1 + tanh z) / 2 = 1 / (1 + e^(-2z))."""
    e = x * x
    e *= -2 * GELU_SCALE * GELU_CUBIC
    e -= 2 * GELU_SCALE
    e *= x
    np.minimum(e, 80, out=e)  # beyond, the gate is 0 to every digit
    np.exp(e, out=e)
    e += 1
    return np.reciprocal(e, out=e)


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    """As the reference, by one exponential instead of a tanh."""
    return _elementwise(lambda out, x: np.multiply(x, _gelu_tanh_gate(x), out=out), x, x)


def gelu_tanh_vjp(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    """With the gate s: dy/dx = s + x s (1 - s) 2z'."""

    def slope(out, g, x):
        s = _gelu_tanh_gate(x)
        np.multiply(x, x, out=out)
        out *= 6 * GELU_SCALE * GELU_CUBIC
        out += 2 * GELU_SCALE  # 2z'
        out *= x
        out *= 1 - s
        out += 1
        out *= s
        out *= g

    return _elementwise(slope, x, g, x)


def _row_chunk(width: int) -> int:
    return max(CHUNK // max(width, 1), 1)


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float):
    """As the reference, row by row."""
    if x.dtype.itemsize < 4 or not x.size:
        return reference.layer_norm(x, weight, bias, eps)
    rows = x.reshape(-1, x.shape[-1])  # (N, C)
    y = np.empty(rows.shape, x.dtype)
    mean, rstd = np.empty((len(rows), 1), x.dtype), np.empty((len(rows), 1), x.dtype)

    def work(i, j):
        part = y[i:j]
        rows[i:j].mean(axis=1, keepdims=True, out=mean[i:j])
        np.subtract(rows[i:j], mean[i:j], out=part)
        variance = np.einsum("ij,ij->i", part, part)[:, None] / x.shape[-1]
        np.divide(1, np.sqrt(variance + eps), out=rstd[i:j])
        part *= rstd[i:j]
        part *= weight
        part += bias

    over_chunks(len(rows), _row_chunk(x.shape[-1]), work)
    stats = x.shape[:-1] + (1,)
    return y.reshape(x.shape), mean.reshape(stats), rstd.reshape(stats)


def layer_norm_vjp(g, x, weight, mean, rstd, needs):
    """As the reference, row by row; each chunk of rows adds its part of the parameters' gradients."""
    if x.dtype.itemsize < 4 or not x.size:
        return reference.layer_norm_vjp(g, x, weight, mean, rstd, needs)
    width = x.shape[-1]
    g, rows, mean, rstd = g.reshape(-1, width), x.reshape(-1, width), mean.reshape(-1, 1), rstd.reshape(-1, 1)
    dx, chunk = np.empty(rows.shape, x.dtype), _row_chunk(width)
    dw, db = np.empty((2, -(-len(rows) // chunk), width), x.dtype)

    def work(i, j):
        h = rows[i:j] - mean[i:j]
        h *= rstd[i:j]
        np.einsum("ij,ij->j", g[i:j], h, out=dw[i // chunk])
        g[i:j].sum(axis=0, out=db[i // chunk])
        u = np.multiply(g[i:j], weight, out=dx[i:j])
        h *= np.einsum("ij,ij->i", u, h)[:, None] / width
        u -= u.mean(axis=1, keepdims=True)
        u -= h
        u *= rstd[i:j]

    over_chunks(len(rows), chunk, work)
    return dx.reshape(x.shape), dw.sum(axis=0), db.sum(axis=0)


def cross_entropy_vjp(g, x, target, lse, smoothing):
    """As the reference, in one buffer."""
    dx = x - lse
    np.exp(dx, out=dx)
    if smoothing:
        dx -= smoothing / x.shape[1]
    dx[np.arange(len(x)), target] -= 1 - smoothing
    dx *= g[:, None]
    return dx


QUERY_BLOCK = 64


def _blocks(n_queries: int, n_keys: int, causal: bool):
    """Query rows from i to j, and how many keys they may see at most."""
    step = QUERY_BLOCK if causal else max(n_queries, 1)
    return [(i, min(i + step, n_queries), min(i + step, n_keys) if causal else n_keys) for i in range(0, n_queries, step)]


def _heads(a: np.ndarray) -> np.ndarray:
    """(.., T, d) -> (H, T, d)."""
    return a.reshape(-1, *a.shape[-2:]) if a.ndim != 3 else a


def _softmax_in_place(s: np.ndarray) -> None:
    """As the reference's softmax, without a copy."""
    top = s.max(axis=-1, keepdims=True)
    top[np.isneginf(top)] = 0
    s -= top
    np.exp(s, out=s)
    total = s.sum(axis=-1, keepdims=True)
    total[total == 0] = 1
    s /= total
