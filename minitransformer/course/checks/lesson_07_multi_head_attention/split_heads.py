"""What must be true of split_heads."""

import numpy as np

from minitransformer.course.checks.lesson_07_multi_head_attention.common import cut_by_loops, turned
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_float32, keeps_its_inputs, returns, same


def _tokens(rng):
    return rng.normal(size=(2, 3, 12)), 4


def _one_token(rng):
    return rng.normal(size=(3, 1, 6)), 2


def _counted(answer):
    x = np.arange(12.0).reshape(1, 2, 6)
    heads = [[[0, 1], [6, 7]], [[2, 3], [8, 9]], [[4, 5], [10, 11]]]
    got = answer(x, 3)
    hint = (
        "The batch is gone: an axis of size 1 stays, so do not squeeze." if np.shape(got) == (3, 2, 2) else ""
    )
    what = "the 3 heads of one text of the tokens (0, 1, ..., 5) and (6, 7, ..., 11)"
    same(got, [heads], what, hint=hint)


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
            cut_by_loops,
            hint="x[b, t, h * d + i] goes to place (b, h, t, i): B texts, n_heads heads, T tokens, d channels.",
        ),
        returns(
            "a text of one token is no exception",
            _one_token,
            cut_by_loops,
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
        "Each head has its first channel alone, or the first n_heads channels: it has d = C // n_heads of them.": (
            lambda x, n: x[..., :n, None].transpose(0, 2, 1, 3),
            lambda x, n: turned(x, n)[..., :1],
        ),
        "The channels within each head are in the reverse order.": lambda x, n: turned(x, n)[..., ::-1],
        "The tokens are in the reverse order.": lambda x, n: turned(x, n)[:, :, ::-1],
        "Every head has the first d channels; head h begins at channel h * d.": lambda x, n: np.repeat(
            turned(x, n)[:, :1], n, 1
        ),
        "Every head has the last d channels; head h begins at channel h * d.": lambda x, n: np.repeat(
            turned(x, n)[:, -1:], n, 1
        ),
        "The last head is left out.": (
            lambda x, n: turned(x, n) * (np.arange(n) < n - 1)[:, None, None],
            lambda x, n: turned(x, n)[:, :-1],
        ),
        "The first head is left out.": (
            lambda x, n: turned(x, n) * (np.arange(n) > 0)[:, None, None],
            lambda x, n: turned(x, n)[:, 1:],
        ),
        "Only the first head is there.": (
            lambda x, n: turned(x, n) * (np.arange(n) < 1)[:, None, None],
            lambda x, n: turned(x, n)[:, :1],
        ),
        "The heads are an axis at the end here, (B, T, d, n_heads); it is the second: (B, n_heads, T, d).": lambda x, n: (
            turned(x, n).transpose(0, 2, 3, 1)
        ),
        "The channels are not cut: each head gets d = C // n_heads of them.": (
            lambda x, n: x[:, None],
            lambda x, n: x[:, :, None],
        ),
        "Only the first text of the batch is there.": lambda x, n: turned(x[:1], n),
        "There are always two heads here, whatever `n_heads` says.": (lambda x, n: turned(x, 2),),
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
        "The heads are in the reverse order: head 0 has the first d channels.": lambda x, n: turned(x, n)[
            :, ::-1
        ],
        "Every head has all channels here: each gets d of them.": lambda x, n: np.stack([x] * n, 1),
        "Batch and heads have become one axis: keep both, (B, n_heads, T, d).": (
            lambda x, n: turned(x, n).reshape(-1, x.shape[1], x.shape[2] // n)
        ),
    },
)
