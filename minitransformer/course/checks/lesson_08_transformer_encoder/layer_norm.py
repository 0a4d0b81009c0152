"""What must be true of layer normalization."""

import numpy as np

from minitransformer.course.checks.lesson_08_transformer_encoder.common import (
    normalized,
    small_vectors,
    vectors,
)
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import keeps_its_inputs, returns, same, takes_batches


def _mean_and_variance(answer):
    y = answer(np.random.default_rng(1).normal(size=(3, 8)) * 5 + 2, np.ones(8), np.zeros(8), 0.0)
    if isinstance(y, tuple):
        raise Failed(
            f"expected one array, got a tuple of {len(y)}", hint="One result is asked for: return it alone."
        )
    same(1 + y.mean(-1), np.ones(3), "1 + the mean of each token's channels, where weight is 1 and bias 0,")
    same(
        (y * y).mean(-1),
        np.ones(3),
        "the mean square of each token's channels, where weight is 1 and bias 0,",
    )


def _by_hand(answer):
    x = np.array([[1.0, 3.0], [-10.0, 10.0]])
    same(
        answer(x, np.array([1.0, 10.0]), np.array([0.0, 5.0]), 0.0),
        [[-1, 15], [-1, 15]],
        "norm of (1, 3) and of (-10, 10)",
    )


def _constant_vector(answer):
    with np.errstate(all="ignore"):
        got = answer(np.full((1, 3), 7.0), np.ones(3), np.array([1.0, 2.0, 3.0]))
    same(got, [[1, 2, 3]], "a vector of three sevens: it becomes zeros, plus the bias;")


def _far_away(answer):
    x = np.array([[1.0, 2.0, 6.0]])
    expected = normalized(x, np.ones(3), np.zeros(3), 0.0)
    got = answer(x + 1e8, np.ones(3), np.zeros(3), 0.0)
    if got is not None and not np.allclose(got, expected, atol=1e-6):
        hint = (
            "mean(x^2) - mean^2 is the difference of two huge numbers: subtract the mean first, then square."
        )
        raise Failed(
            f"(1, 2, 6) + 100000000 gave {np.round(got, 3)}", "expected the same as for (1, 2, 6)", hint=hint
        )


def _norm(
    axis=-1, centre=True, var=None, root=lambda v, eps: np.sqrt(v + eps), affine=lambda z, w, b: z * w + b
):
    """Layer normalization with something wrong in it."""

    def layer_norm(x, weight, bias, eps=1e-5):
        u = x - x.mean(axis, keepdims=True) if centre else x
        v = (u * u).mean(axis, keepdims=True) if var is None else var(x, axis)
        with np.errstate(all="ignore"):
            return affine(u / root(v, eps), weight, bias)

    return layer_norm


def _shifted(x, shift, weight, bias, eps):
    """Something else than the mean is subtracted; the variance is that of what is left, about 0."""
    u = x - shift
    return u / np.sqrt((u * u).mean(-1, keepdims=True) + eps) * weight + bias


def _expanded(x, axis):
    return (x * x).mean(axis, keepdims=True) - x.mean(axis, keepdims=True) ** 2


