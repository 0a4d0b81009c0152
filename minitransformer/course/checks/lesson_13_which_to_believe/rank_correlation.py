"""What must be true of rank_correlation."""

import numpy as np

from minitransformer.course.checks.lesson_13_which_to_believe.common import (
    correlation_of,
    ranks_by_counting,
    spearman,
)
from minitransformer.course.exercise import Exercise, Property
from minitransformer.course.properties import keeps_its_inputs, one_number, returns, same


def _pair(rng):
    return rng.normal(size=8), rng.normal(size=8) ** 3


def _tied(rng):
    return np.array([2.0, 1.0, 2.0, 0.0, 5.0, 1.0, 1.0]), np.array([1.0, 3.0, 0.0, 0.0, 7.0, 2.0, 2.0])


def _monotone(answer):
    a = np.array([0.3, -2.0, 5.0, 1.0])
    same(
        [answer(a, np.exp(a)), answer(a, -(a**3))],
        [1.0, -1.0],
        "a with exp(a), which keeps the order, and with -a^3, which turns it",
    )


SHARED = "Equal numbers share the mean of the ranks that they would have in a row."
BY_TURN = "The same pairs in another order give another number: equal numbers get different ranks here, and should share the mean."


def _ties(answer):
    a, b = _tied(None)
    what = f"the rank correlation of {a.astype(int).tolist()} and {b.astype(int).tolist()}"
    got = one_number(answer(a.copy(), b.copy()), what)
    turned = [one_number(answer(np.roll(a, n), np.roll(b, n)), what) for n in range(1, len(a))]
    hint = "" if np.allclose(turned, got, equal_nan=True) else BY_TURN
    same(got, spearman(a, b), what, hint=hint, first=SHARED)


def _all_equal(answer):
    with np.errstate(all="ignore"):
        got = [answer(np.ones(3), np.array([1.0, 2.0, 3.0])), answer(np.array([1.0, 2.0, 3.0]), np.zeros(3))]
    same(got, [0.0, 0.0], "where one side has only equals")


def _averaged(v):
    return np.array(ranks_by_counting(v))


def _in_turn(v):
    return np.argsort(np.argsort(v, kind="stable"), kind="stable") + 1.0


def _ranked(measure, a, b):
    """Another measure of the ranks, 0 where all of one side are equal."""
    a, b = (_averaged(v) - _averaged(v).mean() for v in (a, b))
    return measure(a, b) if a.any() and b.any() else 0.0


def _dense(v):
    return np.unique(v, return_inverse=True)[1]


def _uncentred(x, y):
    size = np.sqrt((x @ x) * (y @ y))
    return x @ y / size if size else 0.0


def _kendall(a, b):
    left, right = (np.sign(v[:, None] - v) for v in (a, b))
    return (left * right).sum() / np.sqrt((left**2).sum() * (right**2).sum())


