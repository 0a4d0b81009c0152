"""What must be true of cross-attention: queries of one text, keys and values of another, whose padding is hidden."""

import math

import numpy as np

from minitransformer import nn, tensor
from minitransformer.course.exercise import Beside, Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, returns, same


def _texts(rng, T=3, S=5, C=4, d=2, e=3, last=2):
    """(T, C), (S, C), (d, C), (d, C), (e, C), (S,): the last tokens of the memory are padding."""
    sizes = [(T, C), (S, C), (d, C), (d, C), (e, C)]
    return *(rng.normal(size=size) for size in sizes), np.arange(S) >= S - last


def _equally_long(rng, padding):
    """Two texts of four tokens, so that nothing crashes where one is taken for the other."""
    sizes = [(4, 5), (4, 5), (3, 5), (3, 5), (2, 5)]
    return *(0.8 * rng.normal(size=size) for size in sizes), np.array(padding)


def _examples(rng):
    return _equally_long(rng, [False, True, False, False]), _equally_long(rng, [False] * 4)


def _root(d, C, S):
    return math.sqrt(d)


def _softmax(scores):
    with np.errstate(all="ignore"):
        e = np.exp(scores - scores.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)


def _apart(scores):
    """The exponentials without their division by the sum."""
    return np.exp(scores - scores.max(-1, keepdims=True))


def _down_the_columns(scores):
    """The largest of each row is subtracted, but the sum goes over the queries."""
    with np.errstate(all="ignore"):
        return _apart(scores) / _apart(scores).sum(0)


def _even(scores):
    """Each token that is not hidden has as much weight as the others."""
    return np.isfinite(scores) / np.isfinite(scores).sum(-1, keepdims=True)


def _best(scores):
    """The token with the highest score has all of the weight."""
    return np.eye(scores.shape[-1])[scores.argmax(-1)]


def _base_two(scores):
    return _softmax(scores * math.log(2))


def _attended(x, memory, w_q, w_k, w_v, padding, *, texts=lambda x, m: (x, m, m), root=_root, hidden=-np.inf,
              late=False, seen=np.logical_not, shares=_softmax, back=False, read=np.matmul):  # fmt: skip
    """As the formula has it; the last ones say what may be wrong."""
    q, k, v = (text @ w.T for text, w in zip(texts(x, memory), (w_q, w_k, w_v), strict=True))
    scores = q @ k.T / root(len(w_q), x.shape[-1], len(memory))  # (T, S)
    visible = np.broadcast_to(seen(padding), scores.shape)
    visible = visible & np.tri(*scores.shape, dtype=bool) if back else visible
    table = shares(scores if late else np.where(visible, scores, hidden)) * (visible if late else 1)
    return read(table, v)


def _wrong(**wrong):
    return lambda *arguments: _attended(*arguments, **wrong)


def _dot(a, b):
    return math.fsum(p * q for p, q in zip(a, b, strict=True))


def _by_hand(x, memory, w_q, w_k, w_v, padding):
    """Token by token, in Python's own numbers."""
    results = []
    tokens = [m for m, unused in zip(memory, padding, strict=True) if not unused]
    for one in x:
        asks = [_dot(one, row) for row in w_q]
        scores = [_dot(asks, [_dot(m, row) for row in w_k]) for m in tokens]
        parts = [math.exp((score - max(scores)) / math.sqrt(len(w_q))) for score in scores]
        values = [[_dot(m, row) for row in w_v] for m in tokens]
        results.append([_dot(parts, column) / math.fsum(parts) for column in zip(*values, strict=True)])
    return results


def _one_token(answer):
    x, memory, w_q, w_k, w_v, _ = _texts(np.random.default_rng(1), S=1)
    got = answer(x, memory, w_q, w_k, w_v, np.array([False]))
    same(
        got,
        np.repeat(memory @ w_v.T, 3, axis=0),
        "the result for a memory of one token, which has all of the weight",
    )


def _same_shares(answer):
    x, memory, _, w_k, w_v, padding = _texts(np.random.default_rng(2))
    got = answer(x, memory, np.zeros((2, 4)), w_k, w_v, padding)
    mean = (memory @ w_v.T)[:3].mean(0)
    same(got, np.repeat(mean[None], 3, axis=0), "the result for queries of 0, which fit all keys alike")


