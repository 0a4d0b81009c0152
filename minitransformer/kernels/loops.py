"""The loops that Numba compiles: a kernel as one would write it for a single number or row, with nothing stored in between.

They are Python, and their annotations say what they take (see `compiled`). The last arguments are what a loop writes. All of them
stand in this one file, with what they call, because Numba compares this file alone with what it has compiled before.

The order of a sum may be changed (`reassoc`), so that several numbers are added at once, and a product and a sum may be rounded
once (`contract`). NaN and infinity are what they are everywhere: no loop is compiled under the promise that there are none.
Division by zero gives infinity, as NumPy's does; Python's error for it would keep the loops from working on several numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from minitransformer.kernels.reference import GELU_CUBIC, GELU_SCALE

Number: TypeAlias = Any
Single: TypeAlias = Any  # of float32, whatever the dtype of the rest
Count: TypeAlias = int
Key: TypeAlias = int  # of 64 bits
Numbers: TypeAlias = np.ndarray  # (N,)
Rows: TypeAlias = np.ndarray  # (N, C)
Ids: TypeAlias = np.ndarray  # (N,) of int64
Heads: TypeAlias = np.ndarray  # (B, H, T, S)
Allowed: TypeAlias = np.ndarray  # (B, H, T, S) of bool
ToNumbers: TypeAlias = np.ndarray  # the same, to be written
ToRows: TypeAlias = np.ndarray
ToHeads: TypeAlias = np.ndarray

EXACT: Any = {"error_model": "numpy", "fastmath": {"contract"}, "forceinline": True}
SUMS: Any = {"error_model": "numpy", "fastmath": {"contract", "reassoc"}, "forceinline": True}
CALLED: list[tuple[Callable[..., Any], Any]] = []  # what loops call, with how it is compiled
BY_TYPE: dict[Callable[..., Any], Callable[..., Any]] = {}  # what has other code for each dtype, and which
RUN = 1024  # numbers added up before their sum goes to the total: rounding errors grow with a run's length, not with the row's


def called(options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Loops call this function: it is compiled into them."""

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        CALLED.append((function, options))
        return function

    return noted


def code_of(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """In compiled code `function` is what the function below gives for the types of its arguments."""
    return lambda choice: BY_TYPE.setdefault(function, choice)


# ---- one number ----


def exp(x: Number) -> Number:
    """e^x to about one unit in the last place; 0 below e^-86 in float32, e^-708 in float64. NaN stays NaN."""
    raise NotImplementedError("compiled code has one for each dtype")


def largest(row: Numbers) -> Number:
    """The largest number of a row; NaN if there is a NaN that is not negative, and some number of the row if it is negative."""
    raise NotImplementedError("compiled code has one for each dtype")


def normal_cdf(x: Number) -> Number:
    """Phi(x): in float32 by the polynomial of `numpy._normal_cdf`, in float64 by the error function."""
    raise NotImplementedError("compiled code has one for each dtype")


def _exponential(
    Real: type, Word: type, digits: int, order: int, ln2: tuple[float, float], least: float
) -> Callable[..., Any]:
    """e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2, and e^r by its Taylor series.

    A number to which 1.5 * 2^digits is added has n in its last bits: they become the exponent of 2^(n-1). ln 2 is given in two
    parts, of which n times the first is exact.
    """
    shift, per_ln2, high, low = Real(1.5 * 2.0**digits), Real(1 / math.log(2)), Real(ln2[0]), Real(ln2[1])
    place, bias = Word(digits), Word(int(np.finfo(Real).maxexp) - 2 << digits)
    least, most = Real(least), Real(np.log(np.finfo(Real).max))
    zero, two, infinity = Real(0), Real(2), Real(math.inf)
    series = tuple(Real(1 / math.factorial(k)) for k in range(order, -1, -1))

    def exp(x: Any) -> Any:
        shifted = Real(x * per_ln2 + shift)
        n = shifted - shift
        r = (x - n * high) - n * low
        e = zero
        for c in series:
            e = e * r + c
        half = Word((shifted.view(Word) << place) + bias).view(Real)  # 2^(n-1): 2^128 would be infinite
        y = e * half * two
        y = infinity if x > most else y
        return zero if x < least else y

    return exp


def _by_bits(Real: type, Word: type) -> Callable[..., Any]:
    """The largest number by the order of the bits: read as a whole number, but for the sign of negative ones, it is the same.

    Whole numbers can be compared in any order, several at once; numbers among which a NaN may be cannot.
    """
    sign, rest, least = Word(np.iinfo(Word).bits - 1), Word(np.iinfo(Word).max), Word(np.iinfo(Word).min)

    def largest(row: Any) -> Any:
        most = least
        for i in range(row.size):
            bits = Real(row[i]).view(Word)
            most = max(most, Word(bits ^ ((bits >> sign) & rest)))
        return Word(most ^ ((most >> sign) & rest)).view(Real)

    return largest


FLOAT32, FLOAT64 = (np.float32, np.int32), (np.float64, np.int64)
LN2 = (0.693359375, -2.12194440054690583e-4), (6.93147180369123816490e-01, 1.90821492927058770002e-10)
EXP = {
    "float32": _exponential(*FLOAT32, 23, 7, LN2[0], -86),
    "float64": _exponential(*FLOAT64, 52, 13, LN2[1], -708),
}
LARGEST = {"float32": _by_bits(*FLOAT32), "float64": _by_bits(*FLOAT64)}


@code_of(exp)
def _exp_for(x: Any) -> Any:
    return EXP[str(x)]


@code_of(largest)
def _largest_for(row: Any) -> Any:
    return LARGEST[str(row.dtype)]


@code_of(normal_cdf)
def _normal_cdf_for(x: Any) -> Any:
    return _cdf_by_polynomial if str(x) == "float32" else _cdf_by_erf


def _cdf_by_erf(x: Any) -> Any:
    return (1 + math.erf(x * ROOT_HALF)) / 2


ROOT_HALF = math.sqrt(0.5)
STEP = np.float32(0.3275911 * ROOT_HALF)
TAIL = tuple(np.float32(a / 2) for a in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592))


