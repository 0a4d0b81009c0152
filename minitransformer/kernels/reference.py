"""The definition of each kernel, in plain array code. The versions in `numpy` and `cupy` give the same and are only faster."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy

from minitransformer.backends import Array, float32, namespace


def matmul(a: Array, b: Array) -> Array:
    """The matrix product of the last two dimensions, the others broadcast; half precision is summed in float32."""
    return namespace(a).matmul(_wide(a), _wide(b)).astype(namespace(a).result_type(a, b), copy=False)


def matmul_vjp(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """dL/dA = G B^T, dL/dB = A^T G. (.., n, m), (.., n, k), (.., k, m) -> (.., n, k), (.., k, m)."""
    return matmul(g, b.swapaxes(-1, -2)), matmul(a.swapaxes(-1, -2), g)


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """x W^T + b. (N, n_in), (n_out, n_in), (n_out,) -> (N, n_out)."""
    y = matmul(x, weight.T)
    return y if bias is None else y + bias


def linear_vjp(g: Array, x: Array, weight: Array, needs: list[bool]) -> list[Array | None]:
    """dL/dx = g W, dL/dW = g^T x, dL/db = sum of g over N; None for a gradient that `needs` does not ask for. g: (N, n_out)."""
    laws = (
        lambda: matmul(g, weight),
        lambda: matmul(g.T, x),
        lambda: _wide(g).sum(axis=0).astype(g.dtype, copy=False),
    )
    return [law() if needed else None for law, needed in zip(laws, needs, strict=False)]


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), computed from e^-|x|, which cannot overflow."""
    xp = namespace(x)
    z = xp.exp(-abs(_wide(x)))
    return (xp.where(x >= 0, 1, z) / (1 + z)).astype(x.dtype, copy=False)


def erf(x: Array) -> Array:
    """The error function, to the precision of the dtype. NumPy has none: Python's is called for each element."""
    return numpy.asarray(numpy.frompyfunc(math.erf, 1, 1)(x), dtype=x.dtype)


def erfc(x: Array) -> Array:
    """1 - erf(x), with all digits where that is small. As `erf`, by Python's function."""
    return numpy.asarray(numpy.frompyfunc(math.erfc, 1, 1)(x), dtype=x.dtype)


def gelu(x: Array) -> Array:
    """x Phi(x) = x (1 + erf(x / sqrt 2)) / 2."""
    wide = _wide(x)
    return (wide * (1 + erf(wide * math.sqrt(0.5))) / 2).astype(x.dtype, copy=False)


def gelu_vjp(g: Array, x: Array, y: Array) -> Array:
    """dy/dx = Phi(x) + x phi(x), where Phi(x) = y / x."""
    x, y = _exact(x, y, gelu)
    density = namespace(x).exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return (g * (_passed(x, y) + x * density)).astype(g.dtype, copy=False)


def _exact(x: Array, y: Array, law: Callable[[Array], Array]) -> tuple[Array, Array]:
    """x and y = law(x). In half precision y has been rounded: both are computed again in float32."""
    return (x, y) if x.dtype.itemsize >= 4 else (_wide(x), law(_wide(x)))


def _passed(x: Array, y: Array) -> Array:
    """y / x, the factor by which a GELU multiplies x; its limit 1/2 at x = 0."""
    return namespace(x).where(x == 0, 0.5, y / (x + (x == 0)))


GELU_SCALE = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715


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
    """x in the dtype to compute in: float32 for half precision, else its own."""
    return x.astype(float32) if x.dtype.itemsize < 4 else x


def _like(x: Array, *results: Array) -> tuple[Array, ...]:
    """`results` in the dtype of `x`."""
    return tuple(r.astype(x.dtype, copy=False) for r in results)


def _shift(x: Array, dim: int | tuple[int, ...]) -> Array:
    """The largest score of each slice, to subtract; 0 where every score is -inf, since -inf - -inf would be NaN."""
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
    """e^(x - max) / sum e^(x - max); zeros for a slice in which every score is -inf."""
    xp = namespace(x)
    e = xp.exp(_wide(x) - _shift(x, dim))
    total = e.sum(axis=dim, keepdims=True)
    return (e / xp.where(total == 0, 1, total)).astype(x.dtype, copy=False)