def _order(answer):
    x, memory, *weights, padding = _texts(np.random.default_rng(3))
    order = [4, 2, 0, 3, 1]
    got = answer(x, memory[order], *weights, padding[order])
    same(got, answer(x, memory, *weights, padding), "the result for the same memory in another order")


def _padding(answer):
    x, memory, *weights, padding = _texts(np.random.default_rng(4))
    other = np.where(padding[:, None], 1e3, memory)
    same(
        answer(x, other, *weights, padding),
        answer(x, memory, *weights, padding),
        "the result with other padding",
    )


def _large_scores(answer):
    x, memory, *rest = _texts(np.random.default_rng(5))
    with np.errstate(over="ignore", invalid="ignore"):
        got = answer(3000 * x, memory, *rest)
    hint = "Take the largest score of a row off it before np.exp, as in lesson 06."
    same(got, _by_hand(3000 * x, memory, *rest), "the result for scores of some thousands", hint=hint)


def _both(mine):
    x, memory, w_q, w_k, w_v, padding = _texts(np.random.default_rng(6))
    q, k, v = (tensor(a) for a in (x @ w_q.T, memory @ w_k.T, memory @ w_v.T))
    ours = nn.functional.scaled_dot_product_attention(q, k, v, tensor(~padding))
    return mine(x, memory, w_q, w_k, w_v, padding), ours.numpy()


