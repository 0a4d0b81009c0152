"""What must be true of removal_curves."""

import math

import numpy as np

from minitransformer.course.checks.lesson_13_which_to_believe.common import ask, by_rank, left_after, model_of
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, same


def _curves_by_loops(model, relevance):
    n, ranked = len(relevance), by_rank(relevance)
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
        for seed in range(3):
            model, relevance = model_of(seed), np.random.default_rng(seed + 10).normal(size=7)
            same(
                _three(answer, model, relevance)[part], _curves_by_loops(model, relevance)[part], CURVES[part]
            )

    return holds


def _signed_words(answer):
    words = np.array([2.0, -5.0, 1.0])
    got = _three(answer, lambda keep: keep @ words, words.copy())
    same(
        got[0],
        [-2.0, -4.0, -5.0, 0.0],
        "MoRF where the words add 2, -5 and 1, and their relevance is just that",
    )


def _try_curves(answer, seed):
    relevance = np.random.default_rng(seed + 20).normal(size=6)
    return np.concatenate([np.ravel(part) for part in answer(model_of(seed, 6), relevance)])


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
        Property("negative relevance goes last in MoRF", _signed_words),
        Property("MoRF is right", _curve(0)),
        Property("LeRF is right", _curve(1)),
        Property("the area between the curves is right", _curve(2)),
    ),
    examples=lambda rng: ((1,), (2,), (3,)),
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
        "The mean of the points is not the area: the two ends count half.": _wrong_curves(points=True),
        "LeRF is not MoRF backwards: ask the model again, in the opposite order.": _wrong_curves(
            mirrored=True
        ),
        "The last point is missing, where all words are gone.": _wrong_curves(short=True),
        "One word at a time is missing here; words that went stay away.": _wrong_curves(occluded=True),
    },
)
