"""What must be true of layer_norm_rule."""

import math

import numpy as np

from minitransformer.course.checks.lesson_11_relevance_propagation.common import (
    EPS,
    called_with,
    conserves,
    sign_of,
)
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, same, slopes

NORM = ("the relevance of x", "what the biases keep", "what the stabiliser keeps")


def _norm(rng):
    return (
        rng.normal(size=(2, 3, 5)),
        rng.normal(size=(2, 3, 5)) * 3 + 1,
        rng.normal(size=5) + 1,
        rng.normal(size=5),
    )


def _small_norm(rng):
    """Numbers so small that the 1e-5 in sigma counts."""
    r, x, weight, bias = _norm(rng)
    return r, x / 300, weight, bias, 1e-3


def _normalised(x, weight, bias, sigma):
    return weight * (x - x.mean(-1, keepdims=True)) / sigma + bias


def _sigma(x):
    return np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def _two_numbers(answer):
    got = called_with(answer, NORM, np.array([3.0, 3.0]), np.array([2.0, 4.0]), np.ones(2), np.zeros(2))
    same(
        got[0],
        [-6.0, 12.0],
        "the relevance of x = [2, 4], normalised to -1 and 1, where r = [3, 3]",
        rtol=1e-4,
    )


def _frozen(eps):
    def holds(answer):
        r, x, weight, bias = _norm(np.random.default_rng(3))
        sigma = _sigma(x)
        z = _normalised(x, weight, bias, sigma)
        share = r / (z + np.where(z < 0, -eps, eps))
        expected = x * slopes(lambda v: _normalised(v, weight, bias, sigma), [x], 0, share)
        same(
            called_with(answer, NORM, r, x, weight, bias, eps=eps)[0],
            expected,
            "x times the slope with sigma held still",
            rtol=1e-5,
        )

    return holds


def _norm_sinks(part):
    def holds(answer):
        r, x, weight, bias = _norm(np.random.default_rng(3))
        expected = 0.0
        for index in np.ndindex(r.shape):
            row = x[index[:-1]]
            b = bias[index[-1]]
            z = weight[index[-1]] * (x[index] - row.mean()) / math.sqrt(row.var() + 1e-5) + b
            expected += r[index] * (b if part == 1 else sign_of(z) * EPS) / (z + sign_of(z) * EPS)
        same(called_with(answer, NORM, r, x, weight, bias, eps=EPS)[part], expected, NORM[part])

    return holds


def _wrong_norm(mean=True, live=False, no_sigma=False, no_weight=False, identity=False,
                sample=False, no_bias=False, bare=False,
                sigma_of=lambda variance, eps: np.sqrt(variance + 1e-5), axis=-1, light=False,
                late=False, spread=np.mean, swapped=False):  # fmt: skip
    """The rule of LayerNorm with something wrong in it."""

    def rule(r, x, weight, bias, eps=1e-6):
        centred = x - x.mean(axis, keepdims=True)
        sigma = sigma_of(x.var(axis, keepdims=True, ddof=int(sample)), eps)
        z = (1 if light else weight) * centred / sigma + (0 if no_bias else bias)
        stable = z + np.where(z < 0, -eps, eps)
        share = r / stable
        slope = share * (1 if no_weight else weight) / (1 if no_sigma else sigma)
        unit = centred / sigma
        away = slope - (spread(slope, axis, keepdims=True) if mean else 0)
        if live:  # the whole gradient, that of sigma included
            away = away - unit * (slope * unit).mean(-1, keepdims=True)
        r_x = (
            x * slope - (x * slope).mean(-1, keepdims=True)
            if late
            else r
            if identity
            else centred * away
            if bare
            else x * away
        )
        sinks = (share * bias).sum(), (share * (stable - z)).sum()
        return r_x, *(sinks[::-1] if swapped else sinks)

    return rule


