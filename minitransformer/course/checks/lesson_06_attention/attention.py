"""What must be true of attention."""

import math

import numpy as np

from minitransformer.course.checks.lesson_06_attention.common import TOO_LARGE, along, exactly, rows_of
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_float32, keeps_its_inputs, returns, same, takes_batches


def _qkv(rng):
    """Queries of a length whose root is no other simple number."""
    return rng.normal(size=(2, 3, 7)), rng.normal(size=(2, 5, 7)), rng.normal(size=(2, 5, 6))


def _masked_qkv(rng):
    return *_qkv(rng), np.array([[True, False, True, True, False], [False] * 4 + [True], [True] * 5])


def _sparse_mask():
    """A mask that hides one key from all queries."""
    return np.array(
        [[True, False, True, True, False], [False] * 4 + [True], [True, False, False, True, True]]
    )


def _by_loops(q, k, v, mask=None):
    """Attention one query at a time, in Python's own numbers."""
    out = np.zeros((*q.shape[:-1], v.shape[-1]))
    for b, t in np.ndindex(q.shape[:-1]):
        seen = [s for s in range(k.shape[1]) if mask is None or mask[t, s]]
        scores = np.array([[math.fsum(q[b, t] * k[b, s]) / math.sqrt(q.shape[-1]) for s in seen]])
        out[b, t] = exactly(scores)[0] @ v[b, seen] if seen else 0.0
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
    return np.nan_to_num(rows_of(scores))


def _wrong_attention(
    length=lambda q, k, v: q.shape[-1] ** 0.5,
    see=lambda mask, T, S: mask,
    hide=lambda scores, mask: np.where(mask, scores, -np.inf),
    share=_no_nan,
    after=lambda shares, mask, d: shares,
    take=np.matmul,
    score=lambda q, k: q @ np.swapaxes(k, -1, -2),
):
    """Attention with something wrong in it, made of the same steps."""

    def attention(q, k, v, mask=None):
        scores = score(q, k) / length(q, k, v)
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


def _times(change):
    """The right result, with something done to it."""
    return lambda q, k, v, mask=None: change(_wrong_attention()(q, k, v, mask), q, k, v)


def _squares(q, k):
    """The squared distance of each query to each key."""
    return ((q[..., :, None, :] - k[..., None, :, :]) ** 2).sum(-1)


