"""What must be true of heads, of a concatenation's gradient, and of multi-head attention."""

import math
from collections.abc import Iterator

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import Tried, is_vjp_of, keeps_float32, keeps_its_inputs, returns, same


def _tokens(rng):
    return rng.normal(size=(2, 3, 12)), 4


def _one_token(rng):
    return rng.normal(size=(3, 1, 6)), 2


def _cut_by_loops(x, n_heads):
    """Every number carried to its place, one by one."""
    B, T, C = x.shape
    d = C // n_heads
    out = np.zeros((B, n_heads, T, d))
    for b, t, c in np.ndindex(B, T, C):
        out[b, c // d, t, c % d] = x[b, t, c]
    return out


def _counted(answer):
    x = np.arange(12.0).reshape(1, 2, 6)
    heads = [[[0, 1], [6, 7]], [[2, 3], [8, 9]], [[4, 5], [10, 11]]]
    same(answer(x, 3), [heads], "the 3 heads of one text of the tokens (0, 1, ..., 5) and (6, 7, ..., 11)")


def _one_head(answer):
    x = np.arange(6.0).reshape(1, 2, 3)
    same(answer(x, 1), x[:, None], "a single head")


split_heads = Exercise(
    minutes=8,
    level=1,
    hints=(
        "Two steps: cut the last axis, C, into (n_heads, d); then reorder the axes into the wanted order.",
        "x.reshape(B, T, n_heads, d) reads the channels of each token in order: the first d go to head 0.",
        "transpose(0, 2, 1, 3) says for each new axis which old one it is.",
    ),
    why="Reshape cuts the channels, transpose makes the heads a batch axis, so attention treats each head separately.",
    properties=(
        Property(
            "head h has channels h d to (h + 1) d of every token",
            _counted,
            "Two steps: cut the last axis into (n_heads, d), then bring the axis of the heads in front of that of the tokens.",
        ),
        Property(
            "a single head is the whole",
            _one_head,
            "With one head, the result is x with an axis of size 1 behind the batch.",
        ),
        returns(
            "every number is in its place",
            _tokens,
            _cut_by_loops,
            hint="x[b, t, h * d + i] goes to place (b, h, t, i): B texts, n_heads heads, T tokens, d channels.",
        ),
        returns(
            "a text of one token is no exception",
            _one_token,
            _cut_by_loops,
            hint="Axes of size 1 stay: take the sizes from x.shape, and do not squeeze.",
        ),
        keeps_its_inputs(_tokens, _one_token),
        keeps_float32(_tokens),
    ),
    examples=lambda rng: (_tokens(rng), (rng.normal(size=(2, 5, 6)), 2)),
    mistakes={
        "A reshape straight to (B, n_heads, T, d) gives whole tokens to the heads: cut C into (n_heads, d), then reorder axes.": (
            lambda x, n: x.reshape(x.shape[0], n, x.shape[1], -1)
        ),
        "Head 0 has channels 0, n_heads, 2 n_heads, ...; it must have the first d: reshape to (..., n_heads, d).": (
            lambda x, n: x.reshape(*x.shape[:2], -1, n).transpose(0, 3, 1, 2)
        ),
        "The heads are cut, and the axes are still (B, T, n_heads, d): reorder them into (B, n_heads, T, d).": (
            lambda x, n: x.reshape(*x.shape[:2], n, -1)
        ),
        "The last two axes are (d, T); they must be (T, d), a row for each token.": (
            lambda x, n: x.reshape(*x.shape[:2], n, -1).transpose(0, 2, 3, 1)
        ),
        "Each head begins one channel after the one before it; head h begins at channel h * d.": (
            lambda x, n: np.stack([x[..., h : h + x.shape[-1] // n] for h in range(n)], 1)
        ),
        "Only the first text of the batch is there.": lambda x, n: _turned(x[:1], n),
        "There are always two heads here, whatever `n_heads` says.": (lambda x, n: _turned(x, 2),),
        "The heads come before the batch: (n_heads, B, T, d). The batch is first.": (
            lambda x, n: x.reshape(*x.shape[:2], n, -1).transpose(2, 0, 1, 3)
        ),
        "`n_heads` is how many heads there are, not how wide each is.": (
            lambda x, n: x.reshape(*x.shape[:2], -1, n).transpose(0, 2, 1, 3)
        ),
        "The reshape comes after the axes are exchanged, and mixes channels and tokens: first cut, then reorder.": (
            lambda x, n: x.transpose(0, 2, 1).reshape(x.shape[0], n, x.shape[1], -1),
            lambda x, n: x.reshape(x.shape[0], n, -1, x.shape[1]).transpose(0, 1, 3, 2),
        ),
        "Two axes too many were exchanged: reorder (B, T, n_heads, d) with transpose(0, 2, 1, 3).": (
            lambda x, n: x.reshape(*x.shape[:2], n, -1).transpose(2, 1, 0, 3),
            lambda x, n: x.reshape(*x.shape[:2], n, -1).transpose(1, 0, 2, 3),
            lambda x, n: x.reshape(*x.shape[:2], n, -1).transpose(0, 3, 2, 1),
            lambda x, n: x.reshape(*x.shape[:2], n, -1).transpose(0, 3, 1, 2),
            lambda x, n: x.reshape(*x.shape[:2], n, -1).T,
        ),
        "The heads are in the reverse order: head 0 has the first d channels.": lambda x, n: _turned(x, n)[
            :, ::-1
        ],
        "Every head has all channels here: each gets d of them.": lambda x, n: np.stack([x] * n, 1),
        "Batch and heads have become one axis: keep both, (B, n_heads, T, d).": (
            lambda x, n: _turned(x, n).reshape(-1, x.shape[1], x.shape[2] // n)
        ),
    },
)


def _heads(rng):
    return (rng.normal(size=(2, 4, 3, 5)),)


def _merge_by_loops(x):
    B, H, T, d = x.shape
    out = np.zeros((B, T, H * d))
    for b, h, t, i in np.ndindex(*x.shape):
        out[b, t, h * d + i] = x[b, h, t, i]
    return out


def _merged(answer):
    x = np.array([[[[0.0, 1.0], [2.0, 3.0]], [[10.0, 11.0], [12.0, 13.0]]]])
    same(answer(x), [[[0, 1, 10, 11], [2, 3, 12, 13]]], "two heads of two tokens each")


merge_heads = Exercise(
    minutes=7,
    level=1,
    hints=(
        "A reshape can join two axes only if they are neighbours: here the axis of the heads and that of d.",
        "Reorder the axes into (B, T, H, d) first, then reshape to (B, T, H * d).",
    ),
    why="The same reordering, then one axis out of two. As it only moves numbers back, it is also the gradient of split_heads.",
    properties=(
        Property(
            "the heads of a token stand side by side",
            _merged,
            "Reorder the axes into (B, T, H, d), then make one axis of the last two.",
        ),
        returns(
            "every number is in its place",
            _heads,
            _merge_by_loops,
            hint="x[b, h, t, i] goes to place (b, t, h * d + i).",
        ),
        is_vjp_of(
            "it is the gradient of split_heads, with any weights",
            lambda x: _cut_by_loops(x, 2),
            lambda rng: (rng.normal(size=(2, 3, 4)),),
            vjp=lambda f, g, x: f(g),
            hint="split_heads only moves numbers: the gradient of each must be moved back to where the number came from.",
        ),
        keeps_its_inputs(_heads, lambda rng: (rng.normal(size=(1, 1, 3, 2)),)),
    ),
    examples=lambda rng: (_heads(rng), (rng.normal(size=(1, 2, 4, 3)),)),
    mistakes={
        "A reshape straight from (B, H, T, d) mixes the tokens: reorder the axes into (B, T, H, d) first.": (
            lambda x: x.reshape(x.shape[0], x.shape[2], -1)
        ),
        "The channels of the heads alternate: turn to (B, T, H, d), not to (B, T, d, H).": (
            lambda x: x.transpose(0, 2, 3, 1).reshape(x.shape[0], x.shape[2], -1)
        ),
        "The axes are reordered, (B, T, H, d), and the last two still have to become one.": lambda x: (
            x.transpose(0, 2, 1, 3)
        ),
        "The axes are (B, T, d, H) or (B, d, H, T) before the reshape: it must be (B, T, H, d).": (
            lambda x: x.transpose(0, 3, 1, 2).reshape(x.shape[0], x.shape[2], -1),
            lambda x: x.transpose(0, 3, 2, 1).reshape(x.shape[0], x.shape[2], -1),
            lambda x: x.transpose(0, 1, 3, 2).reshape(x.shape[0], x.shape[2], -1),
        ),
        "The channels come before the tokens: the result is (B, T, H * d).": (
            lambda x: _back(x).transpose(0, 2, 1),
            lambda x: x.transpose(0, 1, 3, 2).reshape(x.shape[0], -1, x.shape[2]),
        ),
        "The heads are in the reverse order: head 0 comes first.": lambda x: _back(x[:, ::-1]),
        "Only the first head is there: put all of them side by side.": lambda x: x[:, 0],
        "All texts have become one: keep the batch, (B, T, H * d).": lambda x: _back(x).reshape(
            -1, x.shape[1] * x.shape[3]
        ),
        "The heads have become more texts: put them side by side, along the channels.": (
            lambda x: np.concatenate(list(x.swapaxes(0, 1)))
        ),
        "The texts of the batch stand side by side here: the heads do, along axis 1 of x.": (
            lambda x: np.concatenate(list(x), -1)
        ),
        "The heads are an axis of their own at the end: put their channels side by side.": (
            lambda x: np.stack(list(x.swapaxes(0, 1)), -1)
        ),
        "The axes of x are (B, H, T, d), in this order: here H and T are taken for each other.": (
            lambda x: x.swapaxes(1, 2).reshape(x.shape[0], x.shape[1], -1)
        ),
        "The sum of the heads loses which head said what: put them side by side.": lambda x: x.sum(1),
        "The mean of the heads loses which head said what: put them side by side.": lambda x: x.mean(1),
        "The tokens come before the batch: (T, B, C). The batch is first.": (
            lambda x: x.transpose(2, 0, 1, 3).reshape(x.shape[2], x.shape[0], -1)
        ),
        "The heads stand below each other, along T; they belong side by side, along the channels.": (
            lambda x: x.reshape(x.shape[0], -1, x.shape[-1])
        ),
    },
)


def _parts(rng, axis=1):
    shapes = [[2, 3, 2] for _ in range(3)]
    for shape, size in zip(shapes, (1, 4, 2), strict=True):
        shape[axis] = size
    return [rng.normal(size=shape) for shape in shapes]


def _concat_along(axis, what):
    return is_vjp_of(
        what,
        lambda *parts: np.concatenate(parts, axis),
        lambda rng: _parts(rng, axis),
        vjp=lambda f, g, *parts: f(g, [p.shape[axis] for p in parts], axis),
        hint="Cut g along `axis`, whichever that is, where one array ended and the next began.",
    )


def _g_sizes(rng):
    return rng.normal(size=(2, 7, 3)), [1, 4, 2], 1


def _numbered(answer):
    got = answer(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), [2, 3], 1)
    if isinstance(got, Iterator):
        raise Failed(
            f"expected a tuple, got a {type(got).__name__}",
            hint="tuple(..) makes one of it; a `yield` makes a generator.",
        )
    same(len(got), 2, "the number of gradients, one for each array")
    same(got[0], [[1, 2]], "the gradient of the first array, which is 2 long,")
    same(got[1], [[3, 4, 5]], "the gradient of the second array, which is 3 long,")


def _cut_at(places=lambda sizes: np.cumsum(sizes)[:-1], axis=lambda axis: axis, scale=lambda n: 1.0, order=1):
    """The gradient of a concatenation with something wrong in it."""

    def concat_vjp(g, sizes, along):
        return tuple(part * scale(len(sizes)) for part in np.split(g, places(sizes), axis(along)))[::order]

    return concat_vjp


concat_vjp = Tried(
    minutes=12,
    level=2,
    hints=(
        "Entry i of y is an entry of just one of the arrays: its gradient goes there, whole, and nowhere else.",
        "So g is cut into parts along the axis, as long as the arrays were, in their order.",
        "np.split(g, places, axis) expects the indices at which to cut: np.cumsum(sizes) without its last entry.",
    ),
    why="Putting side by side moves numbers and computes nothing, so the gradient is moved back and nothing is computed either.",
    properties=(
        Property(
            "each array gets its own part of g, in their order",
            _numbered,
            "The first array's gradient is the first sizes[0] entries of g along the axis, then come sizes[1] more, and so on.",
        ),
        _concat_along(1, "it is the gradient along axis 1, with any weights, where sizes differ"),
        _concat_along(0, "it is the gradient along axis 0"),
        _concat_along(-1, "it is the gradient along axis -1"),
        keeps_its_inputs(_g_sizes, lambda rng: (rng.normal(size=(2, 3)), [3], -1)),
    ),
    examples=lambda rng: (
        _g_sizes(rng),
        (rng.normal(size=(3, 2)), [1, 2], 0),
        (rng.normal(size=(2, 6)), [2, 3, 1], -1),
    ),
    trial=lambda answer, g, sizes, axis: _laid_out(answer, g, sizes, axis),
    mistakes={
        "np.split cuts at places, not into lengths: the places are the sums of the sizes so far, np.cumsum(sizes)[:-1].": (
            lambda g, sizes, axis: tuple(np.split(g, sizes[:-1], axis=axis))
        ),
        "np.split expects the indices at which to cut, not the sizes: take np.cumsum(sizes), without its last entry.": _cut_at(
            places=lambda sizes: sizes
        ),
        "The last part is empty: np.cumsum(sizes) ends with the end itself, where there is nothing to cut.": _cut_at(
            places=np.cumsum
        ),
        "Each array gets all of g; it is to get the part that its own entries became.": lambda g, sizes, axis: (
            (g,) * len(sizes)
        ),
        "The parts are equally long here; the arrays need not be.": lambda g, sizes, axis: tuple(
            np.array_split(g, len(sizes), axis)
        ),
        "Each part begins at its predecessor's length, not at its end: add up the sizes.": lambda g, sizes, axis: (
            tuple(
                np.take(g, np.arange(at, min(at + n, g.shape[axis])), axis)
                for at, n in zip((0, *sizes), sizes, strict=False)
            )
        ),
        "Each part is too short by one: a slice a:b and range(a, b) end before b.": (
            lambda g, sizes, axis: tuple(
                np.take(g, np.arange(end - n, end - 1), axis)
                for n, end in zip(sizes, np.cumsum(sizes), strict=True)
            )
        ),
        "The axes were exchanged before the cut, and not exchanged back after it.": (
            lambda g, sizes, axis: tuple(np.split(np.swapaxes(g, 0, axis), np.cumsum(sizes)[:-1]))
        ),
        "Each part ends at its own length; it begins where the one before it ends, and is as long as its size.": (
            lambda g, sizes, axis: tuple(
                np.take(g, np.arange(at, n), axis) for at, n in zip((0, *sizes), sizes, strict=False)
            )
        ),
        "Each part begins at 0; it begins where the one before it ends.": lambda g, sizes, axis: tuple(
            np.take(g, np.arange(n), axis) for n in sizes
        ),
        "The parts come in the reverse order.": _cut_at(order=-1),
        "It cuts along the last axis, whatever `axis` says.": _cut_at(axis=lambda axis: -1),
        "It cuts along the first axis, whatever `axis` says.": _cut_at(axis=lambda axis: 0),
        "It cuts along axis 1, whatever `axis` says.": _cut_at(axis=lambda axis: 1),
        "The first part is too long, or too short by one: cut at np.cumsum(sizes) without its last entry.": (
            _cut_at(places=lambda sizes: np.cumsum(sizes)[:-1] + 1),
            _cut_at(places=lambda sizes: np.cumsum(sizes)[:-1] - 1),
        ),
        "The first array's gradient is missing, or the last one's: there is one for each array.": (
            lambda g, sizes, axis: _cut_at()(g, sizes, axis)[1:],
            lambda g, sizes, axis: _cut_at()(g, sizes, axis)[:-1],
        ),
        "Each part is added up; each entry has its own gradient.": (
            lambda g, sizes, axis: tuple(p.sum(axis, keepdims=True) for p in _cut_at()(g, sizes, axis)),
            lambda g, sizes, axis: tuple(p.sum(axis) for p in _cut_at()(g, sizes, axis)),
        ),
        "All the parts are as long as the first array; the sizes may differ.": lambda g, sizes, axis: tuple(
            np.take(g, np.arange(i * sizes[0], (i + 1) * sizes[0]), axis, mode="clip")
            for i in range(len(sizes))
        ),
        "Divide nothing: each entry went to one place, unchanged.": _cut_at(scale=lambda n: 1 / n),
        "The gradients are zeros here; each number gets the gradient of its entry in y.": _cut_at(
            scale=lambda n: 0
        ),
    },
)


def _laid_out(answer, g, sizes, axis):
    """The parts in a row, each after its shape."""
    parts = [np.asarray(part, dtype=float) for part in answer(g, sizes, axis)]
    return np.concatenate([np.concatenate([part.shape, part.ravel()]) for part in parts])


def _layer(rng, B=2, T=3, C=8, n_heads=2):
    sizes = ((B, T, C), (3 * C, C), (3 * C,), (C, C), (C,))
    return *(
        rng.normal(size=size) * s for size, s in zip(sizes, (1, 0.6, 0.5, 0.5, 0.5), strict=True)
    ), n_heads


def _masked_layer(rng):
    return *_layer(rng, T=4, C=6, n_heads=3), np.array(
        [[1, 0, 0, 1], [1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]], dtype=bool
    )


def _by_loops(x, w_in, b_in, w_out, b_out, n_heads, mask=None):
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
        _by_loops(30 * x, 30 * w_in, *rest),
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


def _turned(x, n_heads):
    return x.reshape(*x.shape[:2], n_heads, -1).transpose(0, 2, 1, 3)


def _back(x):
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def _wrong(
    parts=(0, 1, 2),
    cut=_turned,
    join=_back,
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
):
    """Multi-head attention with something wrong in it."""

    def multi_head_attention(x, win, bin, wout, bout, n_heads, mask=None):
        y = project(x, win, bin)
        three = np.split(y, 3, axis=-1) if qkv is None else qkv(y, n_heads)
        q, k, v = (cut(three[i], n_heads) for i in parts)
        scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(width(x.shape[-1], n_heads) if width else q.shape[-1])
        mask = None if mask is None else see(mask)
        if mask is not None and scores.shape[-2:] == mask.shape:
            scores = hide(scores, mask)
        heads = join(after(np.nan_to_num(share(scores)), mask) @ v)
        return (heads @ (wout.T if transposed else wout) if w_out else heads) + b_out * bout

    return multi_head_attention


def _with_bias(*kept):
    """The projection, with those of the biases of q, k and v that are kept."""
    return lambda x, w, b: x @ w.T + b * np.repeat(kept, x.shape[-1])


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
            _by_loops,
            hint="In this order: x @ w_in.T + b_in, three parts, split_heads, attention, merge_heads, @ w_out.T + b_out.",
        ),
        returns(
            "values are right with a mask",
            _masked_layer,
            _by_loops,
            hint="All heads get the mask, as it is: attention(q, k, v, mask).",
        ),
        returns(
            "values are right with one head",
            lambda rng: _layer(rng, C=4, n_heads=1),
            _by_loops,
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
            cut=lambda x, n: _turned(x, 1), width=lambda C, n: C
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
            _wrong(join=lambda y: _back(y[:, ::-1])),
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
        "The mask is inverted: True is where a query may attend.": _wrong(see=np.logical_not),
    },
)
