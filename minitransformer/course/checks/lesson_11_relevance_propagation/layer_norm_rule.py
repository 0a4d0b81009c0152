"""What must be true of layer_norm_rule."""

import math

import numpy as np

from minitransformer.course.checks.lesson_11_relevance_propagation.common import (
    EPS,
    called_with,
    conserves,
    in_steps,
    moved_from_zero,
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


_with = in_steps(
    ("r", "x", "weight", "bias", "eps"),
    ("r_x", "to_bias", "to_eps"),
    centred=lambda v: v.x - v.x.mean(-1, keepdims=True),
    sigma=lambda v: _sigma(v.x),
    z=lambda v: v.weight * v.centred / v.sigma + v.bias,
    stable=lambda v: moved_from_zero(v.z, v.eps),
    share=lambda v: v.r / v.stable,
    slope=lambda v: v.share * v.weight / v.sigma,
    mean=lambda v: v.slope.mean(-1, keepdims=True),
    r_x=lambda v: v.x * (v.slope - v.mean),
    to_bias=lambda v: (v.share * v.bias).sum(),
    to_eps=lambda v: (v.share * (v.stable - v.z)).sum(),
)


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
        "Relevance passes unchanged here; but the mean mixes a row, and the bias keeps some.": (
            _wrong_norm(identity=True),
            _with(r_x=lambda v: v.r, to_bias=lambda v: 0.0, to_eps=lambda v: 0.0),
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
        "In sigma stands 1e-5 alone; eps belongs to S(z), and here it is added there as well.": _with(
            sigma=lambda v: np.sqrt(v.x.var(-1, keepdims=True) + 1e-5 + v.eps)
        ),
        "eps is an argument, to be passed on to `stabilised`: 1e-6 is only what it is if nothing else is passed.": _with(
            stable=lambda v: moved_from_zero(v.z, 1e-6)
        ),
        "The stabiliser is missing in the denominator: divide by S(z), not by z.": (
            _with(share=lambda v: v.r / v.z),
            _with(stable=lambda v: v.z),
        ),
        "The stabiliser has the sign of z: subtract eps where z is negative.": _with(
            stable=lambda v: v.z + v.eps
        ),
        "The mean is not taken off x in z: z = weight (x - mean) / sigma + bias.": (
            _with(centred=lambda v: v.x),
            _with(centred=lambda v: v.x, r_x=lambda v: v.x * v.slope),
        ),
        "In z the mean is one for all rows; each row has its own, mean(-1, keepdims=True).": (
            _with(centred=lambda v: v.x - v.x.mean()),
            _with(centred=lambda v: v.x - v.x.mean(), sigma=lambda v: np.sqrt(v.x.var() + 1e-5)),
            _with(
                centred=lambda v: v.x - v.x.mean(),
                sigma=lambda v: np.sqrt((v.centred**2).mean(-1, keepdims=True) + 1e-5),
            ),
        ),
        "The variance is one for all rows; each row has its own, var(-1, keepdims=True).": _with(
            sigma=lambda v: np.sqrt(v.x.var() + 1e-5)
        ),
        "The mean of the slopes is subtracted, not added.": _with(
            mean=lambda v: -v.slope.mean(-1, keepdims=True)
        ),
        "The mean is that of the slopes, share * weight / sigma; here it is that of something else.": (
            _with(mean=lambda v: v.r.mean(-1, keepdims=True)),
            _with(mean=lambda v: v.share.mean(-1, keepdims=True)),
            _with(mean=lambda v: v.x.mean(-1, keepdims=True)),
            _with(mean=lambda v: (v.share * v.weight).mean(-1, keepdims=True)),
        ),
        "weight stands inside the mean: the mean of share * weight, not weight times the mean of share.": _with(
            mean=lambda v: v.weight / v.sigma * v.share.mean(-1, keepdims=True)
        ),
        "Each x_i is in all z_j by way of the mean, and not only in z_i, with 1 - 1/n.": _with(
            r_x=lambda v: v.x * v.slope * (1 - 1 / v.x.shape[-1])
        ),
        "1/n goes by the sum of the slopes of the row; here it is taken off without them.": _with(
            mean=lambda v: 1 / v.x.shape[-1]
        ),
        "What the stabiliser keeps has the wrong sign: it is S(z_j) - z_j.": _with(
            to_eps=lambda v: (v.share * (v.z - v.stable)).sum()
        ),
        "What the stabiliser keeps has the sign of z too: S(z) - z, not eps.": _with(
            to_eps=lambda v: (v.share * v.eps).sum()
        ),
        "The stabiliser keeps something too: the sum of (S(z_j) - z_j) r_j / S(z_j).": _with(
            to_eps=lambda v: 0.0
        ),
        "What the stabiliser keeps is not all that x did not get: a part of that is kept by the biases.": _with(
            to_eps=lambda v: v.r.sum() - v.r_x.sum()
        ),
        "r_j is missing in what the stabiliser keeps: (S(z_j) - z_j) r_j / S(z_j).": (
            _with(to_eps=lambda v: ((v.stable - v.z) / v.stable).sum()),
        ),
        "This is what the stabiliser added, S(z_j) - z_j; it keeps that times r_j / S(z_j).": (
            _with(to_eps=lambda v: (v.stable - v.z).sum()),
            _with(to_eps=lambda v: v.eps),
        ),
        "What the stabiliser keeps, and the biases, is summed over everything, not averaged.": (
            _with(to_bias=lambda v: (v.share * v.bias).mean()),
            _with(to_eps=lambda v: (v.share * (v.stable - v.z)).mean()),
            _with(
                to_bias=lambda v: (v.share * v.bias).mean(),
                to_eps=lambda v: (v.share * (v.stable - v.z)).mean(),
            ),
        ),
        "r_j is missing in what the biases keep: bias_j r_j / S(z_j).": _with(
            to_bias=lambda v: (v.bias / v.stable).sum()
        ),
        "S(z_j) is missing in what the biases keep: bias_j r_j / S(z_j).": _with(
            to_bias=lambda v: (v.bias * v.r).sum()
        ),
        "What the biases keep has neither weight nor sigma: bias_j r_j / S(z_j), as bias is added last.": (
            _with(to_bias=lambda v: (v.bias * v.slope).sum()),
            _with(to_bias=lambda v: (v.bias * v.share * v.weight).sum()),
            _with(to_bias=lambda v: (v.bias * v.share / v.sigma).sum()),
        ),
        "These are the biases themselves: what they keep is bias_j r_j / S(z_j).": _with(
            to_bias=lambda v: v.bias.sum()
        ),
        "What the biases keep is all that x did not get: a part of that is kept by the stabiliser.": _with(
            to_bias=lambda v: v.r.sum() - v.r_x.sum()
        ),
        "sigma is missing in z: z = weight (x - mean) / sigma + bias.": _with(
            z=lambda v: v.weight * v.centred + v.bias
        ),
        "The slope is divided by sigma, not multiplied by it.": _with(
            slope=lambda v: v.share * v.weight * v.sigma
        ),
        "z is weight (x - mean) / sigma + bias, and here multiplied by sigma.": _with(
            z=lambda v: v.weight * v.centred * v.sigma + v.bias
        ),
        "r is not divided by S(z): the slope is weight / sigma times r / S(z).": (
            _with(slope=lambda v: v.r * v.weight / v.sigma),
            _with(share=lambda v: v.r),
        ),
        "weight stands twice in the slope: share * weight / sigma has it once.": _with(
            slope=lambda v: v.share * v.weight**2 / v.sigma
        ),
        "bias is added last, and not multiplied by weight: weight (x - mean) / sigma + bias.": _with(
            z=lambda v: v.weight * (v.centred / v.sigma + v.bias)
        ),
        "bias is added last, and not divided by sigma: weight (x - mean) / sigma + bias.": _with(
            z=lambda v: (v.weight * v.centred + v.bias) / v.sigma
        ),
        "The factor x_i before the bracket is missing: this is a slope, not yet a contribution.": _with(
            r_x=lambda v: v.slope - v.mean
        ),
        "The variance is the mean of the squares, and here their sum.": _with(
            sigma=lambda v: np.sqrt((v.centred**2).sum(-1, keepdims=True) + 1e-5)
        ),
        "sigma is the root of the mean square, and here the mean of the absolute values.": (
            _with(sigma=lambda v: np.sqrt(abs(v.centred).mean(-1, keepdims=True) ** 2 + 1e-5)),
            _with(sigma=lambda v: abs(v.centred).mean(-1, keepdims=True) + 1e-5),
        ),
        "The mean square of x without its mean is the variance; here it is that of x itself.": _with(
            sigma=lambda v: np.sqrt((v.x**2).mean(-1, keepdims=True) + 1e-5)
        ),
        "The bias is added in z, not subtracted.": _with(z=lambda v: v.weight * v.centred / v.sigma - v.bias),
        "sigma stands once under the slope, weight / sigma; here its square does.": _with(
            slope=lambda v: v.share * v.weight / v.sigma**2
        ),
        "The mean of the slopes is their sum divided by n, not by n - 1.": _with(
            mean=lambda v: v.slope.sum(-1, keepdims=True) / (v.x.shape[-1] - 1)
        ),
        "The bias is missing in z.": _wrong_norm(no_bias=True),
        "The factor is x itself, not x less its mean.": _wrong_norm(bare=True),
        "Each x_i gets its own z_i alone here; by the mean it is in all others too.": _wrong_norm(
            mean=False, bare=True
        ),
    },
)