rank_correlation = Exercise(
    minutes=15,
    level=2,
    hints=(
        "The rank of a value is smaller + (1 + equal) / 2: how many are smaller, how many are equal, itself included.",
        "v[None] < v[:, None] compares all with all: (n, n). Sum over the last axis.",
        "Take the mean off the ranks of each side before multiplying.",
        "Where all are equal, the root is 0: return 0 there.",
    ),
    why="Relevance of two methods has two scales. Ranks forget the scale and keep the order, which is what one reads.",
    properties=(
        Property(
            "it depends on the order alone, not on the values",
            _monotone,
            "Replace each number by its rank before anything else; opposite orders give -1.",
        ),
        returns(
            "it is right",
            _pair,
            spearman,
            hint="The correlation of the ranks: their mean subtracted, divided by the root of both sums of squares.",
        ),
        Property("equal numbers share the mean of their ranks", _ties),
        Property(
            "where all are equal there is no order: 0",
            _all_equal,
            "If all numbers of one side are equal, the root is 0: return 0 before you divide.",
        ),
        keeps_its_inputs(_pair),
    ),
    examples=lambda rng: (
        _pair(rng),
        _tied(rng),
        (np.ones(4), np.arange(4.0)),
        (np.arange(4.0), -np.arange(4.0)),
    ),
    mistakes={
        "This is the correlation of the values; replace them by ranks first.": lambda a, b: np.nan_to_num(
            correlation_of(a, b)
        ),
        "One argsort gives places, not ranks: which index comes first, not which turn an index has.": lambda a, b: (
            correlation_of(np.argsort(a), np.argsort(b))
        ),
        "Equal numbers get different ranks here; they share the mean.": lambda a, b: correlation_of(
            _in_turn(a), _in_turn(b)
        ),
        "Where all are equal the root is 0, and 0 / 0 is nan: return 0 there.": lambda a, b: correlation_of(
            _averaged(a), _averaged(b)
        ),
        "The sign is lost: opposite orders give -1.": lambda a, b: abs(
            np.nan_to_num(correlation_of(_averaged(a), _averaged(b)))
        ),
        "Equal numbers share the mean of their ranks, not the lowest.": lambda a, b: np.nan_to_num(
            correlation_of(*(np.array([(w < v).sum() for v in w]) for w in (a, b)))
        ),
        "The formula with squared differences of ranks holds only where no two are equal.": lambda a, b: (
            1 - 6 * ((_averaged(a) - _averaged(b)) ** 2).sum() / (len(a) * (len(a) ** 2 - 1))
        ),
        "The root is missing: divide by sqrt(sum a'^2 sum b'^2).": lambda a, b: _ranked(
            lambda x, y: x @ y / ((x @ x) * (y @ y)), a, b
        ),
        "This compares pairs, which is another measure, Kendall's: take the correlation of the ranks.": lambda a, b: (
            _ranked(_kendall, a, b)
        ),
        "Equal numbers share one rank here, and the next number gets the next one: they share the mean of theirs.": (
            lambda a, b: np.nan_to_num(correlation_of(_dense(a), _dense(b)))
        ),
        "Equal numbers share the mean of their ranks, not the highest.": lambda a, b: np.nan_to_num(
            correlation_of(*(np.array([(w <= v).sum() for v in w]) for w in (a, b)))
        ),
        "The root goes over both sums of squares; here one of them stands twice.": (
            lambda a, b: _ranked(lambda x, y: x @ y / (x @ x), a, b),
            lambda a, b: _ranked(lambda x, y: x @ y / (y @ y), a, b),
        ),
        "The sums of squares are added here: multiply them before the root.": lambda a, b: _ranked(
            lambda x, y: x @ y / np.sqrt(x @ x + y @ y), a, b
        ),
        "Nothing is divided by the number of values: the sums of squares grow with it as well.": (
            lambda a, b: _ranked(lambda x, y: x @ y / np.sqrt((x @ x) * (y @ y)) / len(x), a, b),
            lambda a, b: _ranked(lambda x, y: x @ y / np.sqrt((x @ x) * (y @ y)) / (len(x) - 1), a, b),
        ),
        "The sign is wrong: on both sides the smallest has rank 1.": lambda a, b: _ranked(
            lambda x, y: -(x @ y) / np.sqrt((x @ x) * (y @ y)), a, b
        ),
        "This is the square of the correlation.": lambda a, b: _ranked(
            lambda x, y: (x @ y) ** 2 / ((x @ x) * (y @ y)), a, b
        ),
        "Nothing is divided here: sum a' b' over sqrt(sum a'^2 sum b'^2).": lambda a, b: _ranked(
            lambda x, y: x @ y, a, b
        ),
        "The ranks are counted from 0, and their mean is not subtracted.": lambda a, b: _uncentred(
            _averaged(a) - 1, _averaged(b) - 1
        ),
        "The mean is subtracted on one side only: the ranks of both are taken less their mean.": (
            lambda a, b: _uncentred(_averaged(a) - _averaged(a).mean(), _averaged(b)),
            lambda a, b: _uncentred(_averaged(a), _averaged(b) - _averaged(b).mean()),
        ),
        "Both sides are replaced by their ranks, not one of them.": (
            lambda a, b: np.nan_to_num(correlation_of(_averaged(a), b)),
            lambda a, b: np.nan_to_num(correlation_of(a, _averaged(b))),
        ),
        "Where all are equal there is no order: return 0, not 1.": lambda a, b: np.nan_to_num(
            correlation_of(_averaged(a), _averaged(b)), nan=1.0
        ),
        "Subtract the mean of the ranks before multiplying.": lambda a, b: (
            (_averaged(a) @ _averaged(b))
            / np.sqrt((_averaged(a) @ _averaged(a)) * (_averaged(b) @ _averaged(b)))
        ),
    },
)
