"""What must be true of softmax_rule."""

import numpy as np

from minitransformer.course.checks.lesson_11_relevance_propagation.common import (
    called_with,
    conserves,
    in_steps,
)
from minitransformer.course.exercise import Property
from minitransformer.course.properties import Tried, keeps_its_inputs, same, slopes

SOFTMAX = ("the relevance of x", "what the constant part keeps")


def _shares(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _down(x):
    """Softmax along the last axis but one, if there is one."""
    return np.moveaxis(_shares(np.moveaxis(x, -2, -1)), -1, -2) if x.ndim > 1 else _shares(x)


def _scores(rng):
    return rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 5)) * 2


def _masked_scores(rng):
    r, x = _scores(rng)
    hidden = np.tri(3, 5, 2) == 0
    return np.where(hidden, 0.0, r), np.where(hidden, -np.inf, x)


def _two_scores(answer):
    got = called_with(answer, SOFTMAX, np.array([1.0, 0.0]), np.array([2.0, 2.0]))
    same(got[0], [1.0, -1.0], "the relevance of the scores 2 and 2, where the first share has r = 1")
    same(got[1], 1.0, "what the constant part keeps")


def _tangent(answer):
    r, x = _scores(np.random.default_rng(3))
    tangent = x * slopes(_shares, [x], 0, r / _shares(x))  # each share s_i has r_i / s_i for each unit
    same(
        called_with(answer, SOFTMAX, r, x)[0],
        tangent,
        "x times the slope of softmax for r / s, tried out",
        rtol=1e-5,
    )


def _kept(answer):
    r, x = _scores(np.random.default_rng(3))
    s = _shares(x)
    linear = x * slopes(_shares, [x], 0, r / s)
    same(
        called_with(answer, SOFTMAX, r, x)[1],
        r.sum() - linear.sum(),
        "what the constant part keeps",
        rtol=1e-5,
    )


def _hidden(answer):
    r, x = _masked_scores(np.random.default_rng(4))
    with np.errstate(all="ignore"):
        got, kept = called_with(answer, SOFTMAX, r, x)
        rows = [
            answer(r[i][None, seen], x[i][None, seen])
            for i in np.ndindex(2, 3)
            for seen in [np.isfinite(x[i])]
        ]
    expected = np.zeros_like(r)
    expected[np.isfinite(x)] = np.concatenate([row[0][0] for row in rows])
    same(got, expected, "relevance where scores are -inf, beside that of the same scores without them")
    same(kept, sum(float(row[1]) for row in rows), "what the constant part keeps where scores are -inf")
    hint = "A score of -inf counts as a score of 0 in the formulas; here it counts as another number."
    with np.errstate(all="ignore"):
        got = called_with(answer, SOFTMAX, np.array([1.0, 2.0]), np.array([3.0, -np.inf]))
    same(got[0], [-6.0, 0.0], "relevance of the scores 3 and -inf for r = (1, 2)", hint=hint)
    same(got[1], 9.0, "what is kept then", hint=hint)


def _rows_apart(answer):
    r = np.array([[1.0, 2.0], [3.0, -1.0]])
    x = np.array([[1.0, 2.0], [-900.0, -901.0]])
    hint = (
        "The largest score is that of each row, x.max(axis=-1, keepdims=True): here one row decides for all."
    )
    with np.errstate(all="ignore"):
        got = called_with(answer, SOFTMAX, r, x)[0]
    expected = x * (r - _shares(x) * r.sum(-1, keepdims=True))
    same(got, expected, "the relevance of a row of scores around 0 and one around -900", hint=hint)


def _large(answer):
    r = np.array([[1.0, 2.0, -1.0]])
    x = np.array([[1000.0, 999.0, -2000.0]])
    with np.errstate(all="ignore"):
        got = called_with(answer, SOFTMAX, r, x)[0]
    same(got, x * (r - _shares(x) * r.sum()), "the relevance of the scores 1000, 999 and -2000")


def _wrong_softmax(
    diagonal=False,
    no_x=False,
    vjp=False,
    axis=-1,
    nan=False,
    kept=True,
    zero=False,
    sign=1,
    softmax=None,
    factor=None,
    total=None,
    early=False,
    bare=False,
):
    """The rule of softmax with something wrong in it."""

    def rule(r, x):
        x = np.where(np.isneginf(x), 0, x) if early else x
        s = (softmax or _shares)(x)
        if not nan:
            x = np.where(np.isneginf(x), 0, x).astype(x.dtype)
        sums = r.sum(axis, keepdims=True) if total is None else total(r, s)
        if vjp:
            r_x = x * s * (r - (r * s).sum(-1, keepdims=True))
        else:
            r_x = (1.0 if no_x else s if factor else x) * (r - (0 if diagonal else sign * s * sums))
        r_x = 0 * r_x if zero else r_x
        parts = (1 if bare else r) * (1 - x + (s * x).sum(-1, keepdims=True))
        return r_x, parts.sum() if kept else 0.0

    return rule