layer_norm = Exercise(
    minutes=12,
    level=1,
    hints=(
        "Mean and variance are taken over the last axis, for each token alone: axis=-1, and keepdims=True keeps the axis.",
        "The variance is the mean of the squares of x - mean: compute x - mean once.",
        "eps goes under the root, with the variance; weight and bias come last, one number for each channel.",
    ),
    why="Every token now has numbers of the same size, whatever came before; weight and bias can change the size again.",
    properties=(
        Property(
            "without weight and bias, the mean is 0 and the variance 1",
            _mean_and_variance,
            "Subtract the mean of each token's channels, then divide by the root of the mean of the squares of what is left.",
        ),
        Property(
            "(1, 3) and (-10, 10) both become (-1, 1) before weight and bias",
            _by_hand,
            "First the shift and the division, then times weight, then plus bias, each channel with its own.",
        ),
        returns(
            "values are right",
            vectors,
            normalized,
            hint="(x - mean) / sqrt(var + eps) * weight + bias, with eps = 1e-5.",
        ),
        returns(
            "values are right where eps is large",
            small_vectors,
            normalized,
            hint="eps is the last argument; it is added to the variance, under the root.",
        ),
        Property(
            "a vector of equal numbers becomes the bias",
            _constant_vector,
            "Its variance is 0: with eps under the root nothing is divided by 0.",
        ),
        Property("numbers far from 0 lose no digits", _far_away, "Subtract the mean first, then square."),
        takes_batches(
            lambda rng: (rng.normal(size=4), np.array([1.0, 2.0, -1.0, 0.5]), np.array([0.0, 1.0, 2.0, 3.0])),
            hint="The channels are the last axis, axis=-1, with no axis or many in front of it.",
        ),
        keeps_its_inputs(vectors, small_vectors),
    ),
    examples=lambda rng: (
        vectors(rng),
        small_vectors(rng),
        (np.array([[3.0, 4.0, 8.0]]) + 1e8, np.ones(3), np.zeros(3)),
    ),
    mistakes={
        "The mean goes over everything; it is that of the channels of each token, axis=-1.": lambda x, weight, bias, eps=1e-5: (
            (x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).mean(-1, keepdims=True) + eps) * weight + bias
        ),
        "Mean and variance go over everything; they go over the channels of each token alone, axis=-1.": _norm(
            axis=None
        ),
        "Mean and variance go over the first axis; that is batch normalization. Here each token is treated alone, axis=-1.": (
            _norm(axis=0)
        ),
        "Mean and variance go over the tokens; they go over the channels of each token, axis=-1.": _norm(
            axis=-2
        ),
        "This divides by C - 1; the variance here is the plain mean of the squares.": _norm(
            var=lambda x, axis: x.var(axis, ddof=1, keepdims=True)
        ),
        "eps stands beside the root; it belongs under it.": _norm(root=lambda v, eps: np.sqrt(v) + eps),
        "eps is always 1e-5 here; use the argument.": _norm(root=lambda v, eps: np.sqrt(v + 1e-5)),
        "eps is missing under the root.": _norm(root=lambda v, eps: np.sqrt(v)),
        "The root is missing: this divides by the variance.": _norm(root=lambda v, eps: v + eps),
        "The mean is not subtracted.": _norm(centre=False, var=lambda x, axis: x.var(axis, keepdims=True)),
        "The mean is not subtracted, neither from x nor from the variance: this is RMSNorm.": _norm(
            centre=False
        ),
        "This divides by the root of the sum of squares; the variance is their mean.": (
            _norm(var=lambda x, axis: ((x - x.mean(axis, keepdims=True)) ** 2).sum(axis, keepdims=True)),
            _norm(
                var=lambda x, axis: ((x - x.mean(axis, keepdims=True)) ** 2).sum(axis, keepdims=True),
                root=lambda v, eps: np.sqrt(v) + eps,
            ),
        ),
        "This takes the mean of |x - mean|; it is the root of the mean of the squares.": (
            _norm(var=lambda x, axis: abs(x - x.mean(axis, keepdims=True)).mean(axis, keepdims=True) ** 2),
            _norm(var=lambda x, axis: abs(x - x.mean(axis, keepdims=True)).mean(axis, keepdims=True)),
            _norm(
                var=lambda x, axis: abs(x - x.mean(axis, keepdims=True)).mean(axis, keepdims=True),
                root=lambda v, eps: v + eps,
            ),
        ),
        "The mean of x^2 stands where that of (x - mean)^2 should.": _norm(
            var=lambda x, axis: (x * x).mean(axis, keepdims=True)
        ),
        "This scales between the smallest and the largest; subtract the mean, and divide by the root of the variance.": (
            lambda x, w, b, eps=1e-5: (x - x.min(-1, keepdims=True)) / (np.ptp(x, -1)[..., None]) * w + b,
            lambda x, w, b, eps=1e-5: (x - x.mean(-1, keepdims=True)) / (np.ptp(x, -1)[..., None]) * w + b,
            lambda x, w, b, eps=1e-5: (
                (x - x.min(-1, keepdims=True)) / (np.ptp(x, -1)[..., None] + eps) * w + b
            ),
            lambda x, w, b, eps=1e-5: (
                (x - x.mean(-1, keepdims=True)) / (np.ptp(x, -1)[..., None] + eps) * w + b
            ),
        ),
        "It multiplies by the root of the variance; divide by it.": _norm(
            root=lambda v, eps: 1 / np.sqrt(v + eps)
        ),
        "The sum is subtracted; it is the mean.": lambda x, w, b, eps=1e-5: _shifted(
            x, x.sum(-1, keepdims=True), w, b, eps
        ),
        "The mean is added; it is subtracted.": lambda x, w, b, eps=1e-5: _shifted(
            x, -x.mean(-1, keepdims=True), w, b, eps
        ),
        "The bias is added to the weight; weight multiplies, then the bias is added.": _norm(
            affine=lambda z, w, b: z * (w + b)
        ),
        "The root is taken twice: this divides by the root of the root.": _norm(
            root=lambda v, eps: np.sqrt(np.sqrt(v + eps))
        ),
        "The weight is added; it multiplies.": _norm(affine=lambda z, w, b: z + w + b),
        "1 is added to the weight, or z once more; weight multiplies as it is.": _norm(
            affine=lambda z, w, b: z * (1 + w) + b
        ),
        "The weight multiplies twice.": _norm(affine=lambda z, w, b: z * w * w + b),
        "The weight multiplies the mean; it multiplies what is normalized.": lambda x, w, b, eps=1e-5: (
            _shifted(x, x.mean(-1, keepdims=True) * w, w, b, eps)
        ),
        "The variance goes over everything; it is that of the channels of each token, axis=-1.": (
            _norm(var=lambda x, axis: ((x - x.mean(axis, keepdims=True)) ** 2).mean()),
            _norm(var=lambda x, axis: x.var()),
        ),
        "All tokens are divided by the root of the first one's variance; each has its own.": _norm(
            var=lambda x, axis: x.var(axis, keepdims=True)[..., :1, :]
        ),
        "x - mean is doubled where it should be squared.": _norm(
            var=lambda x, axis: (2 * (x - x.mean(axis, keepdims=True))).mean(axis, keepdims=True)
        ),
        "The variance is squared, or the deviations raised to the power 4.": (
            _norm(root=lambda v, eps: np.sqrt(v**2 + eps)),
            _norm(var=lambda x, axis: ((x - x.mean(axis, keepdims=True)) ** 4).mean(axis, keepdims=True)),
        ),
        "The median is subtracted; it is the mean.": (
            lambda x, w, b, eps=1e-5: (
                (x - np.median(x, -1)[..., None]) / np.sqrt(x.var(-1)[..., None] + eps) * w + b
            ),
            lambda x, w, b, eps=1e-5: _shifted(x, np.median(x, -1)[..., None], w, b, eps),
        ),
        "weight and bias are exchanged: weight multiplies, bias is added.": _norm(
            affine=lambda z, w, b: z * b + w
        ),
        "The bias is subtracted; it is added.": _norm(affine=lambda z, w, b: z * w - b),
        "It divides by weight; multiply by it.": _norm(affine=lambda z, w, b: z / w + b),
        "eps is squared or its root is taken: sqrt(var + eps).": (
            _norm(root=lambda v, eps: np.sqrt(v + eps**2)),
            _norm(root=lambda v, eps: np.sqrt(v) + np.sqrt(eps)),
        ),
        "eps is subtracted; it is added.": _norm(root=lambda v, eps: np.sqrt(v - eps)),
        "eps is added twice, to the variance and to the root.": _norm(
            root=lambda v, eps: np.sqrt(v + eps) + eps
        ),
        "It is not yet divided by the root of the variance.": _norm(root=lambda v, eps: 1.0),
        "weight and bias are not used.": _norm(affine=lambda z, w, b: z),
        "The bias is missing.": _norm(affine=lambda z, w, b: z * w),
        "The weight is missing.": _norm(affine=lambda z, w, b: z + b),
        "The bias is added before the weight multiplies; it comes last.": _norm(
            affine=lambda z, w, b: (z + b) * w
        ),
        "mean(x^2) - mean^2 is the difference of two huge numbers: subtract the mean first, then square.": _norm(
            var=_expanded
        ),
    },
)
