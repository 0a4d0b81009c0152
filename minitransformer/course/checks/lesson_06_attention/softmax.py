"""What must be true of softmax."""

import math

import numpy as np

from minitransformer.course.checks.lesson_06_attention.common import (
    TOO_LARGE,
    along,
    exactly,
    random_scores,
    rows_of,
)
from minitransformer.course.differences import rounded
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_float32, keeps_its_inputs, returns, same, takes_batches

EVERYTHING = "The sum goes over everything, so that all rows together sum to 1."
COLUMNS = "The sum goes down the columns; rows are along the last axis."
OWN_SUM = "Each row is divided by its own sum, and by nothing else."
CLIPPED = "Scores are cut off here, so that differences are lost: subtract the row's maximum, which changes no share."
OTHER_NUMBER = "Subtract the row's maximum from its scores, and no other number: then the largest exp is 1."
OWN_MAXIMUM = "Subtract each row's own maximum: after another row's, exp may be 0 in a whole row."
NO_SHARES = "A row of nothing but -inf gives zeros; equal shares come out where its scores became equal finite numbers."
HIDDEN = "exp(-inf) is 0: a score of -inf gets the share 0, and the others of its row sum to 1."
ROW_OF_INF = "-inf - -inf is nan, and so is 0 / 0: where a row's maximum is -inf, subtract 0; where its sum is 0, divide by 1."


def _sums_to_one(answer):
    x = np.random.default_rng(1).normal(size=(4, 7))
    shares = answer(x)
    if np.shape(shares) != x.shape:
        same(shares, exactly(x), "the result for 4 rows of 7")
    same(
        np.sum(shares, -1),
        np.ones(4),
        "the sum of each row",
        hint=_about_sums(np.asarray(shares), exactly(x)),
    )


def _about_sums(shares, right):
    """What is wrong about the sums of rows, or "" where that is not known."""
    if not np.any(shares, -1).all() or rounded(right, shares):
        return rounded(right, shares)
    if math.isclose(np.sum(shares), 1):
        return EVERYTHING
    return COLUMNS if np.allclose(np.sum(shares, 0), 1) else OWN_SUM


def _large_scores(answer):
    more = 1 / (1 + math.exp(-1))
    for scores, expected in (
        ([1000.0, 1000.0, -1000.0], [0.5, 0.5, 0.0]),
        ([0.0, 800.0, 1.0], [0.0, 1.0, 0.0]),
        ([1000.0, 999.0], [more, 1 - more]),
        ([-1000.0, -1001.0], [more, 1 - more]),
        ([1e5, -1e5], [1.0, 0.0]),
    ):
        with np.errstate(all="ignore"):
            got = answer(np.array([scores]))
            equal = answer(np.array([[1000.0, 1000.0]]))
        same(got, [expected], f"softmax of {tuple(scores)}", hint=_about_large(got, equal))


def _about_large(got, equal):
    """What is wrong about large scores: infinite exponentials, a limit, or the subtraction of another number."""
    if not np.isfinite(got).all():
        return OTHER_NUMBER if np.isfinite(equal).all() else TOO_LARGE
    return CLIPPED if np.any(got) and np.allclose(got, np.ravel(got)[0]) else OTHER_NUMBER


def _rows_far_apart(answer):
    with np.errstate(all="ignore"):
        got = answer(np.array([[1000.0, 1000.0], [-1000.0, -1000.0]]))
    same(got, [[0.5, 0.5], [0.5, 0.5]], "softmax of a row around 1000 and one around -1000", hint=OWN_MAXIMUM)