def _cdf_by_polynomial(x: Any) -> Any:
    t = ONE / (ONE + STEP * abs(x))
    tail = NOTHING
    for a in TAIL:
        tail = (tail + a) * t
    tail *= exp(x * x * np.float32(-0.5))  # Phi(-|x|)
    return tail if x < NOTHING else ONE - tail


ONE, NOTHING = np.float32(1), np.float32(0)


# ---- activations: one number after the other ----


def erf(x: Numbers, y: ToNumbers) -> None:
    for i in range(x.size):
        y[i] = math.erf(x[i])


def sigmoid(x: Numbers, y: ToNumbers) -> None:
    one = x.dtype.type(1)
    for i in range(x.size):
        y[i] = one / (one + exp(-x[i]))


def gelu(x: Numbers, y: ToNumbers) -> None:
    for i in range(x.size):
        y[i] = x[i] * normal_cdf(x[i])


def gelu_vjp(g: Numbers, x: Numbers, y: Numbers, dx: ToNumbers) -> None:
    Real = x.dtype.type
    half, scale = Real(-0.5), Real(1 / math.sqrt(2 * math.pi))
    for i in range(x.size):
        density = exp(x[i] * x[i] * half) * scale
        dx[i] = g[i] * (passed(x[i], y[i]) + x[i] * density)


def gelu_tanh(x: Numbers, y: ToNumbers) -> None:
    Real = x.dtype.type
    one, slope, cubic = Real(1), Real(-2 * GELU_SCALE), Real(-2 * GELU_SCALE * GELU_CUBIC)
    for i in range(x.size):
        y[i] = x[i] / (one + exp((x[i] * x[i] * cubic + slope) * x[i]))


def gelu_tanh_vjp(g: Numbers, x: Numbers, y: Numbers, dx: ToNumbers) -> None:
    Real = x.dtype.type
    one, slope, cubic = Real(1), Real(2 * GELU_SCALE), Real(6 * GELU_SCALE * GELU_CUBIC)
    for i in range(x.size):
        steep = x[i] * x[i] * cubic + slope  # 2z'
        dx[i] = g[i] * passed(x[i], y[i]) * ((x[i] - y[i]) * steep + one)


@called(EXACT)
def passed(x: Number, y: Number) -> Number:
    """y / x, 1/2 at x = 0."""
    return type(x)(0.5) if x == 0 else y / x


# ---- softmax, and what is made of it: one row after the other ----


@called(SUMS)
def shift(row: Numbers) -> Number:
    """The largest number of a row, 0 if that is -inf."""
    most = largest(row)
    return row.dtype.type(0) if most == -math.inf else most


