"""What must be true of embedding_vjp."""

import numpy as np

from minitransformer.course.checks.lesson_04_tokens_and_embeddings.common import table
from minitransformer.course.exercise import Exercise, Failed, Nothing, Property
from minitransformer.course.properties import is_vjp_of, keeps_float32, keeps_its_inputs, returns


def _used(rng):
    return rng.normal(size=(2, 4, 3)), np.array([[0, 2, 2, 5], [2, 1, 0, 1]]), 6


def _used_once(rng):
    return rng.normal(size=(3, 2)), np.array([3, 0, 1]), 5


def _added(g, ids, vocab_size):
    out = np.zeros((vocab_size, g.shape[-1]))
    for index in np.ndindex(ids.shape):
        out[ids[index]] += g[index]
    return out


def _has_the_table_s_shape(answer):
    for inputs, shape in ((_used_once, (5, 2)), (_used, (6, 3))):
        got = answer(*inputs(np.random.default_rng(1)))
        if got is None:
            raise Nothing("the gradient")
        if np.shape(got) != shape:
            rows = "A row for each id is asked for, from 0 to vocab_size - 1, used or not: vocab_size rows."
            hint = rows if np.shape(got)[1:] == shape[1:] else ""
            raise Failed(f"expected shape {shape}, as the table's, got {np.shape(got)}", hint=hint)


def _buffered(g, ids, vocab_size):
    out = np.zeros((vocab_size, g.shape[-1]))
    out[ids] += g
    return out


def _line_by_line(g, ids, vocab_size):
    out = np.zeros((vocab_size, g.shape[-1]))
    for line, place in zip(g, ids, strict=True):
        out[place] += line
    return out


def _mean(g, ids, vocab_size):
    return _added(g, ids, vocab_size) / np.maximum(np.bincount(ids.ravel(), minlength=vocab_size), 1)[:, None]


def _by_ufunc(ufunc, g, ids, vocab_size):
    out = np.zeros((vocab_size, g.shape[-1]))
    ufunc.at(out, ids, g)
    return out


def _first(g, ids, vocab_size):
    out = np.zeros((vocab_size, g.shape[-1]))
    for index in reversed(list(np.ndindex(ids.shape))):
        out[ids[index]] = g[index]
    return out


embedding_vjp = Exercise(
    minutes=15,
    level=2,
    hints=(
        "Begin with zeros of the table's shape, (vocab_size, C), and of g's dtype.",
        "Each place adds its g to the row of its id. A loop over np.ndindex(ids.shape) is right, if slow.",
        "`out[ids] += g` writes each row once, with what came last. np.add.at(out, ids, g) adds all.",
    ),
    why="A row that is used many times is a number used many times: its gradients add, and unused rows stay as they are.",
    properties=(
        Property(
            "it has a row for each id",
            _has_the_table_s_shape,
            "A row for each id of the vocabulary, used or not: np.zeros((vocab_size, g.shape[-1])), and add into it.",
        ),
        returns(
            "each used row gets the gradient of its place, unused rows get zeros",
            _used_once,
            _added,
            hint="Row ids[t] gets g[t] as it is, channel by channel; rows that no id names stay 0.",
        ),
        returns(
            "a row used several times gets the sum over all its places",
            _used,
            _added,
            hint="Every place of ids, in all its dimensions, adds its own g: np.add.at(out, ids, g), or a loop over np.ndindex.",
        ),
        is_vjp_of(
            "it is the gradient of the lookup",
            lambda weight, ids: weight[ids],
            table,
            vjp=lambda f, g, weight, ids: f(g, ids, len(weight)),
            wrt=(0,),
        ),
        keeps_its_inputs(_used_once, _used),
        keeps_float32(
            _used, hint="np.zeros makes float64 unless it gets another dtype: np.zeros(shape, g.dtype)."
        ),
    ),
    examples=lambda rng: (_used(rng), _used_once(rng)),
    mistakes={
        "A row that is used several times keeps what came last, as after `out[ids] += g`, which writes it once. "
        "np.add.at adds them all, and so does += in a loop over all places.": _buffered,
        "This keeps what the first place says; the gradients of all places add.": _first,
        "This is the mean over the places where a row was used; gradients add.": _mean,
        "Of each line of ids one place is kept: go through all places, with np.ndindex, or np.add.at(out, ids, g).": _line_by_line,
        "This divides by the number of places; gradients add.": lambda g, ids, v: (
            _added(g, ids, v) / ids.size
        ),
        "This counts how often a row was used; add up the g of those places.": lambda g, ids, v: _added(
            np.ones_like(g), ids, v
        ),
        "Unused rows get zeros: the result does not depend on them.": lambda g, ids, v: (
            _added(g, ids, v) + (np.bincount(ids.ravel(), minlength=v) == 0)[:, None]
        ),
        "The sum over channels is too much: each channel has its own gradient.": lambda g, ids, v: (
            np.broadcast_to(_added(g, ids, v).sum(-1, keepdims=True), (v, g.shape[-1]))
        ),
        "Of several numbers for a row the largest is kept, and those below 0 are lost: add them.": lambda g, ids, v: (
            _by_ufunc(np.maximum, g, ids, v)
        ),
        "What the last place says is taken as often as the row was used; add up what each place says.": lambda g, ids, v: (
            _buffered(g, ids, v) * np.bincount(ids.ravel(), minlength=v)[:, None]
        ),
        "One row too early: ids count from 0.": lambda g, ids, v: _added(g, (ids - 1) % v, v),
    },
)
