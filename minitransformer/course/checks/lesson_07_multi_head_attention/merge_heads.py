"""What must be true of merge_heads."""

import numpy as np

from minitransformer.course.checks.lesson_07_multi_head_attention.common import back, cut_by_loops
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import is_vjp_of, keeps_its_inputs, returns, same


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
            lambda x: cut_by_loops(x, 2),
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
            lambda x: back(x).transpose(0, 2, 1),
            lambda x: x.transpose(0, 1, 3, 2).reshape(x.shape[0], -1, x.shape[2]),
        ),
        "The heads are in the reverse order: head 0 comes first.": lambda x: back(x[:, ::-1]),
        "Only the last head is there: put all of them side by side.": lambda x: x[:, -1],
        "Only the first two heads are there: put all of them side by side.": lambda x: back(x[:, :2]),
        "The first head is left out: put all of them side by side.": lambda x: back(x[:, 1:]),
        "The last head is left out: put all of them side by side.": lambda x: back(x[:, :-1]),
        "The largest of the heads is taken; put them side by side.": lambda x: x.max(1),
        "Only the first text of the batch is there.": (lambda x: back(x)[0], lambda x: back(x)[:1]),
        "The tokens of a text have become one row: keep their axis, (B, T, H * d).": (
            lambda x: back(x).reshape(len(x), -1),
            lambda x: x.reshape(len(x), -1),
        ),
        "The channels within each head are in the reverse order.": lambda x: back(x[..., ::-1]),
        "The tokens are in the reverse order.": lambda x: back(x[:, :, ::-1]),
        "The numbers are divided by how many heads there are: they are only moved.": lambda x: (
            back(x) / x.shape[1]
        ),
        "Only the first head is there: put all of them side by side.": lambda x: x[:, 0],
        "All texts have become one: keep the batch, (B, T, H * d).": lambda x: back(x).reshape(
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
