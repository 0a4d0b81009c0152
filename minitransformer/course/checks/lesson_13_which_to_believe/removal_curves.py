"""What must be true of removal_curves."""

import math

import numpy as np

from minitransformer.course import tasks
from minitransformer.course.checks.lesson_13_which_to_believe.common import (
    ask,
    asked_in_rows,
    by_rank,
    keeps_relevance,
    left_after,
    model_of,
)
from minitransformer.course.exercise import Beside, Failed, Property
from minitransformer.course.properties import Tried, same


def _curves_by_loops(model, relevance):
    n = len(relevance)
    ranked = by_rank(relevance)
    morf = [ask(model, ranked[k:], n) for k in range(n + 1)]
    lerf = [ask(model, ranked[: n - k], n) for k in range(n + 1)]
    areas = [math.fsum((a + b) / 2 / n for a, b in zip(c, c[1:], strict=False)) for c in (morf, lerf)]
    return np.array(morf), np.array(lerf), areas[1] - areas[0]


CURVES = ("MoRF", "LeRF", "the area between")


def _three(answer, model, relevance):
    got = answer(model, relevance.copy())
    if got is None:
        raise Failed("got None", hint="Is there a `return`?")
    if not isinstance(got, tuple) or len(got) != 3:
        raise Failed(
            f"expected three results, {', '.join(CURVES)}; got {type(got).__name__}",
            hint="return morf, lerf, area",
        )
    return got