def softmax_vjp(g: Array, s: Array, dim: int) -> Array:
    """s (g - sum_k g_k s_k)."""
    dot = (_wide(g) * s).sum(axis=dim, keepdims=True)
    return (s * (g - dot)).astype(s.dtype, copy=False)


def logsumexp(x: Array, dim: int | tuple[int, ...], keepdim: bool) -> Array:
    """max + ln sum e^(x - max); +inf for a slice that contains +inf (a maximum of +inf is not subtracted)."""
    xp = namespace(x)
    shift = _shift(x, dim)
    shift = xp.where(shift == math.inf, 0, shift)
    total = xp.exp(_wide(x) - shift).sum(axis=dim, keepdims=True)
    y = (_ln(total) + shift).astype(x.dtype, copy=False)
    return y if keepdim else y.squeeze(dim)


def log_softmax(x: Array, dim: int) -> Array:
    """x - max - ln sum e^(x - max). The maximum is subtracted first, so that no result is rounded at the size of x."""
    z = _wide(x) - _shift(x, dim)
    return (z - _ln(namespace(x).exp(z).sum(axis=dim, keepdims=True))).astype(x.dtype, copy=False)


def log_softmax_vjp(g: Array, y: Array, dim: int) -> Array:
    """g - e^y sum_k g_k."""
    total = _wide(g).sum(axis=dim, keepdims=True)
    return (g - namespace(y).exp(_wide(y)) * total).astype(y.dtype, copy=False)


def layer_norm(x: Array, weight: Array, bias: Array, eps: float) -> tuple[Array, Array, Array]:
    """(x - mean) / sigma * weight + bias over the last dimension, the mean, and 1 / sigma. (.., C) -> (.., C), 2 x (.., 1)."""
    wide = _wide(x)
    mean = wide.mean(axis=-1, keepdims=True)
    # removes the rounding error of the mean: the mean of equal numbers is then exactly that number
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
    """x / rms * weight over the last dimension, and 1 / rms. (.., C), (C,) -> (.., C), (.., 1)."""
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
    """ln total - (1 - smoothing) z[target] - smoothing mean(z), where z = x - max and total = sum e^z.

    (N, V), (N,) -> the losses (N,), the maxima (N, 1), the totals (N, 1). No result is rounded at the size of x.
    """
    xp = namespace(x)
    shift = _shift(x, -1)
    z = _wide(x) - shift
    total = xp.exp(z).sum(axis=-1, keepdims=True)
    loss = _ln(total)[:, 0] - (1 - smoothing) * z[xp.arange(len(x)), target]
    loss = loss - smoothing * z.mean(axis=-1) if smoothing else loss
    return loss.astype(x.dtype, copy=False), shift, total


def cross_entropy_vjp(
    g: Array, x: Array, target: Array, shift: Array, total: Array, smoothing: float
) -> Array:
    """g (softmax(x) - (1 - smoothing) onehot(target) - smoothing / V). (N,), (N, V) -> (N, V)."""
    xp = namespace(x)
    g = _wide(g)
    dx = xp.exp(_wide(x) - shift)
    dx *= g[:, None] / total
    if smoothing:
        dx -= smoothing / x.shape[1] * g[:, None]
    dx[xp.arange(len(x)), target] -= (1 - smoothing) * g
    return dx.astype(x.dtype, copy=False)


def dropout_scale(key: int, p: float, shape: tuple[int, ...], dtype: numpy.dtype) -> Array:
    """1 / (1 - p) where a uniform random number in [0, 1) is at least p, else 0. Element i depends only on `key` and i."""
    uniform = numpy.random.Generator(numpy.random.Philox(key=key)).random(shape, dtype=float32)
    return (uniform >= float32.type(p)) * dtype.type(1 / (1 - p) if p < 1 else 0)


