"""What must be true of shapley_values."""

import math
from itertools import permutations

import numpy as np

from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, same

EXACT = "0 and 1 are alike, so each gets half of 6; 2 adds 1 to any coalition, so it gets 1: exactly, with no orders drawn."


class _Game:
    """What coalitions are worth, and how many have been asked about."""

    def __init__(self, worth, n, limit=None):
        self.worth = worth
        self.n = n
        self.left = limit or 10**9

    def __call__(self, masks):
        masks = np.asarray(masks)
        if masks.ndim != 2 or masks.shape[1] != self.n or masks.dtype != bool:
            says = f"game takes booleans (N, {self.n}), got {masks.dtype} of shape {masks.shape}"
            raise Failed(says, hint="One coalition in each row; mask[None] makes a table of one row.")
        self.left -= len(masks)
        if self.left < 0:
            says = f"more than n * 2^n coalitions were asked about for n = {self.n}"
            raise Failed(says, hint="Not over the n! orders: over the 2^n coalitions, each with its weight.")
        return self.worth(masks)


def _pair(masks):
    return 6.0 * (masks[:, 0] & masks[:, 1]) + 1.0 * masks[:, 2]


def _gloves(masks):
    """Player 0 has a left glove, 1 and 2 have a right one; a pair is worth 12, and the empty coalition 5."""
    return 5.0 + 12.0 * (masks[:, 0] & (masks[:, 1] | masks[:, 2]))


def _random_game(seed, n):
    values = np.random.default_rng(seed).normal(size=2**n)
    return lambda masks: values[masks @ 2 ** np.arange(n)]


def _over_orders(worth, n):
    """By the definition: the mean over all orders of what each player adds when it comes."""
    phi = np.zeros(n)
    orders = list(permutations(range(n)))
    for order in orders:
        mask = np.zeros((1, n), dtype=bool)
        before = worth(mask)[0]
        for player in order:
            mask[0, player] = True
            after = worth(mask)[0]
            phi[player] += after - before
            before = after
    return phi / len(orders)


def _shares_alike(answer):
    same(
        answer(_Game(_pair, 3), 3),
        [3, 3, 1],
        "the values where 0 and 1 are worth 6 together and nothing alone, 2 always 1",
        first=EXACT,
    )


def _glove_game(answer):
    same(
        answer(_Game(_gloves, 3), 3),
        [8, 2, 2],
        "the values where 0 with 1 or 2 or both adds 12, and the empty coalition has 5",
    )


def _add_up(answer):
    worth = _random_game(3, 5)
    phi = np.asarray(answer(_Game(worth, 5), 5))
    same(phi.shape, (5,), "the shape for 5 players")
    same(
        phi.sum(),
        np.subtract(*worth(np.array([[True] * 5, [False] * 5]))),
        "the sum of the values, v(all) - v(nobody),",
    )


def _by_orders(answer):
    for n in (1, 2, 4, 5):
        worth = _random_game(n, n)
        same(
            answer(_Game(worth, n), n), _over_orders(worth, n), f"the values of a random game of {n} players"
        )


def _nine(answer):
    a = np.random.default_rng(2).normal(size=9)
    got = answer(_Game(lambda masks: (masks @ a) ** 2, 9, limit=9 * 2**9), 9)
    same(got, a * a.sum(), "the values of 9 players, where a coalition is worth its sum, squared")


def _wrong_shapley(weight, sign=1, total=None):
    """A sum over coalitions with wrong weights; weight(size of S, n)."""

    def values(game, n):
        masks = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1
        worth = np.asarray(game(masks), float)
        phi = np.zeros(n)
        for i in range(n):
            for s in np.flatnonzero(~masks[:, i]):
                phi[i] += sign * weight(int(masks[s].sum()), n) * (worth[s | 1 << i] - worth[s])
        return phi if total is None else phi * total(worth) / phi.sum()

    return values


