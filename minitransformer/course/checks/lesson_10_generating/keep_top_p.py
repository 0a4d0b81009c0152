"""What must be true of keep_top_p."""

import numpy as np

from minitransformer.course.checks.lesson_10_generating.common import (
    ALL_V,
    MANY_TIED,
    PLACES,
    SHARES,
    SUM,
    TIED,
    by_rank,
    cases_of,
    fewest,
    filter_with,
    in_front,
    kept_alone,
    random_shares,
    wrong_shares,
)
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, returns


def _by_sum(rule, order=lambda p: np.argsort(-p, kind="stable")):
    """Ids by a rule on (sum before, sum with it, share, limit) along an order."""

    def stay(p, enough):
        ids = order(p)
        return ids[rule(np.cumsum(p[ids]) - p[ids], np.cumsum(p[ids]), p[ids], enough)]

    return stay


def _fitting(p, enough):
    """The ids, largest share first, whose share still fits below `enough`."""
    ids, total = [], 0.0
    for i in by_rank(p):
        if total + p[i] <= enough:
            ids.append(i)
            total += p[i]
    return ids


def _up_to(p, stop):
    """The ids, largest share first, up to and with the first after which one is to stop."""
    ids, total = [], 0.0
    for i in by_rank(p):
        ids.append(i)
        total += p[i]
        if stop(total, p[i]):
            break
    return ids