@called(SUMS)
def exponentials(x: Numbers, most: Number, e: ToNumbers) -> Number:
    """e^(x - most) into another array, and their sum."""
    total = x.dtype.type(0)
    for start in range(0, x.size, RUN):
        total += run_of_exponentials(x[start : start + RUN], most, e[start : start + RUN])
    return total


@called(SUMS)
def run_of_exponentials(x: Numbers, most: Number, e: ToNumbers) -> Number:
    total = x.dtype.type(0)
    for i in range(x.size):
        e[i] = exp(x[i] - most)
        total += e[i]
    return total


@called(SUMS)
def softmax_row(x: Numbers, y: ToNumbers) -> None:
    total = exponentials(x, shift(x), y)
    one = x.dtype.type(1)
    factor = one if total == 0 else one / total
    for i in range(y.size):
        y[i] *= factor


@called(SUMS)
def dot(a: Numbers, b: Numbers) -> Number:
    total = a.dtype.type(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@called(SUMS)
def added_up(a: Numbers) -> Number:
    total = a.dtype.type(0)
    for i in range(a.size):
        total += a[i]
    return total


def softmax(x: Rows, y: ToRows) -> None:
    for row in range(len(x)):
        softmax_row(x[row], y[row])


def softmax_vjp(g: Rows, s: Rows, dx: ToRows) -> None:
    for row in range(len(s)):
        mean = dot(g[row], s[row])
        for i in range(s.shape[1]):
            dx[row, i] = s[row, i] * (g[row, i] - mean)


def log_softmax(x: Rows, y: ToRows) -> None:
    for row in range(len(x)):
        most = shift(x[row])
        log = math.log(exponentials(x[row], most, y[row]))
        for i in range(x.shape[1]):
            y[row, i] = x[row, i] - most - log


def log_softmax_vjp(g: Rows, y: Rows, dx: ToRows) -> None:
    for row in range(len(y)):
        total = added_up(g[row])
        for i in range(y.shape[1]):
            dx[row, i] = g[row, i] - exp(y[row, i]) * total


def cross_entropy(
    x: Rows, target: Ids, smoothing: Number, loss: ToNumbers, most: ToNumbers, total: ToNumbers
) -> None:
    Real = x.dtype.type
    e = np.empty_like(x[0])
    rest, each = Real(1) - smoothing, smoothing / Real(x.shape[1])
    for row in range(len(x)):
        most[row] = shift(x[row])
        total[row] = exponentials(x[row], most[row], e)
        loss[row] = math.log(total[row]) - rest * (x[row, target[row]] - most[row])
        if smoothing:
            loss[row] -= each * distance(x[row], most[row])


@called(SUMS)
def distance(row: Numbers, centre: Number) -> Number:
    """The sum of x - centre."""
    total = row.dtype.type(0)
    for i in range(row.size):
        total += row[i] - centre
    return total


def cross_entropy_vjp(
    g: Numbers, x: Rows, target: Ids, most: Numbers, total: Numbers, smoothing: Number, dx: ToRows
) -> None:
    Real = x.dtype.type
    rest, each = Real(1) - smoothing, smoothing / Real(x.shape[1])
    for row in range(len(x)):
        factor = g[row] / total[row]
        for i in range(x.shape[1]):
            dx[row, i] = exp(x[row, i] - most[row]) * factor
        if smoothing:
            for i in range(x.shape[1]):
                dx[row, i] -= each * g[row]
        dx[row, target[row]] -= rest * g[row]


# ---- norms ----


def layer_norm(
    x: Rows, weight: Numbers, bias: Numbers, eps: Number, y: ToRows, mean: ToNumbers, rstd: ToNumbers
) -> None:
    Real = x.dtype.type
    part = Real(1) / Real(x.shape[1])
    for row in range(len(x)):
        centre = added_up(x[row]) * part
        centre += (
            distance(x[row], centre) * part
        )  # removes the rounding error of the mean, as the definition does
        scale = Real(1) / math.sqrt(spread(x[row], centre) * part + eps)
        for i in range(x.shape[1]):
            y[row, i] = (x[row, i] - centre) * scale * weight[i] + bias[i]
        mean[row], rstd[row] = centre, scale


@called(SUMS)
def spread(row: Numbers, centre: Number) -> Number:
    """The sum of (x - centre)^2."""
    total = row.dtype.type(0)
    for i in range(row.size):
        total += (row[i] - centre) * (row[i] - centre)
    return total


def layer_norm_vjp(
    g: Rows, x: Rows, weight: Numbers, mean: Numbers, rstd: Numbers, dx: ToRows, dw: ToNumbers, db: ToNumbers
) -> None:
    Real = x.dtype.type
    part = Real(1) / Real(x.shape[1])
    for row in range(len(x)):
        centre, scale = mean[row], rstd[row]
        flat, steep = Real(0), Real(0)
        for i in range(x.shape[1]):
            h = (x[row, i] - centre) * scale
            u = g[row, i] * weight[i]
            dx[row, i] = u  # rounded: where all is cancelled, as in a row of one, no digit more may stay
            flat += u
            steep += u * h
            dw[i] += g[row, i] * h
            db[i] += g[row, i]
        flat *= part
        steep *= part
        for i in range(x.shape[1]):
            h = (x[row, i] - centre) * scale
            dx[row, i] = (dx[row, i] - flat - h * steep) * scale


def rms_norm(x: Rows, weight: Numbers, eps: Number, y: ToRows, rstd: ToNumbers) -> None:
    Real = x.dtype.type
    for row in range(len(x)):
        scale = Real(1) / math.sqrt(dot(x[row], x[row]) / Real(x.shape[1]) + eps)
        for i in range(x.shape[1]):
            y[row, i] = x[row, i] * scale * weight[i]
        rstd[row] = scale


def rms_norm_vjp(g: Rows, x: Rows, weight: Numbers, rstd: Numbers, dx: ToRows, dw: ToNumbers) -> None:
    Real = x.dtype.type
    part = Real(1) / Real(x.shape[1])
    for row in range(len(x)):
        scale = rstd[row]
        steep = Real(0)
        for i in range(x.shape[1]):
            h = x[row, i] * scale
            steep += g[row, i] * weight[i] * h
            dw[i] += g[row, i] * h
        steep *= part
        for i in range(x.shape[1]):
            dx[row, i] = (g[row, i] * weight[i] - x[row, i] * scale * steep) * scale


# ---- attention: the rows of scores between the products, query `first` and those after it ----


def attend(scores: ToHeads, first: Count, causal: Count, scale: Number, p: ToHeads) -> None:
    """Scores (B, H, R, J) to the weights p (B, H, T, S) of these queries. The scores are multiplied by the scale on the way."""
    for b in range(scores.shape[0]):
        for h in range(scores.shape[1]):
            for t in range(scores.shape[2]):
                row = scores[b, h, t, : seen(p, first + t, causal)]
                for s in range(row.size):
                    row[s] *= scale
                weigh(row, p[b, h, first + t])


def attend_allowed(
    scores: ToHeads, first: Count, causal: Count, scale: Number, mask: Allowed, p: ToHeads
) -> None:
    for b in range(scores.shape[0]):
        for h in range(scores.shape[1]):
            for t in range(scores.shape[2]):
                row = scores[b, h, t, : seen(p, first + t, causal)]
                allowed = mask[b % mask.shape[0], h % mask.shape[1], first + t]
                for s in range(row.size):
                    row[s] = row[s] * scale if allowed[s] else row.dtype.type(-math.inf)
                weigh(row, p[b, h, first + t])


def attend_added(
    scores: ToHeads, first: Count, causal: Count, scale: Number, mask: Heads, p: ToHeads
) -> None:
    for b in range(scores.shape[0]):
        for h in range(scores.shape[1]):
            for t in range(scores.shape[2]):
                row = scores[b, h, t, : seen(p, first + t, causal)]
                added = mask[b % mask.shape[0], h % mask.shape[1], first + t]
                for s in range(row.size):
                    row[s] = row[s] * scale + added[s]
                weigh(row, p[b, h, first + t])


@called(EXACT)
def seen(p: Heads, t: Count, causal: Count) -> Count:
    """How many keys, from the first on, query t may attend to."""
    return min(t + 1, p.shape[3]) if causal else p.shape[3]


@called(EXACT)
def weigh(row: Numbers, p: ToNumbers) -> None:
    """The scores of the first keys to their weights, with zeros after them."""
    softmax_row(row, p[: row.size])
    p[row.size :] = 0


def attend_vjp(p: Heads, ds: ToHeads, first: Count, causal: Count, scale: Number) -> None:
    """The weights' cotangents (B, H, R, J), of the queries from `first` on, become those of the scores."""
    for b in range(ds.shape[0]):
        for h in range(ds.shape[1]):
            for t in range(ds.shape[2]):
                row = ds[b, h, t, : seen(p, first + t, causal)]
                weights_vjp(p[b, h, first + t], row, scale)
                ds[b, h, t, row.size :] = 0


def attend_kept_vjp(p: Heads, keep: Heads, ds: ToHeads, first: Count, causal: Count, scale: Number) -> None:
    """The same with dropout's factors, `keep` (B, H, T, S)."""
    for b in range(ds.shape[0]):
        for h in range(ds.shape[1]):
            for t in range(ds.shape[2]):
                row = ds[b, h, t, : seen(p, first + t, causal)]
                for s in range(row.size):
                    row[s] *= keep[b, h, first + t, s]
                weights_vjp(p[b, h, first + t], row, scale)
                ds[b, h, t, row.size :] = 0


@called(SUMS)
def weights_vjp(p: Numbers, row: ToNumbers, scale: Number) -> None:
    """The cotangents of weights, the first of p, become those of the scores, in place."""
    mean = dot(row, p)
    for s in range(row.size):
        row[s] = (row[s] - mean) * p[s] * scale


# ---- dropout, Adam, and rows that are looked up ----


def dropout_scale(key: Key, p: Single, scale: Number, y: ToNumbers) -> None:
    """Philox4x64-10, as in `dropout.cu`: a counter gives four words of 64 bits, and these eight numbers of 24."""
    zero = y.dtype.type(0)
    words = np.empty((LANES, 4), np.uint64)
    for start in range(0, y.size, 8 * LANES):
        for lane in range(LANES):
            draw(np.uint64(start // 8 + lane + 1), key, words[lane])
        for i in range(start, min(start + 8 * LANES, y.size)):
            half = (words[(i - start) // 8, i % 8 // 2] >> np.uint64(i % 2 * 32 + 8)) & LAST24
            y[i] = scale if np.float32(half) * UNIT >= p else zero


@called(EXACT)
def draw(counter: Any, key: Any, words: ToNumbers) -> None:
    a, b, c, d, other = counter, NO_BITS, NO_BITS, NO_BITS, NO_BITS
    for _ in range(10):
        a, b, c, d = high(FACTOR_C, c) ^ b ^ key, FACTOR_C * c, high(FACTOR_A, a) ^ d ^ other, FACTOR_A * a
        key += WEYL
        other += OTHER_WEYL
    words[0], words[1], words[2], words[3] = a, b, c, d


@called(EXACT)
def high(a: Any, b: Any) -> Any:
    """The first 64 of the 128 bits of a product, from those of its factors' halves."""
    a_high, a_low, b_high, b_low = a >> HALF, a & LAST32, b >> HALF, b & LAST32
    middle = a_high * b_low + (a_low * b_low >> HALF)
    return a_high * b_high + (middle >> HALF) + ((middle & LAST32) + a_low * b_high >> HALF)


LANES = 64  # counters at a time
NO_BITS, HALF, LAST32, LAST24 = np.uint64(0), np.uint64(32), np.uint64(2**32 - 1), np.uint64(2**24 - 1)
FACTOR_A, FACTOR_C = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
WEYL, OTHER_WEYL = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
UNIT = np.float32(2.0**-24)


def adam(
    g: Numbers, b1: Number, new1: Number, b2: Number, new2: Number, root: Number, rate: Number, eps: Number,
    decay: Number, shrink: Number, p: ToNumbers, m: ToNumbers, v: ToNumbers,
) -> None:  # fmt: skip
    """new1 is 1 - b1 and new2 is 1 - b2, with all their digits, root is sqrt(1 - b2^step), and rate is lr / (1 - b1^step)."""
    for i in range(p.size):
        p[i] *= shrink
        slope = g[i] + decay * p[i] if decay else g[i]
        m[i] = b1 * m[i] + new1 * slope
        v[i] = b2 * v[i] + new2 * slope * slope
        p[i] -= rate * m[i] / (math.sqrt(v[i]) / root + eps)


def add_rows(g: Rows, ids: Ids, dx: ToRows) -> None:
    for row in range(len(g)):
        for i in range(g.shape[1]):
            dx[ids[row], i] += g[row, i]