def _right(k, n):
    return math.factorial(k) * math.factorial(n - 1 - k) / math.factorial(n)


def _off(k, n):
    return math.factorial(k + 1) * math.factorial(n - 1 - k) / math.factorial(n)


def _gross(game, n):
    """The worth of S with i, from which that of S is not subtracted."""
    masks = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1
    worth = np.asarray(game(masks), float)
    sizes = masks.sum(1)
    return np.array(
        [sum(_right(sizes[s] - 1, n) * worth[s] for s in np.flatnonzero(masks[:, i])) for i in range(n)]
    )


def _compared(gain):
    """Where i adds gain(the worth of all coalitions, S, i)."""

    def values(game, n):
        masks = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1
        worth = np.asarray(game(masks), float)
        sizes = masks.sum(1)
        return np.array(
            [
                sum(_right(sizes[s], n) * gain(worth, s, i) for s in np.flatnonzero(~masks[:, i]))
                for i in range(n)
            ]
        )

    return values


def _after(change):
    return lambda game, n: change(_wrong_shapley(_right)(game, n))


def _one_order(game, n):
    return np.diff(game(np.tri(n + 1, n, -1, dtype=bool)))


def _try_shapley(answer, seed):
    n = 3 + seed
    return np.asarray(answer(_Game(_random_game(seed + 30, n), n), n), dtype=float)


