"""What must be true of cross_entropy_vjp."""

import numpy as np

from minitransformer.course.checks.lesson_09_learning.common import batch, large_scores, softmax, surprise
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import is_vjp_of, keeps_float32, keeps_its_inputs, same


def _halves(answer):
    same(
        answer(1.0, np.zeros((1, 2)), np.array([1])), [[0.5, -0.5]], "the gradient where two scores are equal"
    )


def _rows_sum_to_zero(answer):
    logits, targets = batch(np.random.default_rng(2))
    same(answer(1.0, logits, targets).sum(-1) + 1, np.ones(4), "1 + the sum of each row of the gradient")


def _large_scores(answer):
    with np.errstate(all="ignore"):
        got = answer(2.0, *large_scores(None))
    if got is not None and np.isnan(got).any():
        hint = "exp(1000) is infinite, and infinite by infinite is nan: subtract the row's maximum first."
        raise Failed("the gradient for scores around 1000 is nan", hint=hint)
    same(got, [[1, -1, 0], [0, 0, 0]], "the gradient for scores around 1000")


def _with_g(rng):
    return 1.5, *batch(rng)


def _wrong_vjp(axis=-1, share=True, right=1.0, scale=lambda g, n, v: g / n, pick=None):
    """The gradient of cross-entropy with something wrong in it."""

    def cross_entropy_vjp(g, logits, targets):
        p = softmax(logits, axis)
        hit = np.arange(logits.shape[1]) == targets[:, None] if pick is None else pick(p, targets)
        return ((p if share else 0) - right * hit) * scale(g, *logits.shape)

    return cross_entropy_vjp


cross_entropy_vjp = Exercise(
    minutes=15,
    level=2,
    hints=(
        "For one row: ln p_t = x_t - ln sum_j exp(x_j). The slope of the second part in x_i is p_i.",
        "So -ln p_t has the slope p_i in x_i, and one less where i is the right class. Each row counts 1/N, by the mean.",
        "p[np.arange(N), targets] -= 1 takes 1 from one entry of each row. Then multiply by g / N.",
    ),
    why="Guess minus truth: the error itself is the gradient, never larger than 1, and never vanishing while the guess is wrong.",
    properties=(
        Property("two equal scores give a half each way", _halves),
        Property("every row sums to 0: what one class gains the others lose", _rows_sum_to_zero),
        is_vjp_of(
            "it is the gradient, with any g, on every element",
            lambda logits, targets: surprise(logits, targets),
            batch,
            wrt=(0,),
        ),
        Property("large scores do not overflow", _large_scores),
        keeps_its_inputs(_with_g),
        keeps_float32(_with_g),
    ),
    examples=lambda rng: (_with_g(rng), _with_g(rng)),
    mistakes={
        "The mean is forgotten: divide by N.": _wrong_vjp(scale=lambda g, n, v: g),
        "Divide by N, the number of rows, not by all N x V entries.": _wrong_vjp(
            scale=lambda g, n, v: g / (n * v)
        ),
        "The sign is wrong: it is the guess minus the truth.": _wrong_vjp(scale=lambda g, n, v: -g / n),
        "g is left out: right only where the end result is the loss itself.": _wrong_vjp(
            scale=lambda g, n, v: 1 / n
        ),
        "The right class is missing: one less there.": _wrong_vjp(right=0.0),
        "The shares are missing: the scores of the wrong classes must fall.": _wrong_vjp(share=False),
        "This is the gradient in the shares, -1/p; in the scores it is p minus 1 at the right class.": _wrong_vjp(
            share=False, pick=lambda p, targets: (np.arange(p.shape[1]) == targets[:, None]) / p
        ),
        "Only the right class gets a gradient here; the others' scores must fall.": _wrong_vjp(
            share=False, pick=lambda p, targets: (np.arange(p.shape[1]) == targets[:, None]) * (1 - p)
        ),
        "`p[:, targets] -= 1` changes every row at all targets; `p[np.arange(N), targets]` is one of each row.": _wrong_vjp(
            pick=lambda p, targets: np.isin(np.arange(p.shape[1]), targets)[None, :]
        ),
        "Softmax goes down the columns; the classes of a row are along the last axis.": _wrong_vjp(axis=0),
    },
)
