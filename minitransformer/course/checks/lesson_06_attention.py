"""What must be true of softmax and attention."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import (
    is_array_if,
    is_vjp_of,
    keeps_float32,
    keeps_its_inputs,
    returns,
    same,
    takes_batches,
)


def _exactly(x):
    """Softmax by Python's own numbers, element by element."""
    rows = []
    for row in x.reshape(-1, x.shape[-1]).tolist():
        shares = [math.exp(value - max(row)) for value in row]
        rows.append([share / math.fsum(shares) for share in shares])
    return np.array(rows).reshape(x.shape)


def _scores(rng):
    return (rng.normal(size=(2, 3, 5)) * 3,)


EVERYTHING = "The sum goes over everything, so that all rows together sum to 1."
COLUMNS = "The sum goes down the columns; rows are along the last axis."
OWN_SUM = "Each row is divided by its own sum, and by nothing else."
TOO_LARGE = "exp(1000) is infinite: subtract the row's maximum first."
CLIPPED = "Scores are cut off here, so that differences are lost: subtract the row's maximum, which changes no share."
OTHER_NUMBER = "Subtract the row's maximum from its scores, and no other number: then the largest exp is 1."
OWN_MAXIMUM = "Subtract each row's own maximum: after another row's, exp may be 0 in a whole row."
NO_SHARES = "A row of nothing but -inf gives zeros; equal shares come out where its scores became equal finite numbers."
HIDDEN = "exp(-inf) is 0: a score of -inf gets the share 0, and the others of its row sum to 1."
ROW_OF_INF = "-inf - -inf is nan, and so is 0 / 0: where a row's maximum is -inf, subtract 0; where its sum is 0, divide by 1."


def _sums_to_one(answer):
    shares = answer(np.random.default_rng(1).normal(size=(4, 7)))
    hint = OWN_SUM
    if np.shape(shares) == (4, 7):
        hint = (
            EVERYTHING
            if math.isclose(np.sum(shares), 1)
            else COLUMNS
            if np.allclose(np.sum(shares, 0), 1)
            else OWN_SUM
        )
    same(np.sum(shares, -1), np.ones(4), "the sum of each row", hint=hint)


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
        same(got, [expected], f"softmax of {tuple(scores)}", hint=_about_large(got))


def _about_large(got):
    """What is wrong about large scores: infinite exponentials, a limit, or the subtraction of another number."""
    if not np.isfinite(got).all():
        return TOO_LARGE
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


def _rows(x):
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)


def _wrong_softmax(grow=np.exp, total=lambda e: e.sum(-1, keepdims=True), centre=True, fold=np.divide):
    """Softmax with another function in place of exp, or of the sum."""

    def softmax(x):
        with np.errstate(all="ignore"):
            e = grow(x - x.max(-1, keepdims=True) if centre else x)
            return fold(e, total(e))

    return softmax


def _along(axis):
    """Softmax along another axis."""

    def softmax(x):
        return np.moveaxis(_rows(np.moveaxis(x, axis, -1)), -1, axis)

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
            _scores,
            _exactly,
            hint="Each share is exp(x_i) over the sum of exp(x_j) of its row, the last axis, whatever axes come before.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=5),),
            hint="Rows are along the last axis, axis=-1, with no axis or many in front of it.",
        ),
        Property("large scores do not overflow", _large_scores, TOO_LARGE),
        Property("rows far apart do not disturb each other", _rows_far_apart, OWN_MAXIMUM),
        Property("-inf gets no share, and a row of nothing but -inf gives zeros", _masked, HIDDEN),
        keeps_its_inputs(_scores, _with_inf),
        keeps_float32(_scores, _with_inf),
    ),
    examples=lambda rng: ((rng.normal(size=(4, 7)),), (rng.normal(size=(2, 3, 4)),)),
    mistakes={
        EVERYTHING: (lambda x: _rows(x.reshape(1, -1)).reshape(x.shape), _wrong_softmax(total=np.sum)),
        COLUMNS: (_along(0), _along(-2), _summed(0), _summed(-2)),
        "The rows are along the last axis, axis=-1, and not always along axis 1.": (_along(1), _summed(1)),
        "Each x[i] is taken as one row: right for two dimensions, but with more the rows are along the last axis.": (
            lambda x: _rows(x.reshape(len(x), -1)).reshape(x.shape),
            lambda x: (
                np.stack([_wrong_softmax(total=np.sum)(part) for part in x]) if x.ndim > 2 else _rows(x)
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
        "exp is divided by the sum of the scores; divide by the sum of exp.": lambda x: (
            np.exp(x) / x.sum(-1, keepdims=True)
        ),
        "The maximum is subtracted above the line only, or below it only: subtract it before both.": (
            lambda x: np.exp(x - x.max(-1, keepdims=True)) / np.exp(x).sum(-1, keepdims=True),
            lambda x: np.exp(x) / np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True),
        ),
        "This is the sigmoid of each score on its own; softmax divides by the sum of the row.": lambda x: (
            1 / (1 + np.exp(-x))
        ),
        "Softmax is taken twice.": lambda x: _rows(_rows(x)),
        "The scores are divided by their maximum; subtract it.": (
            lambda x: _rows(x / x.max(-1, keepdims=True)),
        ),
        "The mean square, or the spread, is divided out first: only the maximum is subtracted.": (
            lambda x: _rows(x / x.std(-1, keepdims=True)),
        ),
        "These are exp of the scores, not yet divided by their sum.": np.exp,
        "This is exp of what is left without the maximum, not yet divided by its sum.": lambda x: np.exp(
            x - x.max(-1, keepdims=True)
        ),
        "This is the logarithm of softmax.": lambda x: np.log(_rows(x)),
        "The sign is wrong: the largest score gets the largest share.": lambda x: _rows(-x),
    },
)


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
            _rows,
            _scores,
            vjp=lambda f, g, x: f(g, _rows(x)),
            hint="Two steps: the sum of g * s for each row, its axis kept; then s times what is left of g without it.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=4), _rows(rng.normal(size=4))),
            batched=(0, 1),
            hint="The sum goes along the last axis, axis=-1, with no axis or many in front of it.",
        ),
        keeps_its_inputs(lambda rng: (rng.normal(size=(3, 4)), _rows(rng.normal(size=(3, 4))))),
    ),
    examples=lambda rng: tuple(
        (rng.normal(size=shape), _rows(rng.normal(size=shape))) for shape in ((2, 3), (2, 3, 4))
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
            (t := _rows(s)) * (g - _sum(g * t))
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


def _qkv(rng):
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 6))


