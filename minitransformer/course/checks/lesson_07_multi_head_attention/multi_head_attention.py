"""What must be true of multi-head attention."""

import math

import numpy as np

from minitransformer.course.checks.lesson_07_multi_head_attention.common import back, turned
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, returns, same


def _layer(rng, B=2, T=3, C=8, n_heads=2):
    sizes = ((B, T, C), (3 * C, C), (3 * C,), (C, C), (C,))
    return *(
        rng.normal(size=size) * s for size, s in zip(sizes, (1, 0.6, 0.5, 0.5, 0.5), strict=True)
    ), n_heads


def _masked_layer(rng):
    return *_layer(rng, T=4, C=6, n_heads=3), np.array(
        [[1, 0, 0, 1], [1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1]], dtype=bool
    )


def by_loops(x, w_in, b_in, w_out, b_out, n_heads, mask=None):
    """One query of one head at a time, in Python's own numbers."""
    B, T, C = x.shape
    d = x.shape[-1] // n_heads
    out = np.zeros(x.shape)
    for b, h, t in np.ndindex(B, n_heads, T):

        def channels(part, place, b=b, h=h):  # of q, k or v: those of head h
            rows = range(part * C + h * d, part * C + (h + 1) * d)
            return [math.fsum(w_in[r] * x[b, place]) + b_in[r] for r in rows]

        q = channels(0, t)
        seen = [s for s in range(T) if mask is None or mask[t, s]]
        scores = [
            math.fsum(a * c for a, c in zip(q, channels(1, s), strict=True)) / math.sqrt(d) for s in seen
        ]
        shares = [math.exp(score - max(scores)) for score in scores]
        for share, s in zip(shares, seen, strict=True):
            for i, value in enumerate(channels(2, s)):
                out[b, t] += share / math.fsum(shares) * value * w_out[:, h * d + i]
    return out + b_out


def _means(answer):
    x = np.array([[[1.0, 2.0, 3.0, 4.0], [3.0, 6.0, 9.0, 0.0]]])
    w_in = np.concatenate([np.zeros((8, 4)), np.eye(4)])
    got = answer(x, w_in, np.zeros(12), np.eye(4), np.zeros(4), 2)
    same(got, [[[2, 4, 6, 2]] * 2], "the result where all keys are zeros: the mean of the tokens, as v is x")


def _two_looks(answer):
    """Channels 0 and 1 of q ask for the first token, channels 2 and 3 for the second."""
    x = np.array([[[1.0, 0.0, 5.0, 7.0], [0.0, 1.0, 6.0, 8.0]]])
    q = np.zeros((4, 4))
    k = np.zeros((4, 4))
    q[0, :2], k[0, 0] = 90.0, 1.0  # head 0: every token asks, the first answers
    q[2, :2], k[2, 1] = 90.0, 1.0  # head 1: every token asks, the second answers
    v = np.eye(4)[[2, 3, 2, 3]]
    got = answer(x, np.concatenate([q, k, v]), np.zeros(12), np.eye(4), np.zeros(4), 2)
    same(
        got, [[[5, 7, 6, 8]] * 2], "the result where head 0 looks at the first token and head 1 at the second"
    )


def _large_scores(answer):
    x, w_in, *rest = _masked_layer(np.random.default_rng(6))
    with np.errstate(all="ignore"):
        got = answer(30 * x, 30 * w_in, *rest)
    hint = (
        "exp(1000) is infinite: subtract the row's maximum first, as `attention` does."
        if np.isnan(got).any()
        else ""
    )
    same(
        got,
        by_loops(30 * x, 30 * w_in, *rest),
        "the result where scores are in the thousands",
        rtol=1e-6,
        hint=hint,
    )


def _each_text_alone(answer):
    x, *rest = _layer(np.random.default_rng(5))
    same(answer(x, *rest)[1:], answer(x[1:], *rest), "the second text of a batch, and the same text alone:")


def _rows(scores):
    with np.errstate(all="ignore"):
        e = np.exp(scores - scores.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)