def _masked(answer):
    with np.errstate(all="ignore"):
        got = answer(np.array([[0.0, -np.inf, 0.0], [-np.inf, -np.inf, -np.inf], [1000.0, 1000.0, -np.inf]]))
    expected = np.array([[0.5, 0.0, 0.5], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    same(got, expected, "softmax with -inf", hint=_about_inf(got, expected))


def _about_inf(got, expected):
    """What is wrong about -inf: nan, shares in a row of nothing but -inf, or a share for one -inf."""
    if np.shape(got) != expected.shape:
        return ""
    if np.isnan(got).any():
        return ROW_OF_INF
    return HIDDEN if not np.allclose(got[::2], expected[::2]) else NO_SHARES


def _with_inf(rng):
    return (np.array([[1.0, -np.inf, 2.0], [-np.inf] * 3]),)


def _wrong_softmax(grow=np.exp, total=lambda e: e.sum(-1, keepdims=True), centre=True, fold=np.divide):
    """Softmax with another function in place of exp, or of the sum."""

    def softmax(x):
        with np.errstate(all="ignore"):
            e = grow(x - x.max(-1, keepdims=True) if centre else x)
            return fold(e, total(e))

    return softmax


def _summed(axis):
    """Softmax whose maximum goes along the last axis, and its sum along another."""
    return _wrong_softmax(total=lambda e: e.sum(axis, keepdims=True))


softmax = Exercise(
    minutes=10,
    level=1,
    hints=(
        "Three steps: exp of every score, the sum of each row, the quotient.",
        "`keepdims=True` keeps the sum's axis, so that each row is divided by its own sum.",
        "exp(1000) is infinite. Subtract the row's maximum from all its scores: no share changes, and no exponent is above 0.",
        "A row of -inf has the maximum -inf, and -inf - -inf is nan: take 0 where the maximum is not finite.",
    ),
    why="Subtracting the maximum divides numerator and denominator by exp(max), which cancels; now no exponent is above 0.",
    properties=(
        Property("every row sums to 1", _sums_to_one, "Divide exp of each score by the sum of its row."),
        returns(
            "values are right along the last axis",
            random_scores,
            exactly,
            hint="Each share is exp(x_i) over the sum of exp(x_j) of its row, the last axis, whatever axes come before.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=5),),
            hint="Rows are along the last axis, axis=-1, with no axis or many in front of it.",
        ),
        Property("large scores do not overflow", _large_scores, TOO_LARGE),
        Property("rows far apart do not disturb each other", _rows_far_apart, OWN_MAXIMUM),
        Property("-inf gets no share, and a row of nothing but -inf gives zeros", _masked, HIDDEN),
        keeps_its_inputs(random_scores, _with_inf),
        keeps_float32(random_scores, _with_inf),
    ),
    examples=lambda rng: ((rng.normal(size=(4, 7)),), (rng.normal(size=(2, 3, 4)),)),
    mistakes={
        EVERYTHING: (lambda x: rows_of(x.reshape(1, -1)).reshape(x.shape), _wrong_softmax(total=np.sum)),
        COLUMNS: (along(0), along(-2), _summed(0), _summed(-2)),
        "The rows are along the last axis, axis=-1, and not always along axis 1.": (along(1), _summed(1)),
        "Each x[i] is taken as one row: right for two dimensions, but with more the rows are along the last axis.": (
            lambda x: rows_of(x.reshape(len(x), -1)).reshape(x.shape),
            lambda x: (
                np.stack([_wrong_softmax(total=np.sum)(part) for part in x]) if x.ndim > 2 else rows_of(x)
            ),
        ),
        "exp is missing: the scores themselves are divided by their sum.": (
            _wrong_softmax(lambda x: x, centre=False),
            _wrong_softmax(lambda x: x),
            _wrong_softmax(abs, centre=False),
            _wrong_softmax(lambda x: x, total=lambda e: abs(e).sum(-1, keepdims=True), centre=False),
        ),
        "The base of the powers is e: np.exp, neither 2 ** x nor 10 ** x.": (
            _wrong_softmax(np.exp2),
            _wrong_softmax(lambda x: 10.0**x),
        ),
        "The largest score gets the whole share here; softmax gives every score one.": _wrong_softmax(
            lambda x: (x == 0) * 1.0
        ),
        "exp is divided by the mean of the row here; divide by the sum.": _wrong_softmax(
            total=lambda e: e.mean(-1, keepdims=True)
        ),
        "exp is divided by the root of the sum of squares here; divide by the sum.": _wrong_softmax(
            total=lambda e: np.sqrt((e * e).sum(-1, keepdims=True))
        ),
        "exp is divided by the number of scores here; divide by the sum.": _wrong_softmax(
            total=lambda e: e.shape[-1], centre=False
        ),
        "exp is divided by the sum of the scores; divide by the sum of exp.": (
            lambda x: np.exp(x) / x.sum(-1, keepdims=True),
            lambda x: np.exp(x - x.max(-1, keepdims=True)) / x.sum(-1, keepdims=True),
        ),
        "The maximum is subtracted above the line only, or below it only: subtract it before both.": (
            lambda x: np.exp(x - x.max(-1, keepdims=True)) / np.exp(x).sum(-1, keepdims=True),
            lambda x: np.exp(x) / np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True),
        ),
        "This is the sigmoid of each score on its own; softmax divides by the sum of the row.": lambda x: (
            1 / (1 + np.exp(-x))
        ),
        "Softmax is taken twice.": lambda x: rows_of(rows_of(x)),
        "The scores are divided by their maximum; subtract it.": (
            lambda x: rows_of(x / x.max(-1, keepdims=True)),
        ),
        "The mean square, or the spread, is divided out first: only the maximum is subtracted.": (
            lambda x: rows_of(x / x.std(-1, keepdims=True)),
        ),
        "These are exp of the scores, not yet divided by their sum.": np.exp,
        "This is exp of what is left without the maximum, not yet divided by its sum.": lambda x: np.exp(
            x - x.max(-1, keepdims=True)
        ),
        "This is exp(x) - 1, np.expm1; the shares are made of np.exp.": (
            _wrong_softmax(np.expm1),
            _wrong_softmax(np.expm1, centre=False),
        ),
        "The maximum is multiplied with the scores, or divides them; subtract it.": (
            lambda x: rows_of(x * x.max(-1, keepdims=True)),
        ),
        "exp is missing: these are squares, divided by their sum.": (
            _wrong_softmax(np.square),
            _wrong_softmax(np.square, centre=False),
        ),
        "exp of the absolute values: a score below 0 gets a smaller share than 0 does.": lambda x: rows_of(
            abs(x)
        ),
        "Scores below 0 are made 0 first: softmax takes any number as it is.": lambda x: rows_of(
            np.maximum(x, 0)
        ),
        "1 is added to the sum under the line: the shares of a row no longer sum to 1.": (
            _wrong_softmax(total=lambda e: 1 + e.sum(-1, keepdims=True)),
            _wrong_softmax(total=lambda e: 1 + e.sum(-1, keepdims=True), centre=False),
        ),
        "exp is divided by the logarithm of its sum; divide by the sum.": _wrong_softmax(
            total=lambda e: np.log(e.sum(-1, keepdims=True))
        ),
        "The sum goes up step by step here, as in cumsum; each row has one sum.": _wrong_softmax(
            total=lambda e: e.cumsum(-1)
        ),
        "In the sum the score itself is left out: all of the row are in it.": _wrong_softmax(
            total=lambda e: e.sum(-1, keepdims=True) - e
        ),
        "The scores are multiplied or divided by a number first: exp takes them as they are.": tuple(
            lambda x, factor=factor: rows_of(factor * x) for factor in (0.5, 2.0, 0.1, 10.0)
        ),
        "This is the logarithm of softmax.": lambda x: np.log(rows_of(x)),
        "The sign is wrong: the largest score gets the largest share.": lambda x: rows_of(-x),
    },
)