def _curve(part):
    def holds(answer):
        for seed in range(6):
            model = model_of(seed // 2)
            relevance = np.random.default_rng(seed // 2 + 10).normal(size=7)
            relevance = -relevance if seed % 2 else relevance  # of one of the two the area is negative
            same(
                _three(answer, model, relevance)[part], _curves_by_loops(model, relevance)[part], CURVES[part]
            )

    return holds


def _signed_words(answer):
    words = np.array([2.0, -5.0, 1.0])
    got = _three(answer, asked_in_rows(lambda keep: keep @ words), words.copy())
    same(
        got[0],
        [-2.0, -4.0, -5.0, 0.0],
        "MoRF where the words add 2, -5 and 1, and their relevance is just that",
    )


def _ties(answer):
    """With a score that counts the words left, each step of a curve is one word."""
    got = _three(answer, asked_in_rows(lambda keep: keep.sum(1)), np.array([1.0, 0.0, 1.0, 2.0, 0.0, 1.0]))
    hint = "Where some are equal, each word goes all the same, in a step of its own: np.argsort gives each place once."
    for curve, what in zip(got, CURVES[:2], strict=False):
        same(
            curve,
            np.arange(6.0, -1, -1),
            f"{what} of the number of words left, three of equal relevance",
            hint=hint,
        )


def _try_curves(answer, seed):
    relevance = np.random.default_rng(abs(seed) + 20).normal(size=6) * np.sign(seed)
    return np.concatenate([np.ravel(part) for part in answer(model_of(abs(seed), 6), relevance)])


def _wrong_curves(
    absolute=False,
    swapped=False,
    sign=1,
    sums=False,
    points=False,
    mirrored=False,
    short=False,
    occluded=False,
):
    """The curves with something wrong in them."""

    def curves(logit, relevance):
        order = np.argsort(-(abs(relevance) if absolute else relevance))
        order = order[::-1] if swapped else order
        masks = [np.array(left_after(o)) for o in (order, order[::-1])]
        if occluded:
            masks = [
                np.vstack([m[:1], ~np.eye(len(o), dtype=bool)[o]])
                for m, o in zip(masks, (order, order[::-1]), strict=True)
            ]
        morf, lerf = (logit(m[:-1] if short else m) for m in masks)
        lerf = morf[::-1] if mirrored else lerf
        areas = [
            c.mean() if points else (c[1:] + c[:-1]).sum() / 2 if sums else (c[1:] + c[:-1]).mean() / 2
            for c in (morf, lerf)
        ]
        return morf, lerf, sign * (areas[1] - areas[0])

    return curves


def _with_area(change, *inputs):
    morf, lerf, area = _wrong_curves()(*inputs)
    return morf, lerf, change(area)


def _parts(change, *inputs):
    return change(*_wrong_curves()(*inputs))


def _under(curve):
    return float((curve[1:] + curve[:-1]).mean()) / 2


def _one_area(which, *inputs):
    curves = _wrong_curves()(*inputs)
    return *curves[:2], _under(curves[which])


def _other_scores(change, logit, relevance):
    return _wrong_curves()(lambda masks: change(logit(masks)), relevance)


def _in_turns(logit, relevance):
    return _wrong_curves()(logit, -np.argsort(np.argsort(-relevance)).argsort().astype(float))


def _distances(logit, relevance):
    morf, lerf, _ = _wrong_curves()(logit, relevance)
    apart = abs(lerf - morf)
    return morf, lerf, (apart[1:] + apart[:-1]).mean() / 2


def _both(mine):
    return np.stack(mine(tasks.without, tasks.RELEVANCE.copy())[:2]), tasks.curves()


removal_curves = Tried(
    minutes=15,
    level=2,
    hints=(
        "np.argsort(-relevance) has the places, the most relevant first; turned round, [::-1], the least relevant first.",
        "logit(prefixes(order)) is the whole curve.",
        "The mean of (curve[1:] + curve[:-1]) / 2 is the mean height over all pieces.",
    ),
    why="If the explanation is right, MoRF falls at once and LeRF late, or even rises: a large area. A random order gives about 0.",
    properties=(
        Property(
            "negative relevance goes last in MoRF",
            _signed_words,
            "MoRF takes the largest relevance away first, so words that speak against go last: np.argsort(-relevance).",
        ),
        Property(
            "MoRF is right",
            _curve(0),
            "T + 1 scores: of the whole text, then with one word less each time, the most relevant first; words stay away.",
        ),
        Property(
            "LeRF is right",
            _curve(1),
            "The same in the opposite order: the words with the least relevance go first.",
        ),
        Property(
            "the area between the curves is right",
            _curve(2),
            "The mean of (curve[1:] + curve[:-1]) / 2 is an AUC; the area is that of LeRF less that of MoRF.",
        ),
        Property("words of equal relevance go one by one", _ties),
        Property("it leaves relevance as it was", keeps_relevance),
    ),
    examples=lambda rng: ((1,), (2,), (-1,), (-2,)),
    trial=_try_curves,
    mistakes={
        "Relevance is signed: a word that speaks against goes last, so take no absolute values.": _wrong_curves(
            absolute=True
        ),
        "The least relevant word goes first in MoRF here: argsort goes upwards, so sort -relevance.": _wrong_curves(
            swapped=True
        ),
        "The area has the wrong sign: AUC(LeRF) - AUC(MoRF).": _wrong_curves(sign=-1),
        "The curves run over the share of words gone, from 0 to 1: each piece is 1/T wide, not 1.": _wrong_curves(
            sums=True
        ),
        "A piece is as high as the mean of its two ends: the half is missing.": lambda *inputs: _with_area(
            lambda area: 2 * area, *inputs
        ),
        "The curves are scores as they are: nothing is divided by the score of the whole text.": lambda *inputs: (
            _other_scores(lambda curve: curve / curve[0], *inputs)
        ),
        "The curves are the scores themselves, not what was lost of them.": (
            lambda *inputs: _other_scores(lambda curve: curve[0] - curve, *inputs),
            lambda *inputs: _other_scores(lambda curve: curve - curve[0], *inputs),
        ),
        "One argsort gives the places in the order in which they go; a second one gives each place's turn.": _in_turns,
        "Where the curves cross, the area counts with its sign: no absolute value of their distance.": _distances,
        "The area has a sign: it is negative where LeRF falls faster. Take no absolute value.": lambda *inputs: (
            _with_area(abs, *inputs)
        ),
        "The area is that between the two curves, AUC(LeRF) - AUC(MoRF), not that under one.": (
            lambda logit, relevance: _one_area(0, logit, relevance),
            lambda logit, relevance: _one_area(1, logit, relevance),
        ),
        "The order is MoRF, LeRF, area.": lambda *inputs: (lambda morf, lerf, area: (lerf, morf, area))(
            *_wrong_curves()(*inputs)
        ),
        "T + 1 points make T pieces, each 1/T wide; here the sum is divided by T + 1.": _wrong_curves(
            points=True
        ),
        "LeRF is not MoRF backwards: ask the model again, in the opposite order.": _wrong_curves(
            mirrored=True
        ),
        "The last point is missing, where all words are gone.": _wrong_curves(short=True),
        "The first point is missing, with all words left.": lambda *inputs: _parts(
            lambda morf, lerf, _: (morf[1:], lerf[1:], _under(lerf[1:]) - _under(morf[1:])), *inputs
        ),
        "LeRF is turned round here: it begins with all words left, and ends with none.": lambda *inputs: (
            _parts(lambda morf, lerf, area: (morf, lerf[::-1], area), *inputs)
        ),
        "MoRF is turned round here: it begins with all words left, and ends with none.": lambda *inputs: (
            _parts(lambda morf, lerf, area: (morf[::-1], lerf, area), *inputs)
        ),
        "Both curves are the same here: in LeRF the words go in the opposite order.": (
            lambda *inputs: _parts(lambda morf, lerf, area: (morf, morf, 0.0), *inputs),
            lambda *inputs: _parts(lambda morf, lerf, area: (lerf, lerf, 0.0), *inputs),
        ),
        "The area is a difference, AUC(LeRF) - AUC(MoRF): here one is divided by the other.": (
            lambda *inputs: _parts(lambda morf, lerf, _: (morf, lerf, _under(lerf) / _under(morf)), *inputs),
            lambda *inputs: _parts(lambda morf, lerf, _: (morf, lerf, _under(morf) / _under(lerf)), *inputs),
        ),
        "The two areas are added here: AUC(LeRF) - AUC(MoRF).": lambda *inputs: _parts(
            lambda morf, lerf, _: (morf, lerf, _under(lerf) + _under(morf)), *inputs
        ),
        "One word at a time is missing here; words that went stay away.": _wrong_curves(occluded=True),
    },
    beside=Beside("the library draws the curves of random orders at once", _both),
)