def _masked_qkv(rng):
    return *_qkv(rng), np.array([[True, False, True, True, False], [False] * 4 + [True], [True] * 5])


def _by_loops(q, k, v, mask=None):
    """Attention one query at a time, in Python's own numbers."""
    out = np.zeros((*q.shape[:-1], v.shape[-1]))
    for b, t in np.ndindex(q.shape[:-1]):
        seen = [s for s in range(k.shape[1]) if mask is None or mask[t, s]]
        scores = np.array([[math.fsum(q[b, t] * k[b, s]) / math.sqrt(q.shape[-1]) for s in seen]])
        out[b, t] = _exactly(scores)[0] @ v[b, seen] if seen else 0.0
    return out


def _equal_keys(answer):
    v = np.array([[1.0, 2.0], [3.0, 6.0]])
    what = "the mean of the values, as both keys are equal"
    same(answer(np.ones((1, 4)), np.ones((2, 4)), v), [[2.0, 4.0]], what)


def _large(answer):
    """Scores of some thousands, all but one of which must vanish; without a mask, and where the largest is hidden."""
    q = np.full((1, 4), 100.0)
    k = np.array([[30.0] * 4, [29.0] * 4, [-30.0] * 4])
    v = np.array([[1.0], [2.0], [5.0]])
    for mask, expected in ((None, 1.0), (np.array([[False, True, True]]), 2.0)):
        with np.errstate(all="ignore"):
            got = answer(q, k, v, *([] if mask is None else [mask]))
        first = TOO_LARGE if got is not None and np.isnan(got).any() else ""
        same(
            got,
            [[expected]],
            f"attention with scores of thousands{', the largest hidden' if expected > 1 else ''}",
            hint=first,
        )


DIVIDED_BY_0 = (
    "A row of nothing but -inf has no shares: 0 / 0 is nan. Your softmax of above gives zeros for it."
)
NOT_QUITE_HIDDEN = (
    "A query that may look nowhere gets shares here, as with -1e9 in place of -inf: -inf gives zeros."
)


def _looks_nowhere(answer):
    rng = np.random.default_rng(3)
    mask = np.array([[True, False], [False, False]])
    with np.errstate(all="ignore"):
        got = answer(rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), np.array([[5.0], [7.0]]), mask)
    what = "the result where query 0 sees key 0 only, and query 1 nothing"
    same(got, [[5.0], [0.0]], what, hint=DIVIDED_BY_0 if np.isnan(got).any() else NOT_QUITE_HIDDEN)


def _no_nan(scores):
    return np.nan_to_num(_rows(scores))


def _wrong_attention(
    length=lambda q, k, v: q.shape[-1] ** 0.5,
    see=lambda mask, T, S: mask,
    hide=lambda scores, mask: np.where(mask, scores, -np.inf),
    share=_no_nan,
    after=lambda shares, mask, d: shares,
    take=np.matmul,
):
    """Attention with something wrong in it, made of the same steps."""

    def attention(q, k, v, mask=None):
        scores = q @ np.swapaxes(k, -1, -2) / length(q, k, v)
        mask = see(mask, *scores.shape[-2:])
        scores = scores if mask is None else hide(scores, mask)
        with np.errstate(all="ignore"):
            return take(after(share(scores), mask, q.shape[-1]), v)

    return attention