_with = in_steps(
    ("r", "scores"),
    ("r_x", "kept"),
    s=lambda v: _shares(v.scores),
    x=lambda v: np.where(np.isneginf(v.scores), 0, v.scores),
    sums=lambda v: v.r.sum(-1, keepdims=True),
    inner=lambda v: (v.s * v.x).sum(-1, keepdims=True),
    r_x=lambda v: v.x * (v.r - v.s * v.sums),
    kept=lambda v: (v.r * (1 - v.x + v.inner)).sum(),
)


def _along(axis):
    """Softmax and all sums along another axis."""
    return _with(
        s=lambda v: (
            _down(v.scores) if axis == -2 else np.moveaxis(_shares(np.moveaxis(v.scores, 0, -1)), -1, 0)
        ),
        sums=lambda v: v.r.sum(axis, keepdims=True),
        inner=lambda v: (v.s * v.x).sum(axis, keepdims=True),
    )


def _try_softmax(answer, r, x):
    with np.errstate(all="ignore"):
        return answer(r, x)


softmax_rule = Tried(
    minutes=20,
    level=3,
    hints=(
        "First s = softmax(x) along the last axis, from the scores as they are, -inf included.",
        "Then replace -inf: x = np.where(np.isneginf(x), 0, x), as 0 times -inf is no number.",
        "sum_k r_k and sum_k s_k x_k are one number for each row: keepdims=True.",
        "The kept part is summed over everything.",
    ),
    why="r_i / s_i is relevance per unit of share. Through the tangent, x_j gets x_j ds_i/dx_j of each, and s cancels.",
    properties=(
        Property(
            "two equal scores: what speaks for one speaks against the other",
            _two_scores,
            "Here s = (1/2, 1/2) and the sum of r is 1: x_i (r_i - s_i) for each, and the rest is kept.",
        ),
        Property(
            "it is the tangent, as finite differences find it",
            _tangent,
            "x_i (r_i - s_i sum_k r_k), s = softmax(x) and the sum over the last axis, with keepdims=True.",
        ),
        Property(
            "the constant part of the tangent keeps the rest",
            _kept,
            "Kept is the sum over everything of r_i (1 - x_i + sum_k s_k x_k); the inner sum is one number for each row.",
        ),
        Property(
            "a score of -inf gets nothing and disturbs nothing",
            _hidden,
            "softmax of the scores as they are; then x = np.where(np.isneginf(x), 0, x) for both formulas.",
        ),
        Property("large scores do no harm", _large, "Subtract the largest score of each row before np.exp."),
        Property("rows with scores of different sizes do not disturb each other", _rows_apart),
        conserves(SOFTMAX, _scores),
        keeps_its_inputs(_scores, _masked_scores),
    ),
    examples=lambda rng: (_scores(rng), _masked_scores(rng)),
    trial=_try_softmax,
    mistakes={
        "The sum is missing: a score also lowers the other shares, take s_i sum_k r_k off.": _wrong_softmax(
            diagonal=True
        ),
        "The factor x_i is missing: this is a slope, not yet a contribution.": _wrong_softmax(no_x=True),
        "This is x times the gradient for r; per unit of share there is r_i / s_i, so that s cancels.": _wrong_softmax(
            vjp=True
        ),
        "The sum goes over the wrong axis; shares are along the last one.": _wrong_softmax(axis=0),
        "0 times -inf is nan: a score of -inf counts as 0 in both formulas.": _wrong_softmax(nan=True),
        "The constant part keeps something too: sum_i r_i (1 - x_i + sum_k s_k x_k).": _wrong_softmax(
            kept=False
        ),
        "Nothing goes to the scores: that is the other rule, CP-LRP, which takes shares for constants.": _wrong_softmax(
            zero=True
        ),
        "-inf is replaced too early: softmax takes the scores as they are, then 0 stands for -inf.": _wrong_softmax(
            early=True
        ),
        "The softmax goes over everything here: each row has shares of its own, which add up to 1.": _wrong_softmax(
            softmax=lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum()
        ),
        "sum_k r_k is one number for each row, over the last axis: here everything is summed.": _wrong_softmax(
            total=lambda r, s: r.sum()
        ),
        "From r_i the share s_i of the sum is subtracted, not the mean of r.": _wrong_softmax(
            total=lambda r, s: r.mean(-1, keepdims=True) / np.maximum(s, 1e-300)
        ),
        "The factor before the bracket is the score x_i, not its share s_i.": _wrong_softmax(factor=True),
        "What is kept has the factor r_i too: sum_i r_i (1 - x_i + sum_k s_k x_k).": _wrong_softmax(
            bare=True
        ),
        "The softmax goes along the last axis, and here along another.": (
            _wrong_softmax(softmax=_down),
            _along(0),
            _along(-2),
        ),
        "The signs in the bracket are exchanged: r_i - s_i sum_k r_k.": _with(
            r_x=lambda v: v.x * (v.s * v.sums - v.r)
        ),
        "The factor before the bracket is the score x_i with its sign, not its absolute value.": _with(
            r_x=lambda v: abs(v.x) * (v.r - v.s * v.sums)
        ),
        "s_i is multiplied by the sum of all r_k of the row, not by r_i alone.": _with(
            r_x=lambda v: v.x * v.r * (1 - v.s)
        ),
        "The share s_i before the sum is missing: r_i - s_i sum_k r_k.": _with(
            r_x=lambda v: v.x * (v.r - v.sums)
        ),
        "The sum is that of r_k alone, not of s_k r_k.": (
            _with(sums=lambda v: (v.s * v.r).sum(-1, keepdims=True)),
            _with(r_x=lambda v: v.x * (v.r - (v.s * v.r).sum(-1, keepdims=True))),
        ),
        "In the bracket stands sum_k r_k, the sum of the relevance, not that of the scores.": (
            _with(r_x=lambda v: v.x * (v.r - v.s * v.x.sum(-1, keepdims=True))),
            _with(r_x=lambda v: v.x * (v.r - v.inner)),
        ),
        "r and x have changed places: R_i = x_i (r_i - s_i sum_k r_k).": (
            _with(r_x=lambda v: v.r * (v.x - v.s * v.x.sum(-1, keepdims=True))),
            _with(r_x=lambda v: v.r * (v.x - v.inner)),
        ),
        "r_i is not divided by s_i: the formula has the r_i that came in.": _with(
            r_x=lambda v: v.x * (v.r / v.s - v.s * v.sums)
        ),
        "This is the share of each score times the relevance that came; R_i = x_i (r_i - s_i sum_k r_k).": (
            _with(r_x=lambda v: v.s * v.r),
            _with(r_x=lambda v: v.s * v.sums),
            _with(r_x=lambda v: v.x * v.s * v.r),
        ),
        "In what is kept, sum_k s_k x_k is one number for each row: here everything is summed.": _with(
            inner=lambda v: (v.s * v.x).sum()
        ),
        "In what is kept, s_k is missing in the inner sum: sum_k s_k x_k.": _with(
            inner=lambda v: v.x.sum(-1, keepdims=True)
        ),
        "In what is kept, the inner sum is that of s_k x_k, not of s_k r_k.": _with(
            inner=lambda v: (v.s * v.r).sum(-1, keepdims=True)
        ),
        "In what is kept, x_k is missing in the inner sum: sum_k s_k x_k.": _with(
            inner=lambda v: v.s.sum(-1, keepdims=True)
        ),
        "In what is kept, the inner sum is missing: r_i (1 - x_i + sum_k s_k x_k).": (
            _with(inner=lambda v: 0.0),
            _with(inner=lambda v: v.s * v.x),
        ),
        "In what is kept, the signs of x_i and of the sum are exchanged: 1 - x_i + sum_k s_k x_k.": _with(
            kept=lambda v: (v.r * (1 + v.x - v.inner)).sum()
        ),
        "In what is kept, the inner sum is added: 1 - x_i + sum_k s_k x_k.": _with(
            kept=lambda v: (v.r * (1 - v.x - v.inner)).sum()
        ),
        "In what is kept, x_i is subtracted: 1 - x_i + sum_k s_k x_k.": _with(
            kept=lambda v: (v.r * (1 + v.x + v.inner)).sum()
        ),
        "In what is kept, the 1 is missing: r_i (1 - x_i + sum_k s_k x_k).": _with(
            kept=lambda v: (v.r * (v.inner - v.x)).sum()
        ),
        "In what is kept, x_i is missing: r_i (1 - x_i + sum_k s_k x_k).": _with(
            kept=lambda v: (v.r * (1 + v.inner)).sum()
        ),
        "In what is kept, the score x_i is subtracted from 1, not its share s_i.": (
            _with(kept=lambda v: (v.r * (1 - v.s + v.inner)).sum()),
            _with(kept=lambda v: (v.r * (1 - v.s)).sum()),
        ),
        "In what is kept, r_i multiplies all of the bracket: r_i (1 - x_i + sum_k s_k x_k).": _with(
            kept=lambda v: (v.r * (1 - v.x) + v.inner).sum()
        ),
        "What is kept is summed over everything, not averaged.": _with(
            kept=lambda v: (v.r * (1 - v.x + v.inner)).mean()
        ),
        "What is kept is what the scores did not get of r, the sum of r less theirs; here the sign is turned.": _with(
            kept=lambda v: v.r_x.sum() - v.r.sum()
        ),
        "These are the scores divided by their sum, with no exp: softmax is exp(x_i) / sum_k exp(x_k).": _with(
            s=lambda v: v.scores / v.scores.sum(-1, keepdims=True)
        ),
        "Before exp the largest score of each row is subtracted, not the mean: among scores of -inf that is -inf.": _with(
            s=lambda v: _shares(v.scores - v.scores.mean(-1, keepdims=True))
        ),
        "The sign is wrong: s_i sum_k r_k is subtracted, not added.": _wrong_softmax(sign=-1),
    },
)
