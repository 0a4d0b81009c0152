"""What must be true of erased."""

import math

import numpy as np

from minitransformer.course.checks.lesson_13_which_to_believe.common import (
    ask,
    asked_in_rows,
    by_rank,
    keeps_relevance,
    model_of,
)
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, one_number, same

SHARES = (0.1, 0.3, 0.6)


def _erased_by_loops(model, relevance, shares):
    n = len(relevance)
    ranked = by_rank(relevance)
    both = ([], [])
    for share in shares:
        k = math.ceil(share * n)
        both[0].append(ask(model, range(n), n) - ask(model, ranked[k:], n))
        both[1].append(ask(model, range(n), n) - ask(model, ranked[:k], n))
    return tuple(math.fsum(values) / len(values) for values in both)


def _two(answer, *inputs):
    got = answer(*inputs)
    if got is None:
        raise Failed("got None", hint="Is there a `return`?")
    if not isinstance(got, tuple) or len(got) != 2:
        raise Failed(f"expected comprehensiveness and sufficiency, got {type(got).__name__}")
    return tuple(map(one_number, got, ("comprehensiveness", "sufficiency")))


def _one_share(answer):
    words = np.array([1.0, 4.0, 2.0, -3.0])
    got = _two(answer, asked_in_rows(lambda keep: keep @ words), words.copy(), (0.5,))
    same(
        got, [6.0, -2.0], "comprehensiveness and sufficiency for half of the words, which add 1, 4, 2 and -3"
    )


def _some_shares(part):
    def holds(answer):
        for seed in range(3):
            model = model_of(seed)
            relevance = np.random.default_rng(seed + 10).normal(size=7)
            expected = _erased_by_loops(model, relevance, SHARES)[part]
            same(
                _two(answer, model, relevance.copy(), SHARES)[part],
                expected,
                ("comprehensiveness", "sufficiency")[part],
            )

    return holds


def _usual_shares(answer):
    model = model_of(4)
    relevance = np.random.default_rng(4).normal(size=7)
    expected = _erased_by_loops(model, relevance, (0.01, 0.05, 0.10, 0.20, 0.50))
    same(
        _two(answer, model, relevance.copy()), expected, "both for the usual shares; 1 % of 7 words is 1 word"
    )


def _try_erased(answer, seed):
    """Both measures, also for shares of which the smallest is more than one word."""
    relevance = np.random.default_rng(seed + 20).normal(size=7)
    return np.array(
        [answer(model_of(seed), relevance.copy(), shares) for shares in (SHARES, (0.2, 0.6))], dtype=float
    )


def _wrong_erased(
    count=math.ceil, absolute=False, swapped=False, bare=False, sums=False, least=False, sign=1
):
    """Comprehensiveness and sufficiency with something wrong in them."""

    def erased(logit, relevance, shares=(0.01, 0.05, 0.10, 0.20, 0.50)):
        order = np.argsort(-(abs(relevance) if absolute else relevance))[:: -1 if least else 1]
        top = np.array([[i in order[: count(p * len(order))] for i in range(len(order))] for p in shares])
        full = logit(np.ones((1, len(order)), bool))[0]
        both = [sign * (full - logit(~top)), logit(top) if bare else sign * (full - logit(top))]
        comprehensiveness, sufficiency = (float(v.sum() if sums else v.mean()) for v in both)
        return (sufficiency, comprehensiveness) if swapped else (comprehensiveness, sufficiency)

    return erased


def _scored(make):
    """The means of what `make` makes of the scores of all words, of all but the first k, and of these alone."""

    def erased(logit, relevance, shares=(0.01, 0.05, 0.10, 0.20, 0.50)):
        places = by_rank(relevance)
        n = len(places)
        whole = ask(logit, range(n), n)
        found = [
            make(whole, ask(logit, places[math.ceil(p * n) :], n), ask(logit, places[: math.ceil(p * n)], n))
            for p in shares
        ]
        return tuple(float(v) for v in np.mean(found, axis=0))

    return erased


def _other_words(chosen):
    """The measure with `chosen(places by rank, k)` in the place of the first k."""

    def erased(logit, relevance, shares=(0.01, 0.05, 0.10, 0.20, 0.50)):
        n = len(relevance)
        found = []
        for p in shares:
            taken = set(chosen(by_rank(relevance), math.ceil(p * n)))
            scores = (
                ask(logit, [i for i in range(n) if (i in taken) == alone], n) for alone in (False, True)
            )
            found.append([ask(logit, range(n), n) - score for score in scores])
        return tuple(float(v) for v in np.mean(found, axis=0))

    return erased


def _over_shares(folds):
    """The measure with other folds than the mean over the shares."""

    def erased(logit, relevance, shares=(0.01, 0.05, 0.10, 0.20, 0.50)):
        found = np.array([_wrong_erased()(logit, relevance, (p,)) for p in shares])
        return tuple(float(fold(column)) for fold, column in zip(folds, found.T, strict=True))

    return erased