def _where_masked(turn):
    return lambda mask, T, S: None if mask is None else turn(mask)


def _causal_too(mask, T, S):
    return np.tri(T, S, dtype=bool) & (True if mask is None else mask)


def _only_shares(shares, v):
    return shares


def _leave(scores, mask):
    return scores


attention = Exercise(
    minutes=20,
    level=2,
    hints=(
        "The scores are all dot products of a query with a key: one matrix product with the keys transposed.",
        "np.swapaxes(k, -1, -2) swaps the last two axes and keeps those in front as they are.",
        "Divide by sqrt(d), d the length of a query, before softmax.",
        "Where attention is not allowed, the score is -inf before softmax; then its weight is 0 and the others still sum to 1.",
    ),
    why="Scores of random vectors have variance d; without 1/sqrt(d) one key gets nearly all, and there is hardly a gradient.",
    properties=(
        Property(
            "equal keys share equally",
            _equal_keys,
            "Two equal keys have equal scores, so that softmax gives 1/2 to each: the result is the mean of both values.",
        ),
        returns(
            "values are right without a mask",
            _qkv,
            _by_loops,
            hint="In this order: q k^T, divided by sqrt(d), softmax along the keys, times v.",
        ),
        returns(
            "values are right with a mask",
            _masked_qkv,
            _by_loops,
            hint="Where the mask is False, the score becomes -inf; this comes before softmax, and the rest is as without a mask.",
        ),
        takes_batches(
            lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=(5, 6))),
            batched=(0, 1, 2),
            hint="With batches and heads in front, only the last two axes of k change places: np.swapaxes(k, -1, -2).",
        ),
        Property(
            "a query that may look nowhere gets zeros",
            _looks_nowhere,
            "All scores of such a query are -inf, and your softmax of above gives a row of zeros for that.",
        ),
        Property(
            "large scores do no harm", _large, "Mask with -inf, and let your softmax subtract the maximum."
        ),
        keeps_its_inputs(_qkv, _masked_qkv),
        keeps_float32(_qkv, _masked_qkv),
    ),
    examples=lambda rng: (_qkv(rng), _masked_qkv(rng)),
    mistakes={
        "1/sqrt(d) is missing.": _wrong_attention(lambda q, k, v: 1),
        "The scores are divided by d; it is the root of d.": _wrong_attention(lambda q, k, v: q.shape[-1]),
        "The scores are multiplied by sqrt(d); divide them by it.": _wrong_attention(
            lambda q, k, v: q.shape[-1] ** -0.5
        ),
        "The scale is the root of the length of a value; it is that of d, the length of a query.": _wrong_attention(
            lambda q, k, v: v.shape[-1] ** 0.5
        ),
        "The scale is the root of the number of queries; it is that of d, the length of a query.": _wrong_attention(
            lambda q, k, v: q.shape[-2] ** 0.5
        ),
        "The shares are divided by sqrt(d), after softmax, so that they no longer sum to 1: divide the scores, before it.": (
            _wrong_attention(lambda q, k, v: 1, after=lambda shares, mask, d: shares / d**0.5),
            _wrong_attention(lambda q, k, v: 1, after=lambda shares, mask, d: shares * d**0.5),
            _wrong_attention(after=lambda shares, mask, d: shares / d**0.5),
        ),
        "The mask is not used.": _wrong_attention(hide=_leave),
        "It is always causal here: without a mask every query attends to all keys, and with one the mask alone decides.": (
            _wrong_attention(see=_causal_too),
            _wrong_attention(see=lambda mask, T, S: np.tri(T, S, dtype=bool)),
            _wrong_attention(see=lambda mask, T, S: np.tri(T, S, dtype=bool) if mask is None else mask),
        ),
        "A score of 0 still gives a weight, as exp(0) is 1: where attention is not allowed, the score is -inf.": (
            _wrong_attention(hide=lambda scores, mask: np.where(mask, scores, 0.0))
        ),
        "A score such as -1 or -10 still gives a weight: where attention is not allowed, the score is -inf.": tuple(
            _wrong_attention(hide=lambda scores, mask, low=low: np.where(mask, scores, low))
            for low in (-1.0, -5.0, -10.0)
        ),
        "The mask changes the scores by 1 alone, as a number: where it is False, the score must become -inf.": (
            _wrong_attention(hide=np.add),
            _wrong_attention(hide=lambda scores, mask: scores - mask),
        ),
        "These are the shares themselves: multiply them by the values.": _wrong_attention(take=_only_shares),
        "The mask comes after softmax, so that the shares left do not sum to 1.": _wrong_attention(
            hide=_leave, after=lambda shares, mask, d: shares if mask is None else np.where(mask, shares, 0)
        ),
        "Softmax goes over the queries; each query's shares go over the keys, the last axis.": (
            _wrong_attention(share=lambda x: np.nan_to_num(_along(-2)(x)))
        ),
        "Softmax goes over the batch; each query's shares go over the keys, the last axis.": _wrong_attention(
            share=lambda x: np.nan_to_num(_along(0)(x))
        ),
        "The sum of softmax goes over all queries and keys; each query's shares sum to 1.": _wrong_attention(
            share=lambda x: _rows(x.reshape(*x.shape[:-2], 1, -1)).reshape(x.shape)
        ),
        "Softmax is missing: the shares of a query sum to 1.": (
            _wrong_attention(share=lambda x: x, hide=lambda scores, mask: np.where(mask, scores, 0)),
            _wrong_attention(
                lambda q, k, v: 1, share=lambda x: x, hide=lambda scores, mask: np.where(mask, scores, 0)
            ),
            _wrong_attention(share=lambda x: x),
        ),
        "exp of the scores is not divided by its sum: the shares of a query sum to 1.": _wrong_attention(
            share=np.exp
        ),
        "Softmax is taken twice.": _wrong_attention(share=lambda x: _rows(_no_nan(x))),
        "The largest score takes all here; softmax gives every key a share.": _wrong_attention(
            share=lambda x: (x == x.max(-1, keepdims=True)) * 1.0
        ),
        "Every key gets the same share: softmax of the scores decides.": _wrong_attention(
            share=lambda x: _rows(0 * x)
        ),
        "The mask is inverted: True is where a query may attend.": _wrong_attention(
            see=_where_masked(np.logical_not)
        ),
        "len(q) is the number of texts here; the length of a query is q.shape[-1].": _wrong_attention(
            lambda q, k, v: len(q) ** 0.5
        ),
        "The scale is sqrt of the number of keys; it is sqrt of the length d of a query.": _wrong_attention(
            lambda q, k, v: k.shape[-2] ** 0.5
        ),
    },
)


