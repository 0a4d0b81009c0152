"""What the exercises of the lesson share."""

import math

import numpy as np

from minitransformer.course.properties import same

SHARES = np.array([0.125, 0.25, 0.0625, 0.5, 0.0625])  # sums of these are exact
TIED = np.array([0.125, 0.25, 0.25, 0.25, 0.125])

MANY_TIED = np.tile([0.5, 1.5], 64) / 128  # so many that a sort that is not stable moves equal ones


def cases_of(*cases):
    """(inputs, expected, in words) one after the other."""

    def holds(answer):
        for inputs, expected, what in cases:
            same(answer(*(x.copy() if isinstance(x, np.ndarray) else x for x in inputs)), expected, what)

    return holds


def kept_alone(p, ids):
    """The shares of `ids` alone, by loops."""
    total = math.fsum(float(p[i]) for i in ids)
    return [float(p[i]) / total if i in ids else 0.0 for i in range(len(p))]


def by_rank(p):
    """The ids, largest share first, of equal ones the smaller id. (V,) -> list."""
    return sorted(range(len(p)), key=lambda i: (-p[i], i))


def random_shares(rng):
    """Eight shares."""
    return rng.dirichlet(np.ones(8))


def filter_with(stay, put=None, norm=True):
    """A filter with something wrong in it: `stay(p, limit)` gives the ids that stay."""

    def keep(p, limit):
        ids = np.asarray(stay(p, limit), dtype=int)
        kept = np.zeros_like(p)
        kept[ids] = p[ids]
        kept = put(p, ids) if put else kept
        with np.errstate(all="ignore"):
            return kept / kept.sum() if norm else kept

    return keep


def _put(p, ids, numbers):
    """Zeros like p, and numbers at the places of the ids."""
    kept = np.zeros_like(p)
    kept[ids] = numbers
    return kept


def _divided_in_each_round(p, ids):
    kept = np.zeros_like(p)
    for i in ids:
        kept[i] = p[i]
        kept = kept / kept.sum()
    return kept


def _without_last(p, kept, ids):
    with np.errstate(all="ignore"):
        return kept / (kept.sum() - p[np.asarray(ids, dtype=int)[-1]])


def wrong_shares(stay):
    """Mistakes in what becomes of the shares that stay, as sentence -> ways."""
    return _wrong_division(stay) | _wrong_content(stay)


def _keeping(stay):
    """The shares that stay, at their places, with `others` elsewhere."""

    def kept(p, limit, others=0.0):
        ids = np.asarray(stay(p, limit), dtype=int)
        return np.where(np.isin(np.arange(len(p)), ids), p, others)

    return kept


def _wrong_content(stay):
    """Other numbers than the shares that stay are put in, as sentence -> ways."""
    kept = _keeping(stay)
    return {
        "What does not stay is 0, not 1 or another number, before the sum is taken.": (
            lambda p, limit: kept(p, limit, 1.0) / kept(p, limit, 1.0).sum(),
        ),
        "Divide by the sum once, when all that stays is there; here it is divided again in each round.": (
            lambda p, limit: _divided_in_each_round(p, stay(p, limit))
        ),
        "All is NaN, as 0 / 0 is: was nothing put in, or did whole numbers (dtype int) cut it off? Use np.zeros_like(p).": (
            lambda p, limit: np.full(len(p), np.nan)
        ),
        "The ids are put in at their places; put in their shares, p[ids].": filter_with(
            stay, lambda p, ids: np.isin(np.arange(len(p)), ids) * np.arange(len(p))
        ),
        "The sums so far are put in; put in the shares themselves.": (
            filter_with(stay, lambda p, ids: _put(p, ids, np.cumsum(p[ids]))),
            filter_with(stay, lambda p, ids: _put(p, ids, np.cumsum(p[ids]) - p[ids])),
        ),
        "Divide by the sum of all that stay; the last of them is missing in it.": (
            lambda p, limit: _without_last(p, kept(p, limit), stay(p, limit))
        ),
    }


def _wrong_division(stay):
    """The shares that stay are not divided by their sum, as sentence -> ways."""
    kept = _keeping(stay)
    return {
        "What was cut off is spread evenly over those that stay: divide by the sum instead, which keeps their proportions.": (
            lambda p, limit: np.where(
                kept(p, limit) > 0, p + (1 - kept(p, limit).sum()) / np.count_nonzero(kept(p, limit)), 0
            )
        ),
        "What was cut off is all given to the largest: divide by the sum instead, which keeps the proportions.": (
            lambda p, limit: kept(p, limit) + (np.arange(len(p)) == p.argmax()) * (1 - kept(p, limit).sum())
        ),
        "softmax is taken of the shares: they are shares already, divide them by their sum.": (
            lambda p, limit: np.exp(kept(p, limit)) / np.exp(kept(p, limit)).sum(),
            lambda p, limit: np.exp(kept(p, limit, -np.inf)) / np.exp(kept(p, limit, -np.inf)).sum(),
        ),
        "Those that stay all get the same share here: divide their own shares by the sum.": (
            lambda p, limit: (kept(p, limit) > 0) / np.count_nonzero(kept(p, limit))
        ),
        "Divide by the sum of those that stay; here they are divided by how many there are.": (
            lambda p, limit: kept(p, limit) / np.count_nonzero(kept(p, limit))
        ),
        "Divide by the sum of those that stay; here they are divided by the largest.": lambda p, limit: (
            kept(p, limit) / p.max()
        ),
        "Divide by the sum of those that stay; here the others are divided too, and stay.": (
            lambda p, limit: p / kept(p, limit).sum()
        ),
        "These are those that were to be cut off; the others stay.": (
            lambda p, limit: (p - kept(p, limit)) / (p - kept(p, limit)).sum()
        ),
        "These are the ids of those that stay: return their shares, all V of them, with zeros where nothing stays.": (
            lambda p, limit: np.asarray(stay(p, limit))
        ),
    }


def in_front(p, ids):
    """What stays, but in order of size."""
    return np.concatenate([p[ids], np.zeros(len(p) - len(ids))])


ALL_V = "These are the shares that stay, and no others: return all V, with zeros where nothing stays."
PLACES = "The shares were sorted and left so: each must stay at the place of its id."
SUM = "Divide the remaining probabilities by their sum, so that they sum to 1 again."


def fewest(p, enough):
    """The ids of the fewest shares that together reach `enough`, by a loop."""
    ids = []
    total = 0.0
    for i in by_rank(p):
        if total >= enough:
            break
        ids.append(i)
        total += float(p[i])
    return ids
