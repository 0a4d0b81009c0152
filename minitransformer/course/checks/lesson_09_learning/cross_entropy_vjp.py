"""What must be true of cross_entropy_vjp."""

import numpy as np

from minitransformer.course.checks.lesson_09_learning.common import batch, large_scores, softmax, surprise
from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import is_vjp_of, keeps_its_inputs, same


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
        Property(
            "two equal scores give a half each way",
            _halves,
            "Both shares are 1/2; 1 is subtracted at the right class; then g / N with N = 1 rows.",
        ),
        Property(
            "every row sums to 0: what one class gains the others lose",
            _rows_sum_to_zero,
            "The shares of a row sum to 1, and 1 is subtracted at one place of each row.",
        ),
        is_vjp_of(
            "it is the gradient, with any g, on every element",
            lambda logits, targets: surprise(logits, targets),
            batch,
            wrt=(0,),
            hint="softmax of each row, minus 1 at the right class of each row, times g / N.",
        ),
        Property("large scores do not overflow", _large_scores, "Subtract each row's maximum before exp."),
        keeps_its_inputs(_with_g, lambda rng: (2.0, *large_scores(rng))),
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
        "The mean over V stands where the one over N should: divide by N, the number of rows.": _wrong_vjp(
            scale=lambda g, n, v: g / v
        ),
        "It is divided by g; multiply by g.": _wrong_vjp(scale=lambda g, n, v: 1 / g / n),
        "g is added; it multiplies.": lambda g, logits, targets: g + _wrong_vjp()(1.0, logits, targets),
        "It is multiplied by N; divide by it.": _wrong_vjp(scale=lambda g, n, v: g * n),
        "1 is added at the right class; it is subtracted.": _wrong_vjp(right=-1.0),
        "Softmax is missing: the shares are compared with the truth, not the scores.": (
            lambda g, logits, targets: g / len(targets) * (logits - np.eye(logits.shape[1])[targets])
        ),
        "The logarithms of the shares are compared with the truth; it is the shares themselves.": (
            lambda g, logits, targets: (
                g / len(targets) * (np.log(softmax(logits)) - np.eye(logits.shape[1])[targets])
            )
        ),
        "Softmax goes over all rows together; each row's shares sum to 1.": (
            lambda g, logits, targets: (
                g / len(targets) * (np.exp(logits) / np.exp(logits).sum() - np.eye(logits.shape[1])[targets])
            )
        ),
        "exp is not divided by the sum of its row.": (
            lambda g, logits, targets: g / len(targets) * (np.exp(logits) - np.eye(logits.shape[1])[targets]),
            lambda g, logits, targets: (
                g
                / len(targets)
                * (np.exp(logits - logits.max(-1, keepdims=True)) - np.eye(logits.shape[1])[targets])
            ),
        ),
        "This is the gradient of the squared error; that of cross-entropy is p minus 1 at the right class.": (
            lambda g, logits, targets: 2 * _wrong_vjp()(g, logits, targets),
            lambda g, logits, targets: (
                lambda p, d: g / len(targets) * 2 * p * (d - (p * d).sum(-1, keepdims=True))
            )(softmax(logits), softmax(logits) - np.eye(logits.shape[1])[targets]),
        ),
        "softmax's own gradient is applied once more; p minus 1 at the right class is already the gradient in the scores.": (
            lambda g, logits, targets: (
                lambda p, d: g / len(targets) * p * (d - (p * d).sum(-1, keepdims=True))
            )(softmax(logits), softmax(logits) - np.eye(logits.shape[1])[targets]),
            lambda g, logits, targets: (lambda p, d: g / len(targets) * p * (1 - p) * d)(
                softmax(logits), softmax(logits) - np.eye(logits.shape[1])[targets]
            ),
        ),
        "All are zeros.": lambda g, logits, targets: 0 * logits,
        "Softmax goes down the columns; the classes of a row are along the last axis.": _wrong_vjp(axis=0),
    },
)