def _units(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


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
    examples=lambda rng: (_qkv(rng), _masked_qkv(rng), (*_qkv(rng), _sparse_mask())),
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
        "The scores are divided by half of d; it is the root of d.": (
            _wrong_attention(lambda q, k, v: q.shape[-1] / 2),
            _wrong_attention(lambda q, k, v: q.shape[-1] // 2),
        ),
        "The scores are divided by d twice over; it is the root of d.": _wrong_attention(
            lambda q, k, v: q.shape[-1] ** 2
        ),
        "A factor too much stands beside sqrt(d).": tuple(
            _wrong_attention(lambda q, k, v, factor=factor: factor * q.shape[-1] ** 0.5)
            for factor in (2, 0.5)
        ),
        "The scores are divided by a number that does not depend on d; divide by sqrt(d).": tuple(
            _wrong_attention(lambda q, k, v, n=n: n) for n in (2, 4, 8, 10)
        ),
        "The values that come out are divided by sqrt(d) again, or multiplied: only scores are divided.": (
            _times(lambda out, q, k, v: out / v.shape[-1] ** 0.5),
            _times(lambda out, q, k, v: out * q.shape[-1] ** 0.5),
        ),
        "The result is divided by the number of keys: the shares sum to 1, so that it is a mean already.": _times(
            lambda out, q, k, v: out / k.shape[-2]
        ),
        "Something is added to the mean of the values: the result is that alone.": (
            _times(lambda out, q, k, v: out + v.mean(-2, keepdims=True)),
            _times(lambda out, q, k, v: out + v.sum(-2, keepdims=True)),
        ),
        "Queries and keys are used as they are, not divided by their own length: divide the scores by sqrt(d).": _wrong_attention(
            lambda q, k, v: 1, score=lambda q, k: _units(q) @ np.swapaxes(_units(k), -1, -2)
        ),
        "Queries and keys are used as they are, with no softmax of their own: softmax comes after q k^T.": (
            _wrong_attention(score=lambda q, k: rows_of(q) @ np.swapaxes(k, -1, -2)),
            _wrong_attention(score=lambda q, k: rows_of(q) @ np.swapaxes(rows_of(k), -1, -2)),
            _wrong_attention(score=lambda q, k: q @ np.swapaxes(rows_of(k), -1, -2)),
        ),
        "The scores are distances here; they are dot products, q k^T.": (
            _wrong_attention(score=lambda q, k: -_squares(q, k)),
            _wrong_attention(score=lambda q, k: -np.sqrt(_squares(q, k))),
            _wrong_attention(score=_squares),
        ),
        "The scores have the wrong sign: the key most like the query gets the largest share.": _wrong_attention(
            score=lambda q, k: -q @ np.swapaxes(k, -1, -2)
        ),
        "The absolute value of the scores is taken: a key that points the other way gets a small share.": _wrong_attention(
            score=lambda q, k: abs(q @ np.swapaxes(k, -1, -2))
        ),
        "The scores of a query are divided by their sum: softmax takes exp of them first.": _wrong_attention(
            share=lambda x: x / x.sum(-1, keepdims=True)
        ),
        "The keys are averaged here; it is the values, v.": lambda q, k, v, mask=None: _wrong_attention()(
            q, k, k, mask
        ),
        "The largest value of each column, not the mean by the shares.": _times(
            lambda out, q, k, v: 0 * out + v.max(-2, keepdims=True)
        ),
        "NaN, or +inf, which leads to NaN, takes the place of scores here: where attention is not allowed, the score is -inf.": (
            _wrong_attention(hide=lambda scores, mask: np.where(mask, scores, np.nan), share=rows_of)
        ),
        "Row 0 of the mask is used for all queries: each has its own row.": _wrong_attention(
            see=_where_masked(lambda mask: mask[:1])
        ),
        "Column 0 of the mask is used for all keys: each has its own column.": _wrong_attention(
            see=_where_masked(lambda mask: mask[:, :1])
        ),
        "A key counts here for all queries if it does for one: each query has its own row of the mask.": (
            _wrong_attention(see=_where_masked(lambda mask: mask.any(0))),
            _wrong_attention(see=_where_masked(lambda mask: mask.all(0))),
        ),
        "The diagonal is hidden as well: only where the mask is False may a query not look.": _wrong_attention(
            see=_where_masked(lambda mask: mask & ~np.eye(*mask.shape, dtype=np.bool_))
        ),
        "The diagonal is always seen here: the mask alone decides.": _wrong_attention(
            see=_where_masked(lambda mask: mask | np.eye(*mask.shape, dtype=np.bool_))
        ),
        "The smallest score still gives a weight: where attention is not allowed, the score is -inf.": (
            _wrong_attention(hide=lambda scores, mask: np.where(mask, scores, scores.min())),
            _wrong_attention(hide=lambda scores, mask: np.where(mask, scores, scores.min(-1, keepdims=True))),
        ),
        "The shares that the mask leaves are divided by the sum over all queries: each query's shares sum to 1.": _wrong_attention(
            hide=_leave,
            after=lambda shares, mask, d: shares if mask is None else shares * mask / (shares * mask).sum(),
        ),
        "With a mask these are the shares themselves: multiply them by the values then too.": (
            lambda q, k, v, mask=None: _wrong_attention(take=np.matmul if mask is None else _only_shares)(
                q, k, v, mask
            )
        ),
        "The last row of the mask is used for all queries: each has its own row.": _wrong_attention(
            see=_where_masked(lambda mask: mask[-1:]),
            hide=lambda scores, mask: np.where(mask, scores, -np.inf),
        ),
        "The scores are divided by another root than sqrt(d), d being the length of a query.": (
            _wrong_attention(lambda q, k, v: q.shape[-1] ** (1 / 3)),
            _wrong_attention(lambda q, k, v: q.shape[-1] ** 0.25),
            _wrong_attention(lambda q, k, v: (q.shape[-1] + 1) ** 0.5),
            _wrong_attention(lambda q, k, v: np.log(q.shape[-1])),
        ),
        ".reshape keeps the numbers in their order and transposes nothing: np.swapaxes(k, -1, -2).": _wrong_attention(
            score=lambda q, k: q @ k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2])
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
            _wrong_attention(share=lambda x: np.nan_to_num(along(-2)(x)))
        ),
        "Softmax goes over the batch; each query's shares go over the keys, the last axis.": _wrong_attention(
            share=lambda x: np.nan_to_num(along(0)(x))
        ),
        "The sum of softmax goes over all queries and keys; each query's shares sum to 1.": _wrong_attention(
            share=lambda x: rows_of(x.reshape(*x.shape[:-2], 1, -1)).reshape(x.shape)
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
        "Softmax is taken twice.": _wrong_attention(share=lambda x: rows_of(_no_nan(x))),
        "The largest score takes all here; softmax gives every key a share.": _wrong_attention(
            share=lambda x: (x == x.max(-1, keepdims=True)) * 1.0
        ),
        "Every key gets the same share: softmax of the scores decides.": _wrong_attention(
            share=lambda x: rows_of(0 * x)
        ),
        "The mask is inverted: True is where a query may attend.": _wrong_attention(
            see=_where_masked(np.logical_not)
        ),
        "len(..) is the number of texts here; the length of a query is q.shape[-1].": _wrong_attention(
            lambda q, k, v: len(q) ** 0.5
        ),
        "The scale is sqrt of the number of keys; it is sqrt of the length d of a query.": _wrong_attention(
            lambda q, k, v: k.shape[-2] ** 0.5
        ),
    },
)