def _sees_itself_and_before(answer):
    got = answer(4)
    right = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    same(got, right, "the mask of 4 positions")
    is_array_if(right, got)
    if np.asarray(got).dtype.kind != "b":
        raise Failed(
            f"expected booleans, got {np.asarray(got).dtype}",
            hint="A comparison such as `a >= b` gives booleans.",
        )


def _one(answer):
    same(answer(1), [[1]], "the mask of 1 position")


causal_mask = Exercise(
    minutes=5,
    level=1,
    hints=("np.arange(T) as a column, compared with np.arange(T) as a row, gives a table of T x T answers.",),
    why="One line of broadcasting; np.tri and np.tril make the same table.",
    properties=(
        Property(
            "position i sees positions 0 .. i",
            _sees_itself_and_before,
            "A table of T rows and T columns: row i is True at columns 0 to i, and False behind them.",
        ),
        Property(
            "a single position sees itself", _one, "For T = 1 it is a table of one row and one column, True."
        ),
    ),
    examples=lambda rng: ((4,), (3,)),
    mistakes={
        "No position sees itself: j <= i, not j < i.": lambda T: np.tri(T, k=-1, dtype=bool),
        "This looks ahead: transpose it.": lambda T: np.tri(T, dtype=bool).T,
        "This forbids where it should allow: True is where i may see j.": lambda T: ~np.tri(T, dtype=bool),
        "This is a mask to be added, of 0 and -inf; here True and False are asked for.": (
            lambda T: np.where(np.tri(T), 0, -np.inf),
            lambda T: np.where(np.tri(T), 0, -1e9),
        ),
        "The rows are in the reverse order: row 0 sees position 0 alone.": lambda T: np.tri(T, dtype=bool)[
            ::-1
        ],
        "The columns are in the reverse order: row 0 sees position 0 alone.": lambda T: np.tri(T, dtype=bool)[
            :, ::-1
        ],
        "Only the position just before and the position itself are seen; all earlier ones may be.": lambda T: (
            np.tri(T, dtype=bool) & ~np.tri(T, k=-2, dtype=bool)
        ),
        "A table of T rows and T columns is wanted; this is one row.": (
            lambda T: np.ones(T, dtype=bool),
            lambda T: np.arange(T) >= np.arange(T),
        ),
        "This looks one step ahead: j <= i, not j <= i + 1.": lambda T: np.tri(T, k=1, dtype=bool),
        "Each position sees only itself; it may see earlier ones too.": lambda T: np.eye(T, dtype=bool),
        "Each position sees all positions.": lambda T: np.ones((T, T), dtype=bool),
    },
)