layer_norm_rule = Exercise(
    minutes=20,
    level=3,
    hints=(
        "Forward first: centred = x - mean, sigma, z = weight * centred / sigma + bias.",
        "share = r / S(z), as in the epsilon rule.",
        "Each x_i is in z_i with weight_i / sigma, and in all z_j, by way of the mean, with -weight_j / (n sigma).",
        "With slope = share * weight / sigma, that makes x * (slope - mean of slope).",
    ),
    why="With sigma live, x times gradient sums to nearly zero, as scaling x changes nothing. Held still, it conserves.",
    properties=(
        Property(
            "two numbers by hand",
            _two_numbers,
            "x is [2, 4]: mean 3, sigma 1, z = [-1, 1], r / z = [-3, 3], and x times (that less its mean).",
        ),
        Property(
            "it is the linear map with sigma held still, as finite differences find it",
            _frozen(0.0),
            "With sigma a number: x * (slope - mean of slope), where slope = weight / sigma * r / z, and bias is part of z.",
        ),
        Property(
            "the stabiliser is in the denominator, with the sign of z",
            _frozen(EPS),
            "The denominator is S(z): z + eps where z is 0 or above, z - eps below; this eps is not the 1e-5 in sigma.",
        ),
        Property(
            "the biases keep their share",
            _norm_sinks(1),
            "The biases keep the sum of bias_j r_j / S(z_j): one number, over everything.",
        ),
        Property(
            "the stabiliser keeps its share",
            _norm_sinks(2),
            "The stabiliser keeps the sum of (S(z_j) - z_j) r_j / S(z_j): one number, over everything.",
        ),
        conserves(NORM, _norm, eps=EPS),
        keeps_its_inputs(_norm),
    ),
    examples=lambda rng: ((*_norm(rng), EPS), _small_norm(rng)),
    mistakes={
        "The mean is missing: each x_i is also in the mean, which is subtracted everywhere.": _wrong_norm(
            mean=False
        ),
        "sigma is not held still here: its slope takes all relevance away again.": _wrong_norm(live=True),
        "The slope is weight / sigma: sigma is missing on the way back.": _wrong_norm(no_sigma=True),
        "The slope is weight / sigma: weight is missing on the way back.": _wrong_norm(no_weight=True),
        "Relevance passes unchanged here; but the mean mixes a row, and the bias keeps some.": _wrong_norm(
            identity=True
        ),
        "The variance is the mean of the squares: divide by n, not n - 1.": _wrong_norm(sample=True),
        "sigma is sqrt(variance + 1e-5): the 1e-5 is missing.": _wrong_norm(
            sigma_of=lambda v, eps: np.sqrt(v)
        ),
        "sigma is sqrt(variance + 1e-5): the 1e-5 is added before the root is taken.": _wrong_norm(
            sigma_of=lambda v, eps: np.sqrt(v) + 1e-5
        ),
        "sigma is the root of the variance: the root is missing.": (
            _wrong_norm(sigma_of=lambda v, eps: v + 1e-5),
            _wrong_norm(sigma_of=lambda v, eps: v),
        ),
        "In sigma stands 1e-5; the argument eps belongs to S(z).": _wrong_norm(
            sigma_of=lambda v, eps: np.sqrt(v + eps)
        ),
        "Mean and variance go over the last axis.": _wrong_norm(axis=0),
        "The factor x_i stands before the bracket: x * (slope - mean of slope), not x * slope less its mean.": _wrong_norm(
            late=True
        ),
        "weight is missing in z.": _wrong_norm(light=True),
        "From each slope the mean of the slopes is subtracted, not their sum.": _wrong_norm(spread=np.sum),
        "First what the biases keep, then what the stabiliser keeps: these two are swapped.": _wrong_norm(
            swapped=True
        ),
        "The mean of the slopes is that of each row, mean(-1, keepdims=True); here it is one for all rows.": _wrong_norm(
            spread=lambda slope, axis, keepdims: slope.mean()
        ),
        "The biases keep something too: the sum of bias_j r_j / S(z_j).": lambda *inputs: (
            (got := _wrong_norm()(*inputs))[0],
            0.0,
            got[2],
        ),
        "The bias is missing in z.": _wrong_norm(no_bias=True),
        "The factor is x itself, not x less its mean.": _wrong_norm(bare=True),
        "Each x_i gets its own z_i alone here; by the mean it is in all others too.": _wrong_norm(
            mean=False, bare=True
        ),
    },
)
