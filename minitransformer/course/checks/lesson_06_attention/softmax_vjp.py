"""What must be true of softmax_vjp."""

import numpy as np

from minitransformer.course.checks.lesson_06_attention.common import random_scores, rows_of
from minitransformer.course.exercise import Exercise
from minitransformer.course.properties import is_vjp_of, keeps_its_inputs, takes_batches


def _sum(x):
    return x.sum(-1, keepdims=True)


softmax_vjp = Exercise(
    minutes=15,
    level=2,
    hints=(
        "Write out ds_i/dx_j: s_i (1 - s_i) on the diagonal, -s_i s_j elsewhere.",
        "Multiply by g_i and sum over i: s_j is the same in all terms, so it can be written in front of the sum.",
        "There is one number sum_k g_k s_k for each row: keep its axis.",
    ),
    why="The Jacobian diag(s) - s s^T is never built: multiplied by g it is two products and one sum.",
    properties=(
        is_vjp_of(
            "it is the gradient, with any weights g, on every element",
            rows_of,
            random_scores,
            vjp=lambda f, g, x: f(g, rows_of(x)),
            hint="Two steps: the sum of g * s for each row, its axis kept; then s times what is left of g without it.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=4), rows_of(rng.normal(size=4))),
            batched=(0, 1),
            hint="The sum goes along the last axis, axis=-1, with no axis or many in front of it.",
        ),
        keeps_its_inputs(lambda rng: (rng.normal(size=(3, 4)), rows_of(rng.normal(size=(3, 4))))),
    ),
    examples=lambda rng: tuple(
        (rng.normal(size=shape), rows_of(rng.normal(size=shape))) for shape in ((2, 3), (2, 3, 4))
    ),
    mistakes={
        "Only the diagonal of the Jacobian is there: s_i also falls when another score rises.": lambda g, s: (
            g * s * (1 - s)
        ),
        "The sum is missing: subtract sum_k g_k s_k from g.": lambda g, s: g * s,
        "The sum goes over everything; it is one number for each row.": lambda g, s: s * (g - (g * s).sum()),
        "The sum goes over the wrong axis; rows are along the last one.": tuple(
            lambda g, s, axis=axis: s * (g - (g * s).sum(axis, keepdims=True)) for axis in (0, -2, 1)
        ),
        "softmax is applied to s again: s is its output already, and the formula needs nothing else.": lambda g, s: (
            (t := rows_of(s)) * (g - _sum(g * t))
        ),
        "The mean of g_k s_k is subtracted here; it is their sum.": lambda g, s: (
            s * (g - (g * s).mean(-1, keepdims=True))
        ),
        "This is the gradient of cross-entropy in the scores; softmax's own has s_i in front of a bracket.": (
            lambda g, s: s - g,
            lambda g, s: g - s,
        ),
        "The share s_i multiplies both terms, g_i and the sum; here it multiplies one.": (
            lambda g, s: s * g - _sum(g * s),
            lambda g, s: g - s * _sum(g * s),
        ),
        "What is subtracted is the sum of g_k s_k; here the shares are squared.": (
            lambda g, s: s * (g - _sum(g * s * s)),
            lambda g, s: s * (g - _sum(s * s)),
        ),
        "The sum is added; it is subtracted: g_i - sum_k g_k s_k.": lambda g, s: s * (g + _sum(g * s)),
        "g is missing: the gradient that arrives multiplies all of it.": (
            lambda g, s: s * (1 - s),
            lambda g, s: s - s * s,
            lambda g, s: s * (1 - _sum(g * s)),
        ),
        "g_k is missing in the sum, or s_k is; subtract the sum of g_k s_k.": (
            lambda g, s: s * (g - _sum(s)),
            lambda g, s: s * (g - s),
        ),
        "g and s have changed places: s_i (g_i - sum_k g_k s_k).": (
            lambda g, s: g * (s - _sum(g * s)),
            lambda g, s: g * (1 - _sum(g * s)),
            lambda g, s: g * (s - _sum(s * s)),
        ),
        "The largest g_k s_k is subtracted here; it is their sum.": lambda g, s: (
            s * (g - (g * s).max(-1, keepdims=True))
        ),
        "In the sum stands g_k s_k, not g_k (1 - s_k).": lambda g, s: s * (g - _sum(g * (1 - s))),
        "1 - s_i is there as well: the sum has all of it already, as in s_i (g_i - sum_k g_k s_k).": (
            lambda g, s: s * (1 - s) * (g - _sum(g * s)),
            lambda g, s: g * s * (1 - s) - s * _sum(g * s),
        ),
        "The sum goes over all k, also over i itself.": lambda g, s: s * (g - (_sum(g * s) - g * s)),
        "g_k stands once in the sum, and here its square.": lambda g, s: s * (g - _sum(g * g * s)),
        "The gradient is divided by the number of scores: no mean is taken.": lambda g, s: (
            s * (g - _sum(g * s)) / s.shape[-1]
        ),
        "The share s_i stands once in front, and here its square.": lambda g, s: s * s * (g - _sum(g * s)),
        "The share s_i multiplies the bracket; here it is added.": lambda g, s: s + g - _sum(g * s),
        "The diagonal of the Jacobian is missing: s_i g_i.": (
            lambda g, s: -s * _sum(g * s),
            lambda g, s: s * _sum(g * s),
            lambda g, s: -s * (_sum(g * s) - g * s),
        ),
        "In the Jacobian s_i is multiplied by the share s_j of the other score, not by its own: diag(s) - s s^T.": (
            lambda g, s: s * (g - s * _sum(g))
        ),
        "g keeps its sign: no absolute values.": (
            lambda g, s: s * (abs(g) - _sum(g * s)),
            lambda g, s: s * (g - _sum(abs(g * s))),
            lambda g, s: abs(s * (g - _sum(g * s))),
        ),
        "This is s - 1, the gradient of cross-entropy where the label is; softmax's own is s_i times a bracket.": lambda g, s: (
            s - 1
        ),
        "The sum goes up step by step here, as in cumsum; each row has one sum.": lambda g, s: (
            s * (g - np.cumsum(g * s, -1))
        ),
        "The gradient is halved, or doubled: nothing stands before s_i.": (
            lambda g, s: s * (g - _sum(g * s)) / 2,
            lambda g, s: 2 * s * (g - _sum(g * s)),
        ),
        "It divides by s: that is the gradient through the logarithm.": lambda g, s: g / s,
        "The sum s_k g_k is multiplied with g, and not subtracted from it.": lambda g, s: s * g * _sum(g * s),
        "What is subtracted is weighted by the shares: sum_k g_k s_k, not sum_k g_k.": lambda g, s: (
            s * (g - _sum(g))
        ),
        "What is subtracted is a mean weighted by the shares, not the plain mean.": lambda g, s: (
            s * (g - _sum(g) / g.shape[-1])
        ),
        "The share s_i in front is missing: it multiplies the whole bracket.": lambda g, s: g - _sum(g * s),
        "The sign is wrong.": lambda g, s: -s * (g - _sum(g * s)),
        "Zeros: right for weights that are all the same, as softmax always sums to 1, and for no others.": lambda g, s: (
            0 * s
        ),
    },
)