def _wrong(
    parts=(0, 1, 2),
    cut=turned,
    join=back,
    width=None,
    transposed=True,
    project=lambda x, w, b: x @ w.T + b,
    b_out=1,
    w_out=True,
    see=lambda m: m,
    qkv=None,
    share=lambda scores: _rows(scores),
    hide=lambda scores, mask: np.where(mask, scores, -np.inf),
    after=lambda shares, mask: shares,
    mix=np.matmul,
    cut_kv=None,
):
    """Multi-head attention with something wrong in it."""

    def multi_head_attention(x, win, bin, wout, bout, n_heads, mask=None):
        y = project(x, win, bin)
        three = np.split(y, 3, axis=-1) if qkv is None else qkv(y, n_heads)
        q, k, v = (
            c(three[i], n_heads) for c, i in zip((cut, cut_kv or cut, cut_kv or cut), parts, strict=True)
        )
        scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(width(x.shape[-1], n_heads) if width else q.shape[-1])
        mask = None if mask is None else see(mask)
        if mask is not None and scores.shape[-2:] == mask.shape:
            scores = hide(scores, mask)
        heads = join(mix(after(np.nan_to_num(share(scores)), mask), v))
        return (heads @ (wout.T if transposed else wout) if w_out else heads) + b_out * bout

    return multi_head_attention


def _with_bias(*kept):
    """The projection, with those of the biases of q, k and v that are kept."""
    return lambda x, w, b: x @ w.T + b * np.repeat(kept, x.shape[-1])


def _not_projected(i):
    """The projection, where part i, of q, k and v, is x itself."""

    def project(x, w, b):
        parts = np.split(x @ w.T + b, 3, axis=-1)
        parts[i] = x
        return np.concatenate(parts, -1)

    return project


def _by_head(y, n_heads):
    """q, k, v where the rows of w_in were ordered by head first."""
    B, T, _ = y.shape
    each = y.reshape(B, T, n_heads, 3, -1)
    return [each[..., i, :].reshape(B, T, -1) for i in range(3)]


def _alternating(y, n_heads):
    return [y[..., i::3] for i in range(3)]


def _wrong_b_out_often(x, w_in, b_in, w_out, b_out, n_heads, mask=None):
    return _wrong(b_out=n_heads)(x, w_in, b_in, w_out, b_out, n_heads, mask)


