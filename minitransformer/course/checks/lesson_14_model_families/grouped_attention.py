"""What must be true of attention whose heads share keys and values."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import (
    keeps_its_inputs,
    returns,
    same,
)


def _neighbours_share(h, heads, groups):
    return h * groups // heads


def _take_turns(h, heads, groups):
    return h % groups


def _first_group(h, heads, groups):
    return 0


def _back(t, T):
    return np.arange(T) <= t


def _root(q, k):
    return math.sqrt(q.shape[-1])


def _shares(scores):
    """Softmax of each row, (T, T)."""
    with np.errstate(all="ignore"):
        e = np.exp(scores - scores.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)


def _down_the_columns(scores):
    """The largest of each row is subtracted, but the sum goes over the queries."""
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(0)


def _attended(q, k, v, *, group=_neighbours_share, values=None, root=_root, seen=_back, hidden=-np.inf, late=False,
              again=False, shares=_shares, turned=False):  # fmt: skip
    """Head by head; the last ones say what may be wrong."""
    (H, T, _), G = q.shape, len(k)
    # (T, T)
    out = np.zeros((H, T, v.shape[-1]))
    visible = np.array([seen(t, T) for t in range(T)])
    for h in range(H):
        scores = q[h] @ k[group(h, H, G)].T / root(q, k)  # (T, T)
        scores = scores.T if turned else scores
        table = shares(scores if late else np.where(visible, scores, hidden)) * (visible if late else 1)
        table = table / table.sum(-1, keepdims=True) if again else table
        out[h] = table @ v[(values or group)(h, H, G)]
    return out


def _misled(**wrong):
    return lambda *arguments: _attended(*arguments, **wrong)


def _mixed(q, k, v):
    """Keys and values repeated along the places, and cut into heads again."""
    shared = [np.repeat(a, len(q) // len(k), axis=1).reshape(len(q), *a.shape[1:]) for a in (k, v)]
    return _attended(q, *shared)


def _by_group(heads, k):
    return heads.reshape(len(k), -1, *heads.shape[1:])  # (G, H / G, T, d)


def _blended(q, k, v):
    """The heads of a group all get the mean of their results."""
    mean = _by_group(_attended(q, k, v), k).mean(1)
    return np.repeat(mean, len(q) // len(k), axis=0)


def _one_query(q, k, v):
    """The queries of a group are replaced by their mean."""
    return _attended(np.repeat(_by_group(q, k).mean(1), len(q) // len(k), axis=0), k, v)


def _heads(rng, H=6, G=2, T=5, d=4):
    return rng.normal(size=(H, T, d)), rng.normal(size=(G, T, d)), rng.normal(size=(G, T, d))


def _first_place(answer):
    q, k, v = _heads(np.random.default_rng(2))
    same(
        answer(q, k, v)[:, 0],
        np.repeat(v[:, 0], 3, axis=0),
        "the first place of each head, which sees itself alone",
    )


def _each_alone(answer):
    q, k, v = _heads(np.random.default_rng(3), 3, 3)
    same(answer(q, k, v), _attended(q, k, v), "with as many groups as heads: plain attention, head by head")


def _all_share(answer):
    q, k, v = _heads(np.random.default_rng(3), 4, 1)
    same(answer(q, k, v), _attended(q, k, v), "one group for all heads")


def _same_query(answer):
    q, k, v = _heads(np.random.default_rng(6))
    got = answer(np.repeat(q[:1], 6, axis=0), k, v)
    same(
        got[[1, 2, 4, 5]],
        got[[0, 0, 3, 3]],
        "heads of a group, asked the same, answer the same: 0, 1, 2 and 3, 4, 5 are groups",
    )


def _large_scores(answer):
    q, k, v = _heads(np.random.default_rng(7))
    hint = "Take the largest score of a row off it before np.exp, as in lesson 06."
    with np.errstate(over="ignore", invalid="ignore"):
        got = answer(2000 * q, k, v)
    same(got, _attended(2000 * q, k, v), "scores of some thousands", hint=hint)


grouped_attention = Exercise(
    minutes=20,
    level=2,
    hints=(
        "np.repeat(k, H // G, axis=0) gives every head of a group the group's keys: 0 0 0 1 1 1.",
        "Now it is lesson 06, with a leading dimension of heads: q @ k.swapaxes(1, 2), (H, T, T).",
        "Hide what follows before the softmax: np.where(np.tri(T, dtype=bool), scores, -np.inf).",
        "If H // G copies are too many for you: q.reshape(G, H // G, T, d) and broadcasting do without.",
    ),
    why="A cache holds keys and values, not queries. With 9 heads in 3 groups it is a third as large, and the model hardly worse.",
    properties=(
        Property(
            "the first place sees itself alone",
            _first_place,
            "Before the softmax, hide what follows: row t of the table sees columns 0 .. t. So the first place gets the value of "
            "its own place, in the head's group.",
        ),
        Property(
            "as many groups as heads",
            _each_alone,
            "Each head by itself is softmax(q k^T / sqrt(d)) v, d being the last dimension; the softmax goes along axis -1.",
        ),
        Property(
            "one group for all",
            _all_share,
            "With one group, each head still has queries and results of its own; only keys and values are shared.",
        ),
        Property(
            "the heads of a group are neighbours",
            _same_query,
            "Head h belongs to group h // (H / G), of keys and of values: np.repeat(.., H // G, axis=0) puts copies side by side.",
        ),
        returns(
            "values are right, head by head",
            _heads,
            _attended,
            hint="Head h takes its keys and its values from the same group, h // (H / G).",
        ),
        Property("large scores do no harm", _large_scores),
        keeps_its_inputs(_heads),
    ),
    examples=lambda rng: (_heads(rng), _heads(rng, 4, 2, 3, 2)),
    mistakes={
        "The groups take turns here, 0 1 0 1: heads of a group are neighbours, 0 0 1 1.": _misled(
            group=_take_turns
        ),
        "Keys and values belong together: both are shared by neighbouring heads, np.repeat for both.": (
            _misled(values=_take_turns),
            _misled(group=_take_turns, values=_neighbours_share),
            _misled(values=_first_group),
        ),
        "All heads use the first group's keys and values.": _misled(group=_first_group),
        "Keys and values are repeated along the places here: heads are axis 0, np.repeat(.., axis=0).": _mixed,
        "The groups stand in the reverse order here.": _misled(group=lambda h, H, G: G - 1 - h * G // H),
        "The group of head h is h // (H // G); here it is h // G.": _misled(
            group=lambda h, H, G: min(h // G, G - 1)
        ),
        "The keys are averaged here; the weights go to the values.": lambda q, k, v: _attended(q, k, k),
        "The result is divided by sqrt(d), not the scores: they are, before the softmax.": lambda q, k, v: (
            _attended(q, k, v, root=lambda q, k: 1.0) / _root(q, k)
        ),
        "What follows keeps a weight: a score somewhat below 0 is a score like any other; -inf hides it.": tuple(
            _misled(hidden=low) for low in (-1.0, -5.0)
        ),
        "The mask is the wrong way round: what follows is seen, and the places before are hidden.": _misled(
            seen=lambda t, T: np.arange(T) > t
        ),
        "Only the first G heads have a result: there are H of them.": (
            lambda q, k, v: _attended(q, k, v) * (np.arange(len(q)) < len(k))[:, None, None],
            lambda q, k, v: _attended(q, k, v)[: len(k)],
        ),
        "Heads of a group have one query here, its first head's or that of the group's number; each has its own.": (
            lambda q, k, v: _attended(q[np.arange(len(q)) * len(k) // len(q)], k, v),
            lambda q, k, v: _attended(q[np.arange(len(q)) // (len(q) // len(k)) * (len(q) // len(k))], k, v),
        ),
        "Only the place with the highest score is read; the softmax gives a weight to each.": _misled(
            shares=lambda scores: np.eye(scores.shape[-1])[scores.argmax(-1)]
        ),
        "All places that are seen have the same weight; the softmax of the scores says how much each has.": _misled(
            shares=lambda scores: np.isfinite(scores) / np.isfinite(scores).sum(-1, keepdims=True)
        ),
        "The sums of the rows divide the columns here: keepdims=True keeps them a column.": _misled(
            shares=lambda scores: (e := np.exp(scores - scores.max(-1, keepdims=True))) / e.sum(-1)
        ),
        "Queries see what follows: hide it.": _misled(seen=lambda t, T: np.arange(T) < T),
        "This looks ahead: a query sees its own place and those before, np.tri or np.tril.": _misled(
            seen=lambda t, T: np.arange(T) >= t
        ),
        "What follows has the score 0 here, which is a score like any other: -inf before the softmax.": _misled(
            hidden=0.0
        ),
        "The scores are not divided by sqrt(d).": _misled(root=lambda q, k: 1.0),
        "The scores are divided by d; it is sqrt(d).": _misled(root=lambda q, k: q.shape[-1]),
        "The scores are multiplied by sqrt(d); divide.": _misled(root=lambda q, k: q.shape[-1] ** -0.5),
        "The root is of another dimension: it is sqrt(d), d being the last one, q.shape[-1].": (
            _misled(root=lambda q, k: math.sqrt(len(q))),
            _misled(root=lambda q, k: math.sqrt(len(k))),
            _misled(root=lambda q, k: math.sqrt(q.shape[1])),
            _misled(root=lambda q, k: math.sqrt(len(q) * q.shape[-1])),
            _misled(root=lambda q, k: math.sqrt(len(k) * q.shape[-1])),
            _misled(root=lambda q, k: math.sqrt(len(q) // len(k) * q.shape[-1])),
            _misled(root=lambda q, k: math.sqrt(len(q) // len(k))),
        ),
        "The softmax goes over the queries here; the shares of one query add up to 1: axis -1.": (
            _misled(shares=lambda scores: _shares(scores.T).T),
            _misled(shares=_down_the_columns),
        ),
        "The softmax goes over the whole table; each query's shares add up to 1: axis=-1.": _misled(
            shares=lambda scores: np.exp(scores) / np.exp(scores).sum()
        ),
        "The shares are not divided by their sum.": (
            _misled(shares=np.exp),
            _misled(shares=lambda scores: np.exp(scores - scores.max(-1, keepdims=True))),
        ),
        "There is no softmax: the scores themselves are taken as shares.": _misled(
            hidden=0.0, shares=np.array
        ),
        "Queries and keys have changed places: rows of the table are queries, q k^T.": _misled(turned=True),
        "What follows is hidden after the softmax: the shares do not add up to 1.": _misled(late=True),
        "A query does not see its own place here.": (
            _misled(seen=lambda t, T: np.arange(T) < t),
            _misled(seen=lambda t, T: np.arange(T) <= max(t - 1, 0)),
            lambda *qkv: np.nan_to_num(_attended(*qkv, seen=lambda t, T: np.arange(T) < t)),
        ),
        "A query sees one place too many, the next one: np.tri(T) is right without a second number.": _misled(
            seen=lambda t, T: np.arange(T) <= t + 1
        ),
        "The heads of a group all get the same here: each has its own queries, so its own result.": (
            _blended,
            _one_query,
        ),
        "One result for each group comes back; each of the H heads has its own.": (
            lambda q, k, v: _by_group(_attended(q, k, v), k).mean(1),
            lambda q, k, v: _by_group(_attended(q, k, v), k).sum(1),
            lambda q, k, v: _by_group(_attended(q, k, v), k)[:, 0],
            lambda q, k, v: _attended(_by_group(q, k).mean(1), k, v),
        ),
    },
)
