"""What must be true of heads, of a concatenation's gradient, and of multi-head attention."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Property
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
    same(answer(x, 3)[0, 1], [[2, 3], [8, 9]], "head 1 of 3, for tokens (0, 1, ..., 5) and (6, 7, ..., 11)")


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
    why="Reshape cuts the channels, transpose makes the heads a batch axis: attention sees H small problems, and no number moved.",
    properties=(
        Property("head h has channels h d to (h + 1) d of every token", _counted),
        Property("a single head is the whole", _one_head),
        returns("every number is in its place", _tokens, _cut_by_loops),
        returns("a text of one token is no exception", _one_token, _cut_by_loops),
        keeps_its_inputs(_tokens),
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
        "The heads come before the batch: (n_heads, B, T, d). The batch is first.": (
            lambda x, n: x.reshape(*x.shape[:2], n, -1).transpose(2, 0, 1, 3)
        ),
        "`n_heads` is how many heads there are, not how wide each is.": (
            lambda x, n: x.reshape(*x.shape[:2], -1, n).transpose(0, 2, 1, 3)
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
        "Which axes must be neighbours, so that a reshape can make one of them? The heads and d.",
        "Reorder the axes into (B, T, H, d) first, then reshape to (B, T, H * d).",
    ),
    why="The same reordering, then one axis out of two. As it only moves numbers back, it is also the gradient of split_heads.",
    properties=(
        Property("the heads of a token stand side by side", _merged),
        returns("every number is in its place", _heads, _merge_by_loops),
        is_vjp_of(
            "it is the gradient of split_heads, with any weights",
            lambda x: _cut_by_loops(x, 2),
            lambda rng: (rng.normal(size=(2, 3, 4)),),
            vjp=lambda f, g, x: f(g),
        ),
        keeps_its_inputs(_heads),
        keeps_float32(_heads),
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
    )


def _g_sizes(rng):
    return rng.normal(size=(2, 7, 3)), [1, 4, 2], 1


def _numbered(answer):
    got = answer(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), [2, 3], 1)
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
        Property("each array gets its own part of g, in their order", _numbered),
        _concat_along(1, "it is the gradient along axis 1, with any weights, where sizes differ"),
        _concat_along(0, "it is the gradient along axis 0"),
        _concat_along(-1, "it is the gradient along axis -1"),
        keeps_its_inputs(_g_sizes),
        keeps_float32(_g_sizes),
    ),
    examples=lambda rng: (
        _g_sizes(rng),
        (rng.normal(size=(3, 2)), [1, 2], 0),
        (rng.normal(size=(2, 6)), [2, 3, 1], -1),
    ),
    trial=lambda answer, g, sizes, axis: _laid_out(answer, g, sizes, axis),
    mistakes={
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
        "Each part begins at 0; it begins where the one before it ends.": lambda g, sizes, axis: tuple(
            np.take(g, np.arange(n), axis) for n in sizes
        ),
        "The parts come in the reverse order.": _cut_at(order=-1),
        "It cuts along the last axis, whatever `axis` says.": _cut_at(axis=lambda axis: -1),
        "It cuts along the first axis, whatever `axis` says.": _cut_at(axis=lambda axis: 0),
        "It cuts along axis 1, whatever `axis` says.": _cut_at(axis=lambda axis: 1),
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
    (B, T, C), d = x.shape, x.shape[-1] // n_heads
    out = np.zeros(x.shape)
    for b, h, t in np.ndindex(B, n_heads, T):

        def channels(part, place, b=b, h=h):  # of q, k or v: those of head h
            rows = range(part * C + h * d, part * C + (h + 1) * d)
            return [math.fsum(w_in[r] * x[b, place]) + b_in[r] for r in rows]

        q, seen = channels(0, t), [s for s in range(T) if mask is None or mask[t, s]]
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
    q, k = np.zeros((4, 4)), np.zeros((4, 4))
    q[0, :2], k[0, 0] = 90.0, 1.0  # head 0: every token asks, the first answers
    q[2, :2], k[2, 1] = 90.0, 1.0  # head 1: every token asks, the second answers
    v = np.eye(4)[[2, 3, 2, 3]]
    got = answer(x, np.concatenate([q, k, v]), np.zeros(12), np.eye(4), np.zeros(4), 2)
    same(
        got, [[[5, 7, 6, 8]] * 2], "the result where head 0 looks at the first token and head 1 at the second"
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
    b_in=1,
    b_out=1,
    w_out=True,
    see=lambda m: m,
    qkv=None,
):
    """Multi-head attention with something wrong in it."""

    def multi_head_attention(x, win, bin, wout, bout, n_heads, mask=None):
        y = x @ win.T + b_in * bin
        three = np.split(y, 3, axis=-1) if qkv is None else qkv(y, n_heads)
        q, k, v = (cut(three[i], n_heads) for i in parts)
        scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(width(x.shape[-1], n_heads) if width else q.shape[-1])
        mask = None if mask is None else see(mask)
        if mask is not None and scores.shape[-2:] == mask.shape:
            scores = np.where(mask, scores, -np.inf)
        heads = join(np.nan_to_num(_rows(scores)) @ v)
        return (heads @ (wout.T if transposed else wout) if w_out else heads) + b_out * bout

    return multi_head_attention


def _by_head(y, n_heads):
    """q, k, v where the rows of w_in were ordered by head first."""
    B, T, _ = y.shape
    each = y.reshape(B, T, n_heads, 3, -1)
    return [each[..., i, :].reshape(B, T, -1) for i in range(3)]


def _alternating(y, n_heads):
    return [y[..., i::3] for i in range(3)]


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
        Property("where all keys are alike, every head takes the mean", _means),
        Property("two heads look at two places", _two_looks),
        returns("values are right", _layer, _by_loops),
        returns("values are right with a mask", _masked_layer, _by_loops),
        returns("values are right with one head", lambda rng: _layer(rng, C=4, n_heads=1), _by_loops),
        Property("each text of a batch is treated alone", _each_text_alone),
        keeps_its_inputs(_masked_layer),
        keeps_float32(_masked_layer),
    ),
    examples=lambda rng: (_layer(rng), _masked_layer(rng)),
    mistakes={
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
        "q, k and v take turns here; w_in has all rows of q, then all of k, then all of v.": _wrong(
            qkv=_alternating
        ),
        "k and v are exchanged.": _wrong(parts=(0, 2, 1)),
        "q and k are exchanged: queries attend to keys, and the mask is (query, key).": _wrong(
            parts=(1, 0, 2)
        ),
        "The last projection, by w_out, is missing.": _wrong(w_out=False),
        "w_out must be transposed: weights are (out, in).": _wrong(transposed=False),
        "b_in is missing.": _wrong(b_in=0),
        "b_out is missing.": _wrong(b_out=0),
        "The mask is not used: pass it to `attention`.": _wrong(see=lambda mask: None),
        "The mask is inverted: True is where a query may attend.": _wrong(see=np.logical_not),
    },
)