erased = Tried(
    minutes=15,
    level=2,
    hints=(
        "Make one mask for each share: True at the first math.ceil(p * T) places of np.argsort(-relevance).",
        "`~top` is all but these; ask logit for both, and once for all words.",
        "Take the difference to the score of all words, then the mean over the shares.",
    ),
    why="The two ask different things. A word may be needed and not enough, or enough and not needed, if another says it too.",
    properties=(
        Property(
            "by hand, for half of four words",
            _one_share,
            "Half of 4 words are 2, the ones that add 4 and 2. All add 4 together; -2 are left without these, 6 with these alone.",
        ),
        Property(
            "comprehensiveness is the mean over shares",
            _some_shares(0),
            "Comprehensiveness: f(all) - f(all but the first k words), mean over the shares, k = ceil(share * T).",
        ),
        Property(
            "sufficiency is the mean over shares",
            _some_shares(1),
            "Sufficiency: f(all) - f(the first k words alone), mean over the shares, k = ceil(share * T).",
        ),
        Property(
            "a share is rounded up: at least one word",
            _usual_shares,
            "math.ceil(share * T): 1 % of 7 words is 1 word.",
        ),
        Property("it leaves relevance as it was", keeps_relevance),
    ),
    examples=lambda rng: ((1,), (2,), (3,)),
    trial=_try_erased,
    mistakes={
        "A share of the words is rounded up, math.ceil: 1 % of 7 words is one word, not none.": _wrong_erased(
            count=int
        ),
        "A share of the words is rounded up, math.ceil: 30 % of 7 words, 2.1, are three words.": _wrong_erased(
            count=round
        ),
        "Relevance is signed: the most relevant has the largest value, so take no absolute values.": _wrong_erased(
            absolute=True
        ),
        "First comprehensiveness, then sufficiency: these two are swapped.": _wrong_erased(swapped=True),
        "Sufficiency is what is lost, f(all) - f(these alone), not the score itself.": _wrong_erased(
            bare=True
        ),
        "Take the mean over the shares, not the sum.": _wrong_erased(sums=True),
        "These are the least relevant words: argsort goes upwards, so sort -relevance.": _wrong_erased(
            least=True
        ),
        "`shares` is an argument: the usual five are only what it is if nothing else is passed.": lambda logit, relevance, *_: (
            _wrong_erased()(logit, relevance)
        ),
        "Both are differences of scores: nothing is divided by f(all).": lambda logit, relevance, *shares: (
            tuple(
                v / float(logit(np.ones((1, len(relevance)), bool))[0])
                for v in _wrong_erased()(logit, relevance, *shares)
            )
        ),
        "The mean goes over all shares; here one of them is taken alone.": (
            lambda logit, relevance, shares: _wrong_erased()(logit, relevance, shares[-1:]),
            lambda logit, relevance, shares: _wrong_erased()(logit, relevance, shares[:1]),
        ),
        "The score of no words at all is no part of either: both begin with f(all).": lambda logit, relevance, *shares: (
            tuple(
                v - float(logit(np.zeros((1, len(relevance)), bool))[0])
                for v in _wrong_erased()(logit, relevance, *shares)
            )
        ),
        "Both are measured without the most relevant words: sufficiency is f(all) - f(these alone).": _scored(
            lambda whole, rest, alone: (whole - rest, whole - rest)
        ),
        "Both are measured with the most relevant words alone: comprehensiveness is f(all) - f(all but these).": _scored(
            lambda whole, rest, alone: (whole - alone, whole - alone)
        ),
        "Comprehensiveness is what is lost, f(all) - f(all but these), not the score itself.": _scored(
            lambda whole, rest, alone: (rest, whole - alone)
        ),
        "Comprehensiveness begins with f(all), not with f(these alone).": _scored(
            lambda whole, rest, alone: (alone - rest, whole - alone)
        ),
        "Both are what is lost, f(all) less a score, not the scores themselves.": _scored(
            lambda whole, rest, alone: (rest, alone)
        ),
        "The score of no words stands in the place of f(all): all words are a mask of True.": (
            lambda logit, relevance, *shares: tuple(
                v - ask(logit, range(len(relevance)), len(relevance)) + ask(logit, (), len(relevance))
                for v in _wrong_erased()(logit, relevance, *shares)
            )
        ),
        "One word too many is taken: the first k are order[:k].": _wrong_erased(
            count=lambda k: math.ceil(k) + 1
        ),
        "Only one word is taken for each share, the last of the k: all of the first k are.": _other_words(
            lambda places, k: places[k - 1 : k]
        ),
        "Only the most relevant word is taken, whatever the share: the first k are.": _other_words(
            lambda places, k: places[:1]
        ),
        "The first words of the text are taken: take the most relevant.": _other_words(
            lambda places, k: range(k)
        ),
        "No words and all words are asked for, whatever the share: the first k, and the others.": (
            _other_words(lambda places, k: places),
            _other_words(lambda places, k: ()),
        ),
        "Take the mean over the shares, not the largest or the smallest.": tuple(
            _over_shares(folds) for folds in ((max, max), (max, min), (min, min))
        ),
        "Take the mean over the shares, not the median.": _over_shares((np.median, np.median)),
        "Both are differences with a sign: take no absolute values.": lambda *inputs: tuple(
            abs(v) for v in _wrong_erased()(*inputs)
        ),
        "The sign is wrong: f(all) less f(what is left).": (
            _wrong_erased(sign=-1),
            lambda *inputs: (lambda c, s: (-c, s))(*_wrong_erased()(*inputs)),
            lambda *inputs: (lambda c, s: (c, -s))(*_wrong_erased()(*inputs)),
        ),
    },
)
