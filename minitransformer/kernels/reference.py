"""The definition of each kernel, in plain array code: read these to understand, the others are only faster."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy

from minitransformer.backends import Array, float32, namespace


def matmul(a: Array, b: Array) -> Array:
    """The matrix product of the last two dimensions, the others broadcast; half precision is added up in float32."""
    return namespace(a).matmul(_wide(a), _wide(b)).astype(namespace(a).result_type(a, b), copy=False)


def matmul_vjp(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """dL/dA = G B^T, dL/dB = A^T G. (.., n, m), (.., n, k), (.., k, m) -> (.., n, k), (.., k, m)."""
    return matmul(g, b.swapaxes(-1, -2)), matmul(a.swapaxes(-1, -2), g)


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """x W^T + b. (N, n_in), (n_out, n_in), (n_out,) -> (N, n_out)."""
    y = matmul(x, weight.T)
    return y if bias is None else y + bias


def linear_vjp(g: Array, x: Array, weight: Array, needs: list[bool]) -> list[Array | None]:
    """dL/dx = g W, dL/dW = g^T x, dL/db = sum of g; None for what is not needed. g: (N, n_out)."""
    laws = (
        lambda: matmul(g, weight),
        lambda: matmul(g.T, x),
        lambda: _wide(g).sum(axis=0).astype(g.dtype, copy=False),
    )
    return [law() if needed else None for law, needed in zip(laws, needs, strict=False)]


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), with e^-|x| so that nothing overflows."""
    xp = namespace(x)
    z = xp.exp(-abs(_wide(x)))
    return (xp.where(x >= 0, 1, z) / (1 + z)).astype(x.dtype, copy=False)


def erf(x: Array) -> Array:
    """The error function, to the precision of the dtype."""
    xp = namespace(x)
    if xp.__name__ == "cupy":
        from cupyx.scipy.special import erf as device_erf

        return device_erf(_wide(x)).astype(x.dtype, copy=False)
    return numpy.asarray(numpy.frompyfunc(math.erf, 1, 1)(x), dtype=x.dtype)


def gelu(x: Array) -> Array:
    """x Phi(x) = x (1 + erf(x / sqrt 2)) / 2."""
    wide = _wide(x)
    return (wide * (1 + erf(wide * math.sqrt(0.5))) / 2).astype(x.dtype, copy=False)


def gelu_vjp(g: Array, x: Array, y: Array) -> Array:
    """dy/dx = Phi(x) + x phi(x), where Phi(x) = y / x."""
    x, y = _exact(x, y, gelu)
    density = namespace(x).exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return (g * (_passed(x, y) + x * density)).astype(g.dtype, copy=False)


def _exact(x: Array, y: Array, law) -> tuple[Array, Array]:
    """x and y = law(x); a half-precision y is rounded, and is computed anew."""
    return (x, y) if x.dtype.itemsize >= 4 else (_wide(x), law(_wide(x)))


def _passed(x: Array, y: Array) -> Array:
    """The part y / x of x that a GELU lets pass: a half of 0."""
    return namespace(x).where(x == 0, 0.5, y / (x + (x == 0)))


GELU_SCALE, GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715


def gelu_tanh(x: Array) -> Array:
    """x (1 + tanh z) / 2, z = sqrt(2 / pi) (x + 0.044715 x^3)."""
    wide = _wide(x)
    z = GELU_SCALE * (wide + GELU_CUBIC * wide * wide * wide)
    return (wide * (1 + namespace(x).tanh(z)) / 2).astype(x.dtype, copy=False)


def gelu_tanh_vjp(g: Array, x: Array, y: Array) -> Array:
    """With s = (1 + tanh z) / 2 = y / x: dy/dx = s + x s (1 - s) 2z' = s (1 + (x - y) 2z')."""
    x, y = _exact(x, y, gelu_tanh)
    slope = 2 * GELU_SCALE * (1 + 3 * GELU_CUBIC * x * x)  # 2z'
    return (g * _passed(x, y) * (1 + (x - y) * slope)).astype(g.dtype, copy=False)


def _wide(x: Array) -> Array:
    """Half precision is computed with, and added up, in float32."""
    return x.astype(float32) if x.dtype.itemsize < 4 else x


def _like(x: Array, *results: Array) -> tuple[Array, ...]:
    """Results in the dtype of `x`."""
    return tuple(r.astype(x.dtype, copy=False) for r in results)


