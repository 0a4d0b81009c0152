"""What must be true of softmax and attention."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import is_vjp_of, keeps_float32, keeps_its_inputs, returns, same


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
OWN_MAXIMUM = "Subtract each row's own maximum: after another row's, exp may be 0 in a whole row."
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
    with np.errstate(all="ignore"):
        got = answer(np.array([[1000.0, 1000.0, -1000.0], [0.0, 800.0, 1.0]]))
    same(got, [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]], "softmax of scores around 1000", hint=TOO_LARGE)


def _rows_far_apart(answer):
    with np.errstate(all="ignore"):
        got = answer(np.array([[1000.0, 1000.0], [-1000.0, -1000.0]]))
    same(got, [[0.5, 0.5], [0.5, 0.5]], "softmax of a row around 1000 and one around -1000", hint=OWN_MAXIMUM)


def _masked(answer):
    with np.errstate(all="ignore"):
        got = answer(np.array([[0.0, -np.inf, 0.0], [-np.inf, -np.inf, -np.inf], [1000.0, 1000.0, -np.inf]]))
    same(got, [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0]], "softmax with -inf", hint=ROW_OF_INF)


def _rows(x):
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)


softmax = Exercise(
    minutes=10,
    level=1,
    hints=(
        "Three steps: exp of every score, the sum of each row, the quotient.",
        "`keepdims=True` keeps the sum's axis, so that each row is divided by its own sum.",
        "exp(1000) is infinite. Subtracting the row's maximum from all its scores changes nothing but that.",
        "A row of -inf has the maximum -inf, and -inf - -inf is nan: take 0 where the maximum is not finite.",
    ),
    why="Subtracting the maximum divides numerator and denominator by exp(max), which cancels; now no exponent is above 0.",
    properties=(
        Property("every row sums to 1", _sums_to_one),
        returns("values are right along the last axis", _scores, _exactly),
        Property("large scores do not overflow", _large_scores),
        Property("rows far apart do not disturb each other", _rows_far_apart),
        Property("-inf gets no share, and a row of nothing but -inf gives zeros", _masked),
        keeps_its_inputs(_scores),
        keeps_float32(_scores),
    ),
    examples=lambda rng: ((rng.normal(size=(4, 7)),),),
    mistakes={
        EVERYTHING: lambda x: _rows(x.reshape(1, -1)).reshape(x.shape),
        COLUMNS: lambda x: _rows(x.T).T,
        "These are exp of the scores, not yet divided by their sum.": np.exp,
        "This is exp of what is left without the maximum, not yet divided by its sum.": lambda x: np.exp(
            x - x.max(-1)[:, None]
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
        "Sum over i with weights g_i: what is common to all j comes out of the sum.",
        "The number sum_k g_k s_k is one for each row: keep its axis.",
    ),
    why="The Jacobian diag(s) - s s^T is never built: multiplied by g it is two products and one sum.",
    properties=(
        is_vjp_of(
            "it is the gradient, with any weights g, on every element",
            _rows,
            _scores,
            vjp=lambda f, g, x: f(g, _rows(x)),
        ),
        keeps_its_inputs(lambda rng: (rng.normal(size=(3, 4)), _rows(rng.normal(size=(3, 4))))),
        keeps_float32(lambda rng: (rng.normal(size=(3, 4)), _rows(rng.normal(size=(3, 4))))),
    ),
    examples=lambda rng: ((rng.normal(size=(2, 3)), _rows(rng.normal(size=(2, 3)))),),
    mistakes={
        "Only the diagonal of the Jacobian is there: s_i also falls when another score rises.": lambda g, s: (
            g * s * (1 - s)
        ),
        "The sum is missing: subtract sum_k g_k s_k from g.": lambda g, s: g * s,
        "The sum goes over everything; it is one number for each row.": lambda g, s: s * (g - (g * s).sum()),
        "The sum goes over the wrong axis; rows are along the last one.": lambda g, s: (
            s * (g - (g * s).sum(0, keepdims=True))
        ),
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
    hint = "Softmax is missing: the shares of a query sum to 1."
    same(answer(np.ones((1, 4)), np.ones((2, 4)), v), [[2.0, 4.0]], what, hint=hint)


DIVIDED_BY_0 = (
    "A row of nothing but -inf has no shares: 0 / 0 is nan. Your softmax of above gives zeros for it."
)
NOT_QUITE_HIDDEN = "With -1e9 in place of -inf, a query that may look nowhere shares after all."


def _looks_nowhere(answer):
    rng = np.random.default_rng(3)
    mask = np.array([[True, False], [False, False]])
    with np.errstate(all="ignore"):
        got = answer(rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), np.array([[5.0], [7.0]]), mask)
    what = "the result where query 0 sees key 0 only, and query 1 nothing"
    same(got, [[5.0], [0.0]], what, hint=DIVIDED_BY_0 if np.isnan(got).any() else NOT_QUITE_HIDDEN)


def _wrong_attention(power=0.5, late_mask=False, axis=-1, turned=False, hidden=-np.inf):
    """Attention with something wrong in it: scores divided by d ** power, `hidden` where nobody may look."""

    def attention(q, k, v, mask=None):
        scores = q @ np.swapaxes(k, -1, -2) / q.shape[-1] ** power
        mask = None if mask is None else ~mask if turned else mask
        if mask is not None and not late_mask:
            scores = np.where(mask, scores, scores if hidden is None else hidden)
        s = np.nan_to_num(np.moveaxis(_rows(np.moveaxis(scores, axis, -1)), -1, axis))
        return (np.where(mask, s, 0) if late_mask and mask is not None else s) @ v

    return attention


attention = Exercise(
    minutes=20,
    level=2,
    hints=(
        "The scores are all dot products of a query with a key: one matrix product with the keys transposed.",
        "np.swapaxes(k, -1, -2) turns the last two axes and leaves batches and heads alone.",
        "Divide by sqrt(d), d the length of a query, before softmax.",
        "Where attention is not allowed, the score is -inf before softmax; then its weight is 0 and the others still sum to 1.",
    ),
    why="Scores of random vectors have variance d; without 1/sqrt(d) softmax would look at one key alone and pass no gradient.",
    properties=(
        Property("equal keys share equally", _equal_keys),
        returns("values are right without a mask", _qkv, _by_loops),
        returns("values are right with a mask", _masked_qkv, _by_loops),
        Property("a query that may look nowhere gets zeros", _looks_nowhere),
        keeps_its_inputs(_masked_qkv),
        keeps_float32(_masked_qkv),
    ),
    examples=lambda rng: (_qkv(rng), _masked_qkv(rng)),
    mistakes={
        "1/sqrt(d) is missing.": _wrong_attention(power=0),
        "The scores are divided by d; it is the root of d.": _wrong_attention(power=1),
        "The mask is not used.": _wrong_attention(hidden=None),
        "A score of 0 still gives a weight, as exp(0) is 1: where attention is not allowed, the score is -inf.": _wrong_attention(
            hidden=0.0
        ),
        "These are the shares themselves: multiply them by the values.": lambda q, k, v, mask=None: (
            _wrong_attention()(q, k, np.eye(k.shape[-2]), mask)
        ),
        "The mask comes after softmax, so that the shares left do not sum to 1.": _wrong_attention(
            late_mask=True
        ),
        "Softmax goes over the queries; each query's shares go over the keys, the last axis.": _wrong_attention(
            axis=-2
        ),
        "The mask is inverted: True is where a query may attend.": _wrong_attention(turned=True),
        "len(q) is the number of texts here; the length of a query is q.shape[-1].": lambda q, k, v, mask=None: (
            _wrong_attention()(q * math.sqrt(q.shape[-1] / len(q)), k, v, mask)
        ),
        "The scale is sqrt of the number of keys; it is sqrt of the length d of a query.": lambda q, k, v, mask=None: (
            _wrong_attention()(q * math.sqrt(q.shape[-1] / k.shape[-2]), k, v, mask)
        ),
    },
)


def _sees_itself_and_before(answer):
    got = answer(4)
    same(got, [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]], "the mask of 4 positions")
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
        Property("position i sees positions 0 .. i", _sees_itself_and_before),
        Property("a single position sees itself", _one),
    ),
    examples=lambda rng: ((4,), (3,)),
    mistakes={
        "No position sees itself: j <= i, not j < i.": lambda T: np.tri(T, k=-1, dtype=bool),
        "This looks ahead: transpose it.": lambda T: np.tri(T, dtype=bool).T,
        "This forbids where it should allow: True is where i may see j.": lambda T: ~np.tri(T, dtype=bool),
        "This is a mask to be added, of 0 and -inf; here True and False are asked for.": lambda T: np.where(
            np.tri(T), 0, -np.inf
        ),
        "This looks one step ahead: j <= i, not j <= i + 1.": lambda T: np.tri(T, k=1, dtype=bool),
        "Each position sees only itself; it may see earlier ones too.": lambda T: np.eye(T, dtype=bool),
        "Each position sees all positions.": lambda T: np.ones((T, T), dtype=bool),
    },
)