def norm_of_all(arrays: Sequence[Array]) -> Array:
    """The Euclidean norm of all arrays concatenated into one vector; float32 for half precision. ()."""
    xp = namespace(arrays[0])
    wide = map(_wide, arrays)
    return xp.sqrt(sum(xp.square(xp.sqrt((a * a).sum())) for a in wide))


def scale_all(arrays: Sequence[Array], factor: Array | float) -> None:
    """Multiply every array by the number `factor` in place."""
    for a in arrays:
        a *= factor


def adam_all(
    arrays: Sequence[tuple[Array, ...]],
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    decay: float,
    shrink: float,
) -> None:
    """One step of Adam, in place, for each tuple (p, g, m, v): parameter, gradient, running means of g and of g^2.

    p <- shrink p, g <- g + decay p, m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, and then
    p <- p - lr (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + eps). The array g is not changed. A fifth array in a tuple is
    the largest v of all steps so far, which takes the place of v in the last line (AMSGrad). `step` counts from 1.
    """
    for p, g, m, v, *largest in arrays:
        if shrink != 1:
            p *= shrink
        _running_means(g + decay * p if decay else g, m, v, betas)
        if largest:
            v = namespace(v).maximum(largest[0], v, out=largest[0])
        p -= _adam_change(m, v, step, lr, betas, eps)


def _running_means(g: Array, m: Array, v: Array, betas: tuple[float, float]) -> None:
    """m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, in place."""
    b1, b2 = betas
    m *= b1
    m += (1 - b1) * g
    v *= b2
    v += (1 - b2) * g * g


def _adam_change(m: Array, v: Array, step: int, lr: float, betas: tuple[float, float], eps: float) -> Array:
    """lr (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + eps), in one new array."""
    b1, b2 = betas
    xp = namespace(v)
    change = xp.sqrt(v, out=xp.empty_like(v))
    change /= math.sqrt(1 - b2**step)
    change += eps
    xp.divide(m, change, out=change)
    change *= lr / (1 - b1**step)
    return change


def embedding(weight: Array, ids: Array) -> Array:
    """The rows of `weight` at `ids`. (V, C), (..) -> (.., C)."""
    return namespace(weight).take(weight, ids, axis=0)


def index_vjp(g: Array, x: Array, index: Any) -> Array:
    """The gradient of x[index], in the shape of x: an element that `index` names n times gets the sum of n gradients."""
    xp = namespace(x)
    dx = xp.zeros_like(x)
    xp.add.at(dx, index, g)
    return dx


def attention(
    q: Array, k: Array, v: Array, mask: Array | None, causal: bool, scale: float, keep: Array | None = None
) -> tuple[Array, Array]:
    """softmax(scale q k^T + mask) v, and the softmax itself. (.., T, d), (.., S, d), (.., S, e) -> (.., T, e), (.., T, S).

    `mask` broadcasts to (.., T, S): boolean, True where attention is allowed, or numbers to add to the scores. `keep`
    (.., T, S), if given, is dropout's factor, 0 or 1 / (1 - probability), for each attention weight in the product with v.
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
    g: Array, q: Array, k: Array, v: Array, p: Array, causal: bool, scale: float, keep: Array | None = None
) -> tuple[Array, Array, Array]:
    """dL/dq, dL/dk, dL/dv: the gradients of the two products and of the softmax between them, in the shapes of q, k, v.

    `g` (.., T, e) is the cotangent of the output, `p` (.., T, S) the softmax. If `causal`, p is 0 for all later keys, and a
    faster version may skip them.
    """
    dp, dv = matmul_vjp(g, p if keep is None else p * keep, v)  # (.., T, S), (.., S, e)
    ds = softmax_vjp(dp if keep is None else dp * keep, p, -1) * scale
    dq, dk = matmul_vjp(ds, q, k.swapaxes(-1, -2))  # (.., T, d), (.., d, S)
    return dq, dk.swapaxes(-1, -2), dv


def causal_mask(xp: ModuleType, n_queries: int, n_keys: int) -> Array:
    """True where key s is not later than query t, s <= t. (T, S)."""
    return xp.arange(n_queries)[:, None] >= xp.arange(n_keys)[None, :]