def _shift(x: Array, dim) -> Array:
    """The largest score of each slice; 0 where every score is -inf, so that nothing becomes -inf - -inf."""
    xp = namespace(x)
    if not x.size:
        return xp.zeros((), _wide(x).dtype)
    top = _wide(x.max(axis=dim, keepdims=True))
    return xp.where(top == -math.inf, 0, top)


def _ln(total: Array) -> Array:
    """ln total, -inf for 0."""
    xp = namespace(total)
    return xp.where(total == 0, -math.inf, xp.log(xp.where(total == 0, 1, total)))


def softmax(x: Array, dim: int) -> Array:
    """e^(x - max) / sum; zeros for a slice of nothing but -inf."""
    xp = namespace(x)
    e = xp.exp(_wide(x) - _shift(x, dim))
    total = e.sum(axis=dim, keepdims=True)
    return (e / xp.where(total == 0, 1, total)).astype(x.dtype, copy=False)


def softmax_vjp(g: Array, s: Array, dim: int) -> Array:
    """s (g - sum_k g_k s_k)."""
    dot = (_wide(g) * s).sum(axis=dim, keepdims=True)
    return (s * (g - dot)).astype(s.dtype, copy=False)


def logsumexp(x: Array, dim, keepdim: bool) -> Array:
    """max + ln sum e^(x - max); infinity for one of +inf, which is not subtracted."""
    xp = namespace(x)
    shift = _shift(x, dim)
    shift = xp.where(shift == math.inf, 0, shift)
    total = xp.exp(_wide(x) - shift).sum(axis=dim, keepdims=True)
    y = (_ln(total) + shift).astype(x.dtype, copy=False)
    return y if keepdim else y.squeeze(dim)


def log_softmax(x: Array, dim: int) -> Array:
    """x - max - ln sum e^(x - max): the large part is gone before anything is rounded at its size."""
    z = _wide(x) - _shift(x, dim)
    return (z - _ln(namespace(x).exp(z).sum(axis=dim, keepdims=True))).astype(x.dtype, copy=False)


def log_softmax_vjp(g: Array, y: Array, dim: int) -> Array:
    """g - e^y sum_k g_k."""
    total = _wide(g).sum(axis=dim, keepdims=True)
    return (g - namespace(y).exp(_wide(y)) * total).astype(y.dtype, copy=False)


def layer_norm(x: Array, weight: Array, bias: Array, eps: float) -> tuple[Array, Array, Array]:
    """(x - mean) / sigma * weight + bias over the last dimension; also the mean and 1 / sigma, (.., 1) each."""
    wide = _wide(x)
    mean = wide.mean(axis=-1, keepdims=True)
    # what rounding left: equal numbers are their mean, to the last digit
    mean += (wide - mean).mean(axis=-1, keepdims=True)
    centred = wide - mean
    rstd = 1 / namespace(x).sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)
    return (centred * rstd * weight + bias).astype(x.dtype, copy=False), mean, rstd


def layer_norm_vjp(g: Array, x: Array, weight: Array, mean: Array, rstd: Array) -> tuple[Array, Array, Array]:
    """With h = (x - mean) / sigma and u = g * weight: dx = (u - mean(u) - h mean(u h)) / sigma."""
    h = (_wide(x) - mean) * rstd
    rows = tuple(range(g.ndim - 1))
    u = _wide(g) * weight
    dx = (u - u.mean(axis=-1, keepdims=True) - h * (u * h).mean(axis=-1, keepdims=True)) * rstd
    return _like(x, dx, (g * h).sum(axis=rows), _wide(g).sum(axis=rows))


def rms_norm(x: Array, weight: Array, eps: float) -> tuple[Array, Array]:
    """x / rms * weight over the last dimension; also 1 / rms, (.., 1)."""
    wide = _wide(x)
    rstd = 1 / namespace(x).sqrt((wide * wide).mean(axis=-1, keepdims=True) + eps)
    return (wide * rstd * weight).astype(x.dtype, copy=False), rstd


def rms_norm_vjp(g: Array, x: Array, weight: Array, rstd: Array) -> tuple[Array, Array]:
    """With h = x / rms and u = g * weight: dx = (u - h mean(u h)) / rms."""
    h = _wide(x) * rstd
    u = _wide(g) * weight
    dx = (u - h * (u * h).mean(axis=-1, keepdims=True)) * rstd
    return _like(x, dx, (g * h).sum(axis=tuple(range(g.ndim - 1))))