keep_top_p = Exercise(
    minutes=15,
    level=2,
    hints=(
        "Sort: np.argsort(-p, kind='stable') gives the ids, largest share first. np.cumsum(p[order]) adds up along the way.",
        "A share stays if what came *before* it does not yet reach `enough`: the sum up to it, less the share itself.",
        "For the first, that is 0, so that it always stays. order[before < enough] are the ids that stay.",
    ),
    why="Where the model is sure, few tokens stay; where it wavers, many do. Top-k keeps the same number always.",
    properties=(
        Property(
            "the fewest stay that reach it, at their places, and sum to 1",
            cases_of(
                ((SHARES, 0.7), [0, 1 / 3, 0, 2 / 3, 0], "enough = 0.7 of 0.5, 0.25, 0.125, .."),
                ((SHARES, 0.8), [1 / 7, 2 / 7, 0, 4 / 7, 0], "enough = 0.8 of 0.5, 0.25, 0.125, .."),
            ),
            "Go from the largest share down and add up; stop when `enough` is reached. Those stay, at the places of their ids.",
        ),
        Property(
            "at least one stays",
            cases_of(((SHARES, 0.01), [0, 0, 0, 1, 0], "enough = 0.01")),
            "The share that reaches `enough` stays, and the largest may do that on its own.",
        ),
        Property(
            "what is reached exactly is reached",
            cases_of(((SHARES, 0.75), [0, 1 / 3, 0, 2 / 3, 0], "enough = 0.75 = 0.5 + 0.25")),
            "A share stays if what came before it is *less* than `enough`.",
        ),
        Property(
            "with 1 all stay",
            cases_of(((SHARES, 1.0), SHARES, "enough = 1")),
            "All shares together are 1, so that none can be left out.",
        ),
        Property(
            "of equal shares the first stay",
            cases_of(
                ((TIED, 0.3), [0, 0.5, 0.5, 0, 0], "two of three equal shares"),
                ((MANY_TIED, 0.25), kept_alone(MANY_TIED, by_rank(MANY_TIED)[:22]), "22 of 64 equal shares"),
            ),
            "A stable sort of -p keeps equal shares in the order of their ids: np.argsort(-p, kind='stable').",
        ),
        returns(
            "it is right for random shares",
            lambda rng: (random_shares(rng), 0.6),
            lambda p, e: kept_alone(p, fewest(p, e)),
            hint="Sorted, what came before a share is np.cumsum(p[order]) - p[order]; those where it is below `enough` stay.",
        ),
        keeps_its_inputs(
            lambda rng: (random_shares(rng), 0.6),
            lambda rng: (random_shares(rng), 1.0),
            lambda rng: (SHARES.copy(), 0.01),
        ),
    ),
    examples=lambda rng: ((SHARES, 0.75), (SHARES, 0.8), (TIED, 0.2), (random_shares(rng), 0.6)),
    mistakes={
        SUM: filter_with(fewest, norm=False),
        PLACES: filter_with(fewest, in_front),
        ALL_V: (
            filter_with(fewest, lambda p, ids: p[ids]),
            filter_with(fewest, lambda p, ids: p[np.sort(ids)]),
        ),
        "Smaller shares stay though a larger one was left out: stop at the first that reaches `enough`, and keep it.": filter_with(
            lambda p, e: _fitting(p, e)
        ),
        "Each round compares one share with `enough`: add it to the total so far, total += p[i].": (
            filter_with(lambda p, e: _up_to(p, lambda total, share: share >= e)),
        ),
        "The condition is the wrong way round: stop when the total is `enough` or more.": (
            filter_with(lambda p, e: _up_to(p, lambda total, share: total <= e)),
            filter_with(lambda p, e: _up_to(p, lambda total, share: total < e)),
        ),
        "The sums are those in the order of the ids, and what they pick from is in order of size: add up p[order].": (
            filter_with(lambda p, e: np.argsort(-p, kind="stable")[np.cumsum(p) - p < e]),
            filter_with(lambda p, e: np.argsort(-p, kind="stable")[np.cumsum(p) < e]),
            filter_with(lambda p, e: np.argsort(-p, kind="stable")[np.cumsum(p) <= e]),
        ),
        "Each share is compared with 1 - enough on its own; it is their sum that must reach `enough`.": (
            filter_with(lambda p, e: np.flatnonzero(p > 1 - e)),
            filter_with(lambda p, e: np.flatnonzero(p >= 1 - e)),
        ),
        "The shares that stay are divided by their sum, which is more than `enough`.": (
            lambda p, enough: filter_with(fewest, norm=False)(p, enough) / enough
        ),
        "Everything as large as the last that stays also stays, which is more than is needed where shares are equal.": filter_with(
            lambda p, e: np.flatnonzero(p >= p[fewest(p, e)].min())
        ),
        "The share that reaches `enough` is left out; it belongs to those that stay.": (
            filter_with(_by_sum(lambda before, with_it, p, e: (with_it < e) | (before == 0))),
            filter_with(_by_sum(lambda before, with_it, p, e: with_it < e)),
        ),
        "The share that goes beyond `enough` is left out; it is needed to reach it.": (
            filter_with(_by_sum(lambda before, with_it, p, e: (with_it <= e) | (before == 0))),
            filter_with(_by_sum(lambda before, with_it, p, e: with_it <= e)),
        ),
        "Where `enough` is reached exactly, one too many stays: before < enough, not <=.": filter_with(
            _by_sum(lambda before, with_it, p, e: before <= e)
        ),
        "The shares are added in the order of their ids; begin with the largest.": filter_with(
            _by_sum(lambda before, with_it, p, e: before < e, order=lambda p: np.arange(len(p)))
        ),
        "The smallest come first here: argsort of -p puts the largest first.": filter_with(
            _by_sum(lambda before, with_it, p, e: before < e, order=lambda p: np.argsort(p, kind="stable"))
        ),
        "Each share is compared with `enough` on its own; it is their sum that must reach it.": (
            filter_with(_by_sum(lambda before, with_it, p, e: (p >= e) | (before == 0))),
            filter_with(_by_sum(lambda before, with_it, p, e: p >= e)),
            filter_with(_by_sum(lambda before, with_it, p, e: p <= e)),
        ),
        "Each share is compared with `enough` times the largest, as in min-p; here it is their sum that must reach it.": (
            filter_with(lambda p, e: np.flatnonzero(p >= e * p.max()))
        ),
        "The limit is 1 - enough here; those that stay reach `enough`.": (
            filter_with(lambda p, e: fewest(p, 1 - e)),
            filter_with(_by_sum(lambda before, with_it, p, e: with_it <= 1 - e)),
        ),
        "One too many stays: stop with the share that reaches `enough`.": filter_with(
            lambda p, e: by_rank(p)[: len(fewest(p, e)) + 1]
        ),
        "A part of the classes stays, `enough` times their number; it is the sum of the shares that must reach it.": (
            filter_with(lambda p, e: by_rank(p)[: max(1, int(e * len(p)))]),
            filter_with(lambda p, e: by_rank(p)[: int(np.ceil(e * len(p)))]),
        ),
        "Only the largest stays, whatever `enough` is.": filter_with(lambda p, e: [int(p.argmax())]),
        "Everything stays here, whatever `enough` is.": filter_with(lambda p, e: np.arange(len(p))),
        "What is compared is in order of size, and what it picks from in order of ids: pick with order[..].": (
            filter_with(lambda p, e: np.arange(len(fewest(p, e))))
        ),
        "Of equal shares the last come first here: argsort of -p, kind='stable'.": filter_with(
            _by_sum(
                lambda before, with_it, p, e: before < e, order=lambda p: np.argsort(p, kind="stable")[::-1]
            )
        ),
        **wrong_shares(fewest),
    },
)
