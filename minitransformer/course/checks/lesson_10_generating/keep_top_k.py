"""What must be true of keep_top_k."""

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
    filter_with,
    in_front,
    kept_alone,
    random_shares,
    wrong_shares,
)
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, returns


def _largest(p, k):
    return np.argsort(-p, kind="stable")[:k]


keep_top_k = Exercise(
    minutes=10,
    level=1,
    hints=(
        "np.argsort(-p) gives the ids with the largest share first; [:k] takes k of them, or all if there are fewer.",
        "Begin with zeros like p, and copy the shares of these ids: kept[ids] = p[ids].",
        "kind='stable' keeps equal shares in the order of their ids.",
    ),
    why="What is unlikely is cut off, and what stays keeps its proportions.",
    properties=(
        Property(
            "the k largest stay, at their places, and sum to 1",
            cases_of(
                ((SHARES, 2), [0, 1 / 3, 0, 2 / 3, 0], "the 2 largest"),
                ((SHARES, 1), [0, 0, 0, 1, 0], "the largest"),
            ),
            "Zeros like p, the shares of the k largest put at their places, and all of it divided by its sum.",
        ),
        returns(
            "it is right for random shares",
            lambda rng: (random_shares(rng), 3),
            lambda p, k: kept_alone(p, by_rank(p)[:k]),
            hint="Which ids have the k largest shares? np.argsort(-p) begins with them.",
        ),
        Property(
            "of equal shares the first stay, and never more than k",
            cases_of(
                ((TIED, 2), [0, 0.5, 0.5, 0, 0], "2 of three equal shares"),
                ((TIED, 1), [0, 1, 0, 0, 0], "1 of three"),
                ((MANY_TIED, 20), kept_alone(MANY_TIED, by_rank(MANY_TIED)[:20]), "20 of 64 equal shares"),
            ),
            "A stable sort of -p keeps equal shares in the order of their ids: np.argsort(-p, kind='stable').",
        ),
        Property(
            "k may be more than there are",
            cases_of(((SHARES, 5), SHARES, "all 5"), ((SHARES, 99), SHARES, "99 of 5")),
            "Where k is larger than V, all stay: min(k, len(p)), or a slice, [:k], which only gets shorter.",
        ),
        keeps_its_inputs(
            lambda rng: (random_shares(rng), 3),
            lambda rng: (random_shares(rng), 99),
            lambda rng: (TIED.copy(), 1),
        ),
    ),
    examples=lambda rng: ((TIED, 4), (TIED, 2), (random_shares(rng), 3), (random_shares(rng), 5)),
    mistakes={
        SUM: filter_with(_largest, norm=False),
        "The smallest stay here: argsort puts them first; sort -p.": filter_with(
            lambda p, k: np.argsort(p, kind="stable")[:k]
        ),
        PLACES: filter_with(_largest, in_front),
        ALL_V: (
            filter_with(_largest, lambda p, ids: p[ids]),
            filter_with(_largest, lambda p, ids: p[np.sort(ids)]),
        ),
        "Only the k-th largest stays; those above it stay too.": filter_with(
            lambda p, k: _largest(p, k)[-1:]
        ),
        "argsort gives ids, largest share first; here argsort of that is taken for ids, which are ranks.": filter_with(
            lambda p, k: np.argsort(_largest(p, len(p)), kind="stable")[:k]
        ),
        "Everything as large as the k-th stays, which is more than k where shares are equal.": filter_with(
            lambda p, k: np.flatnonzero(p >= np.sort(p)[-k])
        ),
        "Only what is larger than the k-th stays, which is fewer than k.": filter_with(
            lambda p, k: np.flatnonzero(p > np.sort(p)[-k])
        ),
        "Of equal shares the last stay here; those with the smaller ids should: argsort of -p, kind='stable'.": filter_with(
            lambda p, k: np.argsort(p, kind="stable")[-k:]
        ),
        "The first k ids stay here, whatever their shares.": filter_with(lambda p, k: np.arange(k)),
        "The last k ids stay here, whatever their shares.": filter_with(lambda p, k: np.arange(len(p))[-k:]),
        "One too few stay: k of them do.": filter_with(lambda p, k: _largest(p, k - 1)),
        "Everything stays here, whatever k is.": filter_with(lambda p, k: np.arange(len(p))),
        "Only the largest stays, whatever k is.": filter_with(lambda p, k: _largest(p, 1)),
        "The k largest *different* shares stay, which is more than k where shares are equal.": filter_with(
            lambda p, k: np.flatnonzero(np.isin(p, np.unique(p)[-k:]))
        ),
        **wrong_shares(_largest),
        "One too many stays.": filter_with(lambda p, k: _largest(p, k + 1)),
    },
)
