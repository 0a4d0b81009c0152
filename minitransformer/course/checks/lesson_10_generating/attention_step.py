"""What must be true of attention_step."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import keeps_its_inputs, same, takes_batches


def _tokens(rng, t, s=0):
    """q, k, v of t new tokens, and keys and values of s earlier ones."""
    new = [rng.normal(size=(2, t, 4)), rng.normal(size=(2, t, 4)), rng.normal(size=(2, t, 3))]
    return (*new, rng.normal(size=(2, s, 4)), rng.normal(size=(2, s, 3)))


def _one_after_four(rng):
    return _tokens(rng, 1, 4)


def _three_after_two(rng):
    return _tokens(rng, 3, 2)


def _seen(q, keys, values, first):
    """Attention by loops, where query t stands at place first + t."""
    out = np.zeros((*q.shape[:-1], values.shape[-1]))
    for b, t in np.ndindex(q.shape[:-1]):
        scores = [math.fsum(q[b, t] * keys[b, j]) / math.sqrt(q.shape[-1]) for j in range(first + t + 1)]
        weights = [math.exp(score - max(scores)) for score in scores]
        out[b, t] = np.array(weights) @ values[b, : first + t + 1] / math.fsum(weights)
    return out


def _three(result):
    if not isinstance(result, (tuple, list)) or len(result) != 3:
        hint = "Is there a `return`?" if result is None else "Return three arrays: out, keys, values."
        raise Failed(f"expected (out, keys, values), got {type(result).__name__}", hint=hint)
    return result


def _appended(answer):
    q, k, v, keys, values = _one_after_four(np.random.default_rng(3))
    _, kept_keys, kept_values = _three(answer(q, k, v, keys, values))
    same(kept_keys, np.concatenate([keys, k], 1), "the keys, 4 earlier ones and then the new one")
    same(kept_values, np.concatenate([values, v], 1), "the values, 4 earlier ones and then the new one")


NO_AXIS = (
    "The batches, (2,), count as an axis of tokens here. So it comes out where a sum or a maximum over the keys has lost its axis: "
    "keepdims=True keeps it."
)


def _alone(answer):
    q, k, v, keys, values = _tokens(np.random.default_rng(4), 1, 0)
    out = _three(answer(q, k, v, keys, values))[0]
    hint = NO_AXIS if np.shape(out) == (2, 2, 3) else ""
    same(out, v, "the result for the very first token, which sees itself alone", hint=hint)


def _is_right(inputs):
    def holds(answer):
        q, k, v, keys, values = inputs(np.random.default_rng(5))
        out = _three(answer(q, k, v, keys, values))[0]
        all_keys = np.concatenate([keys, k], 1)
        all_values = np.concatenate([values, v], 1)
        same(out, _seen(q, all_keys, all_values, keys.shape[1]), "out")

    return holds


def _large(answer):
    q, k, v, keys, values = _three_after_two(np.random.default_rng(7))
    q = 1000.0 * q
    with np.errstate(all="ignore"):
        out = _three(answer(q, k, v, keys, values))[0]
    hint = "exp(1000) is infinite: subtract the row's maximum first." if np.isnan(out).any() else FINITE
    expected = _seen(q, np.concatenate([keys, k], 1), np.concatenate([values, v], 1), 2)
    same(out, expected, "out, where scores are in the thousands", hint=hint)


FINITE = "A finite score in place of -inf is larger than other scores here: where attention is not allowed, the score is -inf."


def _each_alone(answer):
    one = takes_batches(
        lambda rng: [part[0] for part in _three_after_two(rng)],
        batched=range(5),
        hint="Batches and heads may be in front: only the last two axes count, -1 and -2.",
    )
    one.holds(lambda *given: _three(answer(*given))[0])


def _piece_by_piece(sizes):
    def holds(answer):
        n = sum(sizes)
        q, k, v, keys, values = _tokens(np.random.default_rng(6), n)
        pieces = []
        at = 0
        for size in sizes:
            now = slice(at, at + size)
            out, keys, values = _three(answer(q[:, now], k[:, now], v[:, now], keys, values))
            pieces.append(out)
            at += size
        same(
            np.concatenate(pieces, 1),
            _seen(q, k, v, 0),
            f"{n} tokens in pieces of {', '.join(map(str, sizes))}",
        )

    return holds


def _wrong_step(
    join=lambda old, new: np.concatenate([old, new], -2),
    used=lambda old, new, joined: joined,
    mask=lambda t, s: np.tri(t, s + t, s, dtype=bool),
    scale=lambda q, keys, values: math.sqrt(q.shape[-1]),
    hide=lambda scores, seen: np.where(seen, scores, -np.inf),
    axes=(-1, -1),
    share=np.exp,
    total=lambda e, axis: e.sum(axis, keepdims=True),
    after=lambda shares, seen: shares,
    end=lambda out: out,
    kept=lambda old, new, joined: joined,
):
    """A step of attention with something wrong in it; the axes are those of the maximum and of the sum."""

    def attention_step(q, k, v, keys, values):
        joined = join(keys, k), join(values, v)
        seen = used(keys, k, joined[0]), used(values, v, joined[1])
        scores = q @ np.swapaxes(seen[0], -1, -2) / scale(q, *seen)
        allowed = mask(q.shape[-2], scores.shape[-1] - q.shape[-2])
        with np.errstate(all="ignore"):
            scores = hide(scores, allowed)
            e = share(scores - scores.max(axes[0], keepdims=True))
            out = after(e / total(e, axes[1]), allowed) @ seen[1]
        return end(out), kept(keys, k, joined[0]), kept(values, v, joined[1])

    return attention_step


def _leave(scores, seen):
    return scores


def _values_turned(q, k, v, keys, values):
    """The values of the new tokens stand in front, and so they are read."""
    keys = np.concatenate([keys, k], -2)
    values = np.concatenate([v, values], -2)
    scores = q @ np.swapaxes(keys, -1, -2) / math.sqrt(q.shape[-1])
    seen = np.tri(*scores.shape[-2:], keys.shape[-2] - q.shape[-2], dtype=bool)
    e = np.where(seen, np.exp(scores - scores.max(-1, keepdims=True)), 0)
    return e / e.sum(-1, keepdims=True) @ values, keys, values


def _linear_share(q, k, v, keys, values):
    """The scores divided by their sum, without np.exp."""
    keys = np.concatenate([keys, k], -2)
    values = np.concatenate([values, v], -2)
    scores = q @ np.swapaxes(keys, -1, -2) / math.sqrt(q.shape[-1])
    with np.errstate(all="ignore"):
        scores = np.where(
            np.tri(*scores.shape[-2:], keys.shape[-2] - q.shape[-2], dtype=bool), scores, -np.inf
        )
        return scores / scores.sum(-1, keepdims=True) @ values, keys, values


def _linear_step(q, k, v, keys, values):
    """A step without softmax."""
    keys = np.concatenate([keys, k], -2)
    values = np.concatenate([values, v], -2)
    scores = q @ np.swapaxes(keys, -1, -2) / math.sqrt(q.shape[-1])
    return np.tril(scores, keys.shape[-2] - q.shape[-2]) @ values, keys, values


def _everywhere(t, s):
    return np.ones((t, s + t), dtype=bool)


attention_step = Exercise(
    minutes=25,
    level=3,
    hints=(
        "First np.concatenate([keys, k], axis=-2), and the same for the values; then it is attention of q over all of them.",
        "New token t stands at place S + t, and sees the keys at places up to its own.",
        "With n = S + T keys: np.arange(n) <= np.arange(n - T, n)[:, None] is a table (T, n) of who may see whom.",
        "Scores where attention is not allowed become -inf before softmax, as in lesson 06.",
    ),
    why="Nobody looks ahead, so what a token computed stays true when others follow: its key and value are kept, not made again.",
    properties=(
        Property(
            "the first token sees itself alone",
            _alone,
            "With no earlier keys there is one score, so its share is 1 and the result is the token's own value.",
        ),
        Property(
            "new keys and values come after the earlier ones",
            _appended,
            "np.concatenate([keys, k], axis=-2), the same for the values; both are returned whole.",
        ),
        Property(
            "one new token sees all earlier ones and itself",
            _is_right(_one_after_four),
            "It is lesson 06's attention of q over all keys and values, the earlier ones and the new one.",
        ),
        Property(
            "several new tokens do not look ahead",
            _is_right(_three_after_two),
            "New token t sees the keys at places 0 to S + t; the scores of later ones are -inf before softmax.",
        ),
        Property(
            "token by token gives what the whole gives at once",
            _piece_by_piece((1, 1, 1, 1, 1)),
            "The keys and values that one step returns are the earlier ones of the next.",
        ),
        Property(
            "a text in pieces of any size gives the same",
            _piece_by_piece((3, 1, 2, 1)),
            "S, the number of earlier keys, is keys.shape[-2] before the new ones are appended.",
        ),
        Property(
            "several batch dimensions: each sample gives what it gives alone",
            _each_alone,
            "Batches and heads may be in front: only the last two axes count, -1 and -2.",
        ),
        Property(
            "large scores do no harm", _large, "Subtract each row's maximum before exp, as in lesson 06."
        ),
        keeps_its_inputs(_three_after_two, _one_after_four, lambda rng: _tokens(rng, 2, 0)),
    ),
    examples=lambda rng: (_three_after_two(rng), _one_after_four(rng)),
    mistakes={
        "The new keys stand before the earlier ones: first the earlier ones, then the new.": _wrong_step(
            join=lambda old, new: np.concatenate([new, old], -2)
        ),
        "Only the new keys are looked at: attention goes over the earlier ones too.": _wrong_step(
            used=lambda old, new, joined: new
        ),
        "The new tokens do not see themselves: append first, then attend.": _wrong_step(
            used=lambda old, new, joined: old, mask=lambda t, s: True
        ),
        "New tokens look ahead at each other: new token t sees places up to S + t.": _wrong_step(
            mask=_everywhere
        ),
        "The mask begins at place 0, as if nothing came before: new token t stands at place S + t.": _wrong_step(
            mask=lambda t, s: np.tri(t, s + t, dtype=bool)
        ),
        "Each new token sees what came before it, but not itself: places up to and with S + t.": _wrong_step(
            mask=lambda t, s: np.tri(t, s + t, s - 1, dtype=bool)
        ),
        "The scores are multiplied by sqrt(d); divide.": _wrong_step(
            scale=lambda q, keys, values: q.shape[-1] ** -0.5
        ),
        "The mask of the new tokens is the wrong way round: the first sees fewest, the last all.": _wrong_step(
            mask=lambda t, s: np.tri(t, s + t, s, dtype=bool)[::-1]
        ),
        "The new values are added to what attention gives: it is used as it is.": lambda q, k, v, keys, values: (
            (out := _wrong_step()(q, k, v, keys, values))[0] + v,
            *out[1:],
        ),
        "1/sqrt(d) is missing.": _wrong_step(scale=lambda q, keys, values: 1.0),
        "The scale is sqrt of the number of keys; it is sqrt of the length d of a query.": _wrong_step(
            scale=lambda q, keys, values: math.sqrt(keys.shape[-2])
        ),
        "Softmax goes over the queries; each query's shares go over the keys, the last axis.": (
            _wrong_step(axes=(-2, -2)),
            _wrong_step(axes=(-1, -2)),
        ),
        "The scores are divided by d; it is the root of d.": _wrong_step(
            scale=lambda q, keys, values: q.shape[-1]
        ),
        "The scale is the root of the length of a value; it is that of d, the length of a query.": _wrong_step(
            scale=lambda q, keys, values: math.sqrt(values.shape[-1])
        ),
        "New tokens see one place too far ahead: new token t sees places up to and with S + t.": _wrong_step(
            mask=lambda t, s: np.tri(t, s + t, s + 1, dtype=bool)
        ),
        "The earlier ones are hidden, and the later ones seen: new token t sees places 0 to S + t.": _wrong_step(
            mask=lambda t, s: ~np.tri(t, s + t, s - 1, dtype=bool)
        ),
        "Each new token sees the earlier ones and itself, but not the new ones before it.": _wrong_step(
            mask=lambda t, s: np.concatenate([np.ones((t, s), dtype=bool), np.eye(t, dtype=bool)], 1)
        ),
        "The mask comes after softmax, so that the shares left do not sum to 1.": _wrong_step(
            hide=_leave, after=lambda shares, seen: shares * seen
        ),
        "A score of 0 still gives a weight, as exp(0) is 1: where attention is not allowed, the score is -inf.": _wrong_step(
            hide=lambda scores, seen: np.where(seen, scores, 0)
        ),
        "A score such as -1 or -10 still gives a weight: where attention is not allowed, the score is -inf.": tuple(
            _wrong_step(hide=lambda scores, seen, low=low: np.where(seen, scores, low))
            for low in (-1.0, -5.0, -10.0)
        ),
        "What is added where attention is not allowed is finite and small: the score must become -inf.": tuple(
            _wrong_step(hide=lambda scores, seen, low=low: scores + low * ~seen)
            for low in (-1.0, -5.0, -10.0)
        ),
        "Only the last new token has a result here: each of the T new ones has its own.": _wrong_step(
            end=lambda out: out[..., -1:, :]
        ),
        "Only the last new token has a result here, without its axis: each of the T new ones has its own.": _wrong_step(
            end=lambda out: out[..., -1, :]
        ),
        "The scale is the root of the number of new tokens; it is that of d, the length of a query.": _wrong_step(
            scale=lambda q, keys, values: math.sqrt(q.shape[-2])
        ),
        "The shares are not divided by their sum.": _wrong_step(total=lambda e, axis: 1.0),
        "The new keys are taken for queries: the scores are q keys^T.": lambda q, k, v, keys, values: (
            _wrong_step()(k, k, v, keys, values)
        ),
        "The new values stand before the earlier ones: first the earlier ones, then the new.": _values_turned,
        "Keys and values have changed places in what is returned: out, keys, values.": lambda *given: (
            (out := _wrong_step()(*given))[0],
            out[2],
            out[1],
        ),
        "Only the new keys are returned: the next step needs all of them.": lambda q, k, *given: (
            (out := _wrong_step()(q, k, *given))[0],
            k,
            out[2],
        ),
        "Only the new values are returned: the next step needs all of them.": lambda q, k, v, *given: (
            (out := _wrong_step()(q, k, v, *given))[0],
            out[1],
            v,
        ),
        "The keys are averaged here; the shares go to the values.": lambda q, k, v, keys, values: (
            _wrong_step()(q, k, k, keys, keys)[0],
            *_wrong_step()(q, k, v, keys, values)[1:],
        ),
        "Every token has a result here, the earlier ones too: out is that of the T new ones, whose queries q are.": (
            lambda q, k, v, keys, values: (
                _wrong_step()(np.concatenate([keys, k], -2), k, v, keys, values)[0],
                *_wrong_step()(q, k, v, keys, values)[1:],
            )
        ),
        "Softmax is missing: the shares of a query sum to 1.": (_linear_step, _linear_share),
        "Only the new keys and values are returned: the next step needs all of them.": _wrong_step(
            kept=lambda old, new, joined: new
        ),
        "The new keys and values are not appended to what is returned: the next step would not know them.": _wrong_step(
            kept=lambda old, new, joined: old
        ),
    },
)