cross_attention = Exercise(
    minutes=15,
    level=1,
    hints=(
        "It is lesson 06 with two texts: q = x @ w_q.T asks, k = memory @ w_k.T and v = memory @ w_v.T answer.",
        "The scores are q @ k.T / np.sqrt(d), (T, S): a row for each token of the answer, a column for each of the memory.",
        "np.where(padding, -np.inf, scores) hides the padding; padding (S,) is broadcast over the rows.",
    ),
    why="This is the one part that a decoder of 2017 has more than a GPT: a translation is written with its eyes on the sentence.",
    properties=(
        Property(
            "a memory of one token gives its value",
            _one_token,
            "With one token to look at, each row of the result is that token's value, memory @ w_v.T.",
        ),
        Property(
            "a query of 0 gets the mean of the values",
            _same_shares,
            "Where all scores are equal, each token of the memory that is no padding has the same weight.",
        ),
        returns(
            "values are right",
            _texts,
            _by_hand,
            hint="softmax(q k^T / sqrt(d)) v, with q from x, and k and v from memory.",
        ),
        Property(
            "what stands in the padding does not matter",
            _padding,
            "Where padding is True the score is -inf before the softmax, so that the weight is 0.",
        ),
        Property(
            "the order of the memory does not matter",
            _order,
            "The place of a token in the memory plays no part: no mask here looks at places.",
        ),
        Property("large scores do no harm", _large_scores),
        keeps_its_inputs(_texts),
    ),
    examples=_examples,
    mistakes={
        "Keys and values come from x here, as in self-attention; they are the memory's.": _wrong(
            texts=lambda x, m: (x, x, x)
        ),
        "The keys come from x here; keys and values are both the memory's.": _wrong(
            texts=lambda x, m: (x, x, m)
        ),
        "The values come from x here; keys and values are both the memory's.": _wrong(
            texts=lambda x, m: (x, m, x)
        ),
        "x and memory have changed places: the queries are those of x.": _wrong(texts=lambda x, m: (m, x, x)),
        "The queries come from the memory here; the tokens of x ask.": _wrong(texts=lambda x, m: (m, m, m)),
        "The scores are not divided by sqrt(d).": _wrong(root=lambda d, C, S: 1.0),
        "The scores are divided by d; it is sqrt(d).": _wrong(root=lambda d, C, S: d),
        "The scores are multiplied by sqrt(d); divide.": _wrong(root=lambda d, C, S: d**-0.5),
        "The root is of another dimension: d is the length of a query, len(w_q).": (
            _wrong(root=lambda d, C, S: math.sqrt(C)),
            _wrong(root=lambda d, C, S: math.sqrt(S)),
            _wrong(root=lambda d, C, S: math.sqrt(d * C)),
            lambda *texts: _attended(*texts, root=lambda *sizes: math.sqrt(len(texts[4]))),
        ),
        "w_q and w_k have changed places: x @ w_q.T asks, memory @ w_k.T is asked.": (
            lambda x, m, q, k, v, p: _attended(x, m, k, q, v, p)
        ),
        "The keys are made with w_q, as the queries are: they are memory @ w_k.T.": (
            lambda x, m, q, k, v, p: _attended(x, m, q, q, v, p)
        ),
        "The queries are made with w_k, as the keys are: they are x @ w_q.T.": (
            lambda x, m, q, k, v, p: _attended(x, m, k, k, v, p)
        ),
        "The values are made with w_k, as the keys are: they are memory @ w_v.T.": (
            lambda x, m, q, k, v, p: _attended(x, m, q, k, k, p)
        ),
        "The result is divided by sqrt(d), not the scores: they are, before the softmax.": (
            lambda *texts: _attended(*texts, root=lambda *sizes: 1.0) / _root(len(texts[2]), 0, 0)
        ),
        "The padding is not hidden: where it is True, the score is -inf.": _wrong(seen=np.ones_like),
        "padding is the wrong way round: True is padding, which is hidden.": _wrong(seen=np.array),
        "The padding has the score 0 here, which is a score like any other: -inf before the softmax.": _wrong(
            hidden=0.0
        ),
        "The padding keeps a weight: a score somewhat below 0 is a score like any other; -inf is what hides it.": (
            _wrong(hidden=-1.0),
            _wrong(hidden=-5.0),
        ),
        "The padding has the score +inf; it is -inf, whose exponential is 0.": _wrong(hidden=np.inf),
        "The padding is 0 in the memory here, which still has a weight, exp(0) = 1: give it the score -inf.": (
            lambda x, m, q, k, v, p: _attended(x, np.where(p[:, None], 0, m), q, k, v, p, seen=np.ones_like)
        ),
        "The rows of the padding are hidden; it is its columns: padding belongs to the memory, not to x.": _wrong(
            seen=lambda padding: ~padding[:, None]
        ),
        "The padding is hidden after the softmax, so that the weights of a row do not sum to 1.": _wrong(
            late=True
        ),
        "This hides later tokens of the memory: the text was read whole, and nothing but padding is hidden.": _wrong(
            back=True
        ),
        "The softmax goes over the tokens of the answer; the weights of one query sum to 1: axis -1.": (
            _wrong(shares=lambda scores: _softmax(scores.T).T),
            _wrong(shares=lambda scores: _softmax(np.where(np.isinf(scores), -1e9, scores).T).T),
            _wrong(shares=_down_the_columns),
        ),
        "The softmax goes over the whole table; the weights of one query sum to 1: axis=-1, keepdims=True.": (
            _wrong(shares=lambda scores: np.exp(scores) / np.exp(scores).sum()),
            _wrong(shares=lambda scores: _apart(scores) / _apart(scores).sum()),
        ),
        "There is no softmax: the scores themselves are taken as weights.": (
            _wrong(hidden=0.0, shares=np.array),
            _wrong(shares=np.array),
        ),
        "All tokens have the same weight here; the softmax of a row's scores says how much each has.": _wrong(
            shares=_even
        ),
        "Only the token with the highest score is read; the softmax gives a weight to each.": _wrong(
            shares=_best
        ),
        "The weights are powers of 2 here: the softmax is made of np.exp.": _wrong(shares=_base_two),
        "These are the weights alone: the result is weights @ v.": (
            _wrong(read=lambda table, v: table),
            _wrong(read=lambda table, v: table.T),
        ),
        "The weights are the wrong way round: weights @ v, with a row for each token of x.": _wrong(
            read=lambda table, v: table.T @ v
        ),
        "Only the first token of the memory is read, by all queries.": _wrong(
            read=lambda table, v: np.repeat(v[:1], len(table), 0)
        ),
        "The weights are squared.": _wrong(read=lambda table, v: table**2 @ v),
        "The values are averaged for one token of x only: each of its tokens has a row.": (
            _wrong(read=lambda table, v: table[0] @ v),
            _wrong(read=lambda table, v: table[-1] @ v),
        ),
        "The results of all tokens of x are one here: each has a row of its own.": (
            _wrong(read=lambda table, v: (table @ v).sum(0)),
            _wrong(read=lambda table, v: (table @ v).mean(0)),
        ),
        "The weights are not divided by their sum.": (
            _wrong(shares=np.exp),
            _wrong(shares=_apart),
        ),
        "The values are the memory itself here: multiply by w_v.": lambda x, m, q, k, v, p: _attended(
            x, m, q, k, np.eye(5), p
        ),
    },
    beside=Beside("it is written for arrays, and the library's works for any number of heads", _both),
)