shapley_values = Tried(
    minutes=25,
    level=3,
    hints=(
        "(np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1 are the masks of all coalitions; ask game once about all.",
        "In this table, coalition number s with player i added is number s + 2**i.",
        "For each i, run over the s without i; |S| is masks[s].sum().",
        "math.factorial(k) * math.factorial(n - 1 - k) / math.factorial(n): so many of all orders have exactly S before i.",
    ),
    why="Of n! orders, |S|! (n - 1 - |S|)! have exactly the players of S before i. So 2^n questions do instead of n!.",
    properties=(
        Property(
            "two that count only together share alike",
            _shares_alike,
            "0 and 1 are alike, so each gets half of 6; 2 adds 1 to any coalition, so it gets 1.",
        ),
        Property(
            "three players and their gloves, by hand",
            _glove_game,
            "Of the 6 orders, 0 comes after 1 or 2 in 4 and adds 12 there. The empty coalition's 5 belongs to no player.",
        ),
        Property(
            "they add up to v(all) - v(nobody)",
            _add_up,
            "What i adds, v(S with i) - v(S), is signed, and weighed by |S|! (n - 1 - |S|)! / n!.",
        ),
        Property("they are the mean over all orders", _by_orders),
        Property("nine players, without going through 362880 orders", _nine),
    ),
    examples=lambda rng: ((0,), (1,)),
    trial=_try_shapley,
    mistakes={
        "All coalitions count alike here; the weight is |S|! (n - 1 - |S|)! / n!.": _wrong_shapley(
            lambda k, n: 0.5 ** (n - 1)
        ),
        "The weights are missing: this is the plain sum over coalitions.": _wrong_shapley(lambda k, n: 1.0),
        "This is only what each adds to the empty coalition; take the mean over all coalitions that it may join.": _wrong_shapley(
            lambda k, n: float(k == 0)
        ),
        "This is only what is lost when each leaves the whole; take the mean over all coalitions.": _wrong_shapley(
            lambda k, n: float(k == n - 1)
        ),
        "Divide by n!: the weights of all S without i add up to 1.": _wrong_shapley(
            lambda k, n: _right(k, n) * math.factorial(n)
        ),
        "S is counted without i: |S|! (n - 1 - |S|)!, so i itself is not in |S|.": (
            _wrong_shapley(_off),
            _wrong_shapley(
                lambda k, n: math.factorial(k + 1) * math.factorial(max(n - 2 - k, 0)) / math.factorial(n)
            ),
        ),
        "The weight is |S|! (n - 1 - |S|)! / n!: here the second factor is another.": (
            _wrong_shapley(lambda k, n: math.factorial(k) * math.factorial(n - k) / math.factorial(n)),
            _wrong_shapley(lambda k, n: 1 / math.comb(n, k)),
            _wrong_shapley(lambda k, n: 1 / (n * math.comb(n, k))),
            _wrong_shapley(lambda k, n: math.factorial(k) * math.factorial(n - 1) / math.factorial(n)),
        ),
        "There are n sizes of S: the mean over the coalitions of each size is divided by n too.": _wrong_shapley(
            lambda k, n: 1 / math.comb(n - 1, k)
        ),
        "What i adds is v(S with i) - v(S): the second part is missing.": _gross,
        "The empty coalition is a coalition too: S may be empty.": _wrong_shapley(
            lambda k, n: _right(k, n) * (k > 0)
        ),
        "The coalition of all others is a coalition too: S may be everybody but i.": _wrong_shapley(
            lambda k, n: _right(k, n) * (k < n - 1)
        ),
        "The weights add up to 1 over all S: what is weighed is added up, and divided by nothing more.": (
            _wrong_shapley(lambda k, n: _right(k, n) / 2 ** (n - 1)),
            _wrong_shapley(lambda k, n: _right(k, n) / n),
            _wrong_shapley(lambda k, n: _right(k, n) / 2**n),
        ),
        "The coalitions have different weights: |S|! (n - 1 - |S|)! / n!, here it is 1 / n for each.": _wrong_shapley(
            lambda k, n: 1 / n
        ),
        "What i adds may be negative: here its sign is lost.": _compared(
            lambda worth, s, i: abs(worth[s | 1 << i] - worth[s])
        ),
        "The worth of the empty coalition is subtracted from each value: what i adds, v(S with i) - v(S), is free of it.": (
            lambda game, n: _wrong_shapley(_right)(game, n) - game(np.zeros((1, n), bool))[0]
        ),
        "The values are worth, no shares of v(all): do not divide by it.": (
            lambda game, n: _wrong_shapley(_right)(game, n) / game(np.ones((1, n), bool))[0]
        ),
        "The two factorials are multiplied: here they are added.": _wrong_shapley(
            lambda k, n: (math.factorial(k) + math.factorial(n - 1 - k)) / math.factorial(n)
        ),
        "What i adds is v(S with i) - v(S): here v(S) is added.": _compared(
            lambda worth, s, i: worth[s | 1 << i] + worth[s]
        ),
        "What i adds is v(S with i) - v(S): here the worth of the whole is subtracted.": _compared(
            lambda worth, s, i: worth[s | 1 << i] - worth[-1]
        ),
        "What i adds is v(S with i) - v(S): here the worth of the empty coalition is subtracted.": _compared(
            lambda worth, s, i: worth[s | 1 << i] - worth[0]
        ),
        "Coalition S with player i is number s | 1 << i, which is s + 2**i: here i itself is taken.": (
            _compared(lambda worth, s, i: worth[s | i] - worth[s]),
            _compared(lambda worth, s, i: worth[(s + i) % len(worth)] - worth[s]),
        ),
        "Every player gets the sum of all values here: each has a sum of its own.": _after(
            lambda phi: np.full(len(phi), phi.sum())
        ),
        "The values need not add up to 1: their sum is v(all) - v(nobody).": _after(
            lambda phi: phi / phi.sum()
        ),
        "The players stand in the reverse order: the bit of player i is column i of the masks.": _after(
            lambda phi: phi[::-1]
        ),
        "The sign is lost: a player that does harm has a negative value.": _after(np.abs),
        "They add up to v(all) - v(nobody); the worth of the empty coalition belongs to no player.": _wrong_shapley(
            _right, total=lambda worth: worth[-1]
        ),
        "The sign is wrong: v(S with i) - v(S).": _wrong_shapley(_right, sign=-1),
        "This is one order only, the players coming as 0, 1, 2, ..; take the mean over all.": _one_order,
    },
)
