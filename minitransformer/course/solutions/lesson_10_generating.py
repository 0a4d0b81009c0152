"""10 Generating. Replace each `raise NotImplementedError`, then run `minitransformer check`.

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

import math

import numpy as np


def sample(p, u):
    """The id of a class, drawn with the shares p, where u is what chance says.

    Lay the shares end to end on a line from 0 to 1. The id is that of the piece on which the point
    u lies: the first i with

        u < p[0] + p[1] + .. + p[i]

    p: (V,), shares; u: a number, 0 <= u < 1. Returns an int. A class whose share is 0 is never
    drawn. Rounding may make the line end a little before 1: a u beyond its end belongs to the last
    class whose share is not 0.

    >>> [sample(np.array([0.5, 0.0, 0.5]), u) for u in (0.0, 0.49, 0.5, 0.99)]
    [0, 0, 2, 2]
    """
    ends = np.cumsum(p)
    # the line ends at ends[-1], whatever rounding made of it
    return int(np.searchsorted(ends, u * ends[-1], side="right"))


def keep_top_k(p, k):
    """Only the k largest shares stay, and are made to sum to 1 again.

    p: (V,), shares that sum to 1; k: how many stay, at least 1, possibly more than there are.
    Returns (V,), zeros where nothing stays; p is left as it is. Of equal shares the one with the
    smaller id comes first, so that never more than k stay.

    >>> keep_top_k(np.array([0.1, 0.6, 0.2, 0.1]), 2)
    array([0.  , 0.75, 0.25, 0.  ])
    """
    best = np.argsort(-p, kind="stable")[:k]  # (k,), the ids of the largest
    kept = np.zeros_like(p)
    kept[best] = p[best]
    return kept / kept.sum()


def keep_top_p(p, enough):
    """The fewest shares that together reach `enough` stay, the largest first, made to sum to 1 again.

    p: (V,), shares that sum to 1; enough: a number above 0 and up to 1. Returns (V,), zeros where
    nothing stays; p is left as it is. The share that reaches `enough` stays too, so that at least
    one does. Of equal shares the smaller id comes first.

    >>> keep_top_p(np.array([0.1, 0.6, 0.2, 0.1]), 0.7)
    array([0.  , 0.75, 0.25, 0.  ])
    """
    order = np.argsort(-p, kind="stable")  # the ids, largest share first
    before = np.cumsum(p[order]) - p[order]  # how much there is without this one
    stays = order[before < enough]
    kept = np.zeros_like(p)
    kept[stays] = p[stays]
    return kept / kept.sum()


def next_token_probabilities(logits, temperature=1.0, top_k=None, top_p=None):
    """What to draw the next token from: softmax(logits / temperature), then top-k, then top-p.

    logits: (V,), any size of numbers; temperature: a number, 0 puts all on the largest logit (the
    first, if there are several); top_k, top_p: as in `keep_top_k` and `keep_top_p`, which are yours
    to use, or None. Returns (V,), shares that sum to 1.

    >>> next_token_probabilities(np.log([0.1, 0.2, 0.7]), temperature=0.5).round(3)
    array([0.019, 0.074, 0.907])
    """
    if temperature == 0:
        return np.where(np.arange(len(logits)) == np.argmax(logits), 1.0, 0.0)
    scores = logits / temperature
    p = np.exp(scores - scores.max())
    p = p / p.sum()
    if top_k is not None:
        p = keep_top_k(p, top_k)
    if top_p is not None:
        p = keep_top_p(p, top_p)
    return p


def beam_search(step, start, width, length):
    """The likeliest continuation that can be found while keeping `width` of them in sight.

    step: a function that takes a list of ids and returns (V,), the logarithms of the shares of what
    may come next, -inf for what may not; start: a list of ids; length: how many ids to add. Returns
    (ids, score): the list of the new ids, and the sum of the logarithms of their shares.

    Begin with one candidate: nothing added, score 0. Then, `length` times: extend every candidate
    by every id, and of all these together keep the `width` with the highest scores. Of equal ones
    any may stay. At the end, return the best.

    >>> def step(ids):  # 0 looks better at first, but after 1 it is clear how to go on
    ...     if len(ids) == 1:
    ...         return np.log([0.6, 0.4])
    ...     return np.log([0.5, 0.5] if ids[-1] == 0 else [0.01, 0.99])
    >>> ids, score = beam_search(step, [0], width=2, length=2)
    >>> ids, round(math.exp(score), 3)
    ([1, 1], 0.396)
    """
    candidates = [([], 0.0)]
    for _ in range(length):
        longer = []
        for ids, score in candidates:
            log_p = step([*start, *ids])
            longer += [([*ids, i], score + float(log_p[i])) for i in range(len(log_p))]
        candidates = sorted(longer, key=lambda candidate: -candidate[1])[:width]
    return candidates[0]


def attention_step(q, k, v, keys, values):
    """Causal attention for new tokens only, with the keys and values of all earlier ones at hand.

    q, k: (..., T, d), v: (..., T, dv), of the T new tokens, which follow the S earlier ones; keys:
    (..., S, d), values: (..., S, dv), of these; S may be 0. Returns (out, keys, values):

        keys: (..., S + T, d), values: (..., S + T, dv), the earlier ones and then the new ones, for
            the next step
        out: (..., T, dv), softmax(q keys^T / sqrt(d)) values, where new token t sees the S earlier
            ones and new ones 0 .. t

    What was handed in is left as it is.

    >>> none = np.zeros((0, 2))
    >>> one = np.ones((1, 2))
    >>> out, keys, values = attention_step(one, one, np.array([[3.0, 5.0]]), none, none)
    >>> out, keys.shape
    (array([[3., 5.]]), (1, 2))
    """
    keys = np.concatenate([keys, k], axis=-2)  # (..., S + T, d)
    values = np.concatenate([values, v], axis=-2)  # (..., S + T, dv)
    T = q.shape[-2]
    n = keys.shape[-2]
    scores = q @ np.swapaxes(keys, -1, -2) / math.sqrt(q.shape[-1])  # (..., T, S + T)
    seen = np.arange(n) <= np.arange(n - T, n)[:, None]  # (T, S + T): new token t stands at place S + t
    scores = np.where(seen, scores, scores.dtype.type(-np.inf))
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) @ values, keys, values