multi_head_attention = Exercise(
    minutes=25,
    level=2,
    hints=(
        "Five steps: project, cut into heads, attend, put side by side, project. Note the shape after each.",
        "x @ w_in.T + b_in is (B, T, 3C): np.split(..., 3, axis=-1) gives q, k and v, (B, T, C) each.",
        "After split_heads the heads are an axis like the batch: `attention` treats all of them at once.",
        "merge_heads, then @ w_out.T + b_out. Weights are (out, in), as everywhere in the library, so they are transposed.",
    ),
    why="The heads are one more batch axis: attention did not have to be changed. w_out mixes what the heads found.",
    properties=(
        Property(
            "where all keys are alike, every head takes the mean",
            _means,
            "All shares are equal here, so that each head gives the mean of its channels of v, and w_out leaves them as they are.",
        ),
        Property(
            "two heads look at two places",
            _two_looks,
            "Each head has its own scores, from its own d channels of q and k, and its own d channels of v.",
        ),
        returns(
            "values are right",
            _layer,
            by_loops,
            hint="In this order: x @ w_in.T + b_in, three parts, split_heads, attention, merge_heads, @ w_out.T + b_out.",
        ),
        returns(
            "values are right with a mask",
            _masked_layer,
            by_loops,
            hint="All heads get the mask, as it is: attention(q, k, v, mask).",
        ),
        returns(
            "values are right with one head",
            lambda rng: _layer(rng, C=4, n_heads=1),
            by_loops,
            hint="With one head, d is C, and the result is one attention between the two projections.",
        ),
        Property(
            "each text of a batch is treated alone",
            _each_text_alone,
            "Tokens attend to tokens of their own text: the batch stays an axis in front.",
        ),
        Property(
            "large scores do no harm",
            _large_scores,
            "Use `attention` from above: it subtracts the maximum before exp.",
        ),
        keeps_its_inputs(_layer, _masked_layer),
    ),
    examples=lambda rng: (_layer(rng), _masked_layer(rng)),
    mistakes={
        "b_out is subtracted; it is added.": _wrong(b_out=-1),
        "b_in is subtracted; it is added.": _wrong(project=_with_bias(-1, -1, -1)),
        "b_in is added twice.": _wrong(project=_with_bias(2, 2, 2)),
        "b_out is added before the last projection; it comes after it.": lambda x, win, bin, wout, bout, n, mask=None: (
            _wrong(b_out=0)(x, win, bin, wout, bout, n, mask) + bout @ wout.T
        ),
        "A part of w_in stands where w_out should, in the last projection.": tuple(
            lambda x, win, bin, wout, *rest, i=i: _wrong()(x, win, bin, np.split(win, 3)[i], *rest)
            for i in range(3)
        ),
        "The values are added to what attention gives; it is used as it is.": _wrong(
            mix=lambda shares, v: shares @ v + v
        ),
        "Attention acts twice, one time on its own result.": _wrong(
            mix=lambda shares, v: shares @ (shares @ v)
        ),
        "relu is taken of what attention gives; nothing stands between it and the last projection.": _wrong(
            mix=lambda shares, v: np.maximum(shares @ v, 0)
        ),
        "`n_heads` is how many heads there are, not how wide each is.": _wrong(
            cut=lambda x, n: turned(x, x.shape[-1] // n)
        ),
        "The mean of the heads stands in the place of each; put the heads side by side, as they are.": _wrong(
            join=lambda y: back(np.repeat(y.mean(1, keepdims=True), y.shape[1], 1))
        ),
        "The heads are divided by how many they are; put them side by side, as they are.": _wrong(
            join=lambda y: back(y) / y.shape[1]
        ),
        "The result of the last head stands in the place of each; put the heads side by side, as they are.": _wrong(
            join=lambda y: back(np.repeat(y[:, -1:], y.shape[1], 1))
        ),
        "The result of the first head stands in the place of each; put the heads side by side, as they are.": _wrong(
            join=lambda y: back(np.repeat(y[:, :1], y.shape[1], 1))
        ),
        "All heads use the keys and values of the first one; each has its own.": _wrong(
            cut_kv=lambda x, n: np.repeat(turned(x, n)[:, :1], n, 1)
        ),
        "x itself stands where one of q, k and v should; each is a part of x @ w_in.T + b_in.": tuple(
            _wrong(project=_not_projected(i)) for i in range(3)
        ),
        "b_out is added once for each head; it is added once.": _wrong_b_out_often,
        "The three parts of w_in are used as they are; they must be transposed: weights are (out, in).": _wrong(
            project=lambda x, w, b: np.concatenate([x @ part for part in np.split(w, 3)], -1) + b
        ),
        "The projection by w_in is missing: q, k and v are parts of x @ w_in.T + b_in, not x itself.": _wrong(
            project=lambda x, w, b: np.concatenate([x, x, x], -1)
        ),
        "Each of q, k and v has its own C numbers of b_in: some of them are missing.": (
            _wrong(project=_with_bias(1, 0, 0)),
            _wrong(project=_with_bias(1, 1, 0)),
            _wrong(project=_with_bias(0, 0, 1)),
        ),
        "The scale is the root of C; a query of one head is d = C / n_heads long.": _wrong(
            width=lambda C, n: C
        ),
        "The scale is the root of the number of heads; it is that of d = C / n_heads, the length of a query.": _wrong(
            width=lambda C, n: n
        ),
        "1/sqrt(d) is missing.": _wrong(width=lambda C, n: 1),
        "All channels attend as one head: cut q, k and v with split_heads.": _wrong(
            cut=lambda x, n: turned(x, 1), width=lambda C, n: C
        ),
        "The heads attend to each other, within a token: with axes (B, H, T, d) tokens attend to tokens.": _wrong(
            cut=lambda x, n: x.reshape(*x.shape[:2], n, -1), join=lambda x: x.reshape(*x.shape[:2], -1)
        ),
        "The heads are cut by a reshape straight to (B, H, T, d), which gives whole tokens to the heads.": _wrong(
            cut=lambda x, n: x.reshape(x.shape[0], n, x.shape[1], -1)
        ),
        "The heads are joined by a reshape straight to (B, T, C), which mixes the tokens: use merge_heads.": _wrong(
            join=lambda x: x.reshape(x.shape[0], x.shape[2], -1)
        ),
        "Head h has every n_heads-th channel; it must have d neighbours.": _wrong(
            cut=lambda x, n: x.reshape(*x.shape[:2], -1, n).transpose(0, 3, 1, 2),
            join=lambda x: x.transpose(0, 2, 3, 1).reshape(x.shape[0], x.shape[2], -1),
        ),
        "w_in is read as head by head; it has all rows of q, then all of k, then all of v.": _wrong(
            qkv=_by_head
        ),
        "w_in has q first, then k, then v; here the parts are in another order.": (
            _wrong(parts=(1, 2, 0)),
            _wrong(parts=(2, 0, 1)),
            _wrong(parts=(2, 1, 0)),
        ),
        "q, k and v are all the same part of the projection: cut it into three.": (
            _wrong(parts=(0, 0, 0)),
            _wrong(parts=(1, 1, 1)),
            _wrong(parts=(2, 2, 2)),
        ),
        "k is q here, or v is k: q, k and v are three parts.": (
            _wrong(parts=(0, 0, 2)),
            _wrong(parts=(0, 1, 1)),
            _wrong(parts=(0, 1, 0)),
        ),
        "The scores are divided by d; it is the root of d.": _wrong(width=lambda C, n: (C // n) ** 2),
        "Softmax goes over the queries; each query's shares go over the keys, the last axis.": _wrong(
            share=lambda scores: np.swapaxes(_rows(np.swapaxes(scores, -1, -2)), -1, -2)
        ),
        "Softmax goes over the heads; each query's shares go over the keys, the last axis.": _wrong(
            share=lambda scores: np.moveaxis(_rows(np.moveaxis(scores, 1, -1)), -1, 1)
        ),
        "Softmax is missing: the shares of a query sum to 1.": _wrong(
            share=lambda scores: scores, hide=lambda scores, mask: np.where(mask, scores, 0)
        ),
        "It is always causal here: without a mask every query attends to all keys.": _wrong(
            share=lambda scores: _rows(
                np.where(np.tri(scores.shape[-2], scores.shape[-1], dtype=bool), scores, -np.inf)
            )
        ),
        "The mask comes after softmax, so that the shares left do not sum to 1.": _wrong(
            hide=lambda scores, mask: scores,
            after=lambda shares, mask: shares if mask is None else shares * mask,
        ),
        "A score of 0 still gives a weight, as exp(0) is 1: where attention is not allowed, the score is -inf.": _wrong(
            hide=lambda scores, mask: np.where(mask, scores, 0)
        ),
        "The mask is transposed: its rows are queries, its columns keys.": _wrong(see=np.transpose),
        "x is added at the end; that is the block's task, not the attention's.": lambda x, *rest: (
            x + _wrong()(x, *rest)
        ),
        "Both biases are missing.": _wrong(project=_with_bias(0, 0, 0), b_out=0),
        "The last projection is missing, by w_out and b_out.": _wrong(w_out=False, b_out=0),
        "Each head's values are added up; put them side by side, with merge_heads.": _wrong(
            join=lambda y: np.concatenate([y.sum(1)] * y.shape[1], -1)
        ),
        "The heads are joined in another order: head 0 comes first, channel by channel of it.": (
            _wrong(join=lambda y: back(y[:, ::-1])),
            _wrong(join=lambda y: y.transpose(0, 2, 3, 1).reshape(y.shape[0], y.shape[2], -1)),
        ),
        "q, k and v take turns here; w_in has all rows of q, then all of k, then all of v.": _wrong(
            qkv=_alternating
        ),
        "k and v are exchanged.": _wrong(parts=(0, 2, 1)),
        "q and k are exchanged: queries attend to keys, and the mask is (query, key).": _wrong(
            parts=(1, 0, 2)
        ),
        "The last projection, by w_out, is missing.": _wrong(w_out=False),
        "w_out must be transposed: weights are (out, in).": _wrong(transposed=False),
        "b_in is missing.": _wrong(project=_with_bias(0, 0, 0)),
        "b_out is missing.": _wrong(b_out=0),
        "The mask is not used: pass it to `attention`.": _wrong(see=lambda mask: None),
        "Each query sees its own place here, whatever the mask says.": _wrong(
            see=lambda mask: mask | np.eye(len(mask), dtype=bool)
        ),
        "The mask is inverted: True is where a query may attend.": _wrong(see=np.logical_not),
    },
)