def cross_entropy(x: Array, target: Array, smoothing: float) -> tuple[Array, Array, Array]:
    """ln total - (1 - smoothing) z[target] - smoothing mean(z), z = x - max, total = sum e^z; max and total besides.

    (N, V), (N,) -> (N,), (N, 1), (N, 1). Nothing is rounded at the size of x.
    """
    xp, shift = namespace(x), _shift(x, -1)
    z = _wide(x) - shift
    total = xp.exp(z).sum(axis=-1, keepdims=True)
    loss = _ln(total)[:, 0] - (1 - smoothing) * z[xp.arange(len(x)), target]
    loss = loss - smoothing * z.mean(axis=-1) if smoothing else loss
    return loss.astype(x.dtype, copy=False), shift, total


def cross_entropy_vjp(
    g: Array, x: Array, target: Array, shift: Array, total: Array, smoothing: float
) -> Array:
    """g (softmax(x) - (1 - smoothing) onehot(target) - smoothing / V). (N,), (N, V) -> (N, V)."""
    xp, g = namespace(x), _wide(g)
    dx = xp.exp(_wide(x) - shift)
    dx *= g[:, None] / total
    if smoothing:
        dx -= smoothing / x.shape[1] * g[:, None]
    dx[xp.arange(len(x)), target] -= (1 - smoothing) * g
    return dx.astype(x.dtype, copy=False)


def dropout_scale(key: int, p: float, shape: tuple[int, ...], dtype: numpy.dtype) -> Array:
    """1 / (1 - p) where a number drawn evenly from [0, 1) is at least p, else 0: element i depends on `key` and i alone."""
    even = numpy.random.Generator(numpy.random.Philox(key=key)).random(shape, dtype=float32)
    return (even >= float32.type(p)) * dtype.type(1 / (1 - p) if p < 1 else 0)


def norm_of_all(arrays: Sequence[Array]) -> Array:
    """The Euclidean norm of all arrays read as one vector; that of half precision in float32. ()."""
    xp, wide = namespace(arrays[0]), map(_wide, arrays)
    return xp.sqrt(sum(xp.square(xp.sqrt((a * a).sum())) for a in wide))


def scale_all(arrays: Sequence[Array], factor: Array | float) -> None:
    """Multiply every array by the number `factor` in place."""
    for a in arrays:
        a *= factor


def adam_all(*arguments) -> bool:
    """Nothing is done: plain code has nothing better than one parameter after the other, as optim/adam.py says it."""
    return False


def embedding(weight: Array, ids: Array) -> Array:
    """The rows that `ids` name. (V, C), (..) -> (.., C)."""
    return namespace(weight).take(weight, ids, axis=0)


def index_vjp(g: Array, x: Array, index) -> Array:
    """The gradient of x[index]: an element that is picked n times hears n times. Shape of x."""
    xp = namespace(x)
    dx = xp.zeros_like(x)
    xp.add.at(dx, index, g)
    return dx


def attention(
    q: Array, k: Array, v: Array, mask, causal: bool, scale: float, keep=None
) -> tuple[Array, Array]:
    """softmax(q k^T scale + mask) v, and the softmax. (.., T, d), (.., S, d), (.., S, e) -> (.., T, e), (.., T, S).

    `keep` (.., T, S), if given, is what dropout multiplies the softmax by on its way to v.
    """
    xp = namespace(q)
    scores = xp.matmul(_wide(q), _wide(k).swapaxes(-1, -2)) * scale  # (.., T, S)
    if causal:
        scores = xp.where(causal_mask(xp, *scores.shape[-2:]), scores, -math.inf)
    if mask is not None:
        scores = xp.where(mask, scores, -math.inf) if mask.dtype == bool else scores + mask
    p = softmax(scores, -1).astype(q.dtype, copy=False)
    return matmul(p if keep is None else p * keep, v), p


def attention_vjp(
    g, q: Array, k: Array, v: Array, p: Array, causal: bool, scale: float, keep=None
) -> tuple[Array, Array, Array]:
    """The matmuls' and the softmax's gradients one after the other: dq, dk, dv.

    `causal` says that p is 0 for all later keys: nothing is to be done for these.
    """
    dp, dv = matmul_vjp(g, p if keep is None else p * keep, v)  # (.., T, S), (.., S, e)
    ds = softmax_vjp(dp if keep is None else dp * keep, p, -1) * scale
    dq, dk = matmul_vjp(ds, q, k.swapaxes(-1, -2))  # (.., T, d), (.., d, S)
    return dq, dk.swapaxes(-1, -2), dv


def causal_mask(xp, n_queries: int, n_keys: int) -> Array:
    """True where query t may see key s <= t. (T, S)."""
    return xp.arange(n_queries)[:, None] >= xp.arange(n_keys)[None, :]
