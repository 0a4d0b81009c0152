"""What the exercises of the lesson share."""

import math

import numpy as np

from minitransformer.course.exercise import Failed


def sampler(
    how_many=lambda rng, T: rng.integers(1, T + 1),
    which=None,
    whole=True,
    turned=False,
    own=False,
    extra=0,
    once=False,
):
    """The sampling with something wrong in it."""

    def sample(T, num_samples, rng):
        rng = np.random.default_rng() if own else rng
        masks = np.ones((num_samples + extra, T), dtype=bool)
        gone = how_many(rng, T)
        for row in masks[1:] if whole else masks:
            gone = gone if once else how_many(rng, T)
            row[rng.choice(T, gone, replace=False) if which is None else which(rng, T, gone)] = False
        return ~masks if turned else masks

    return sample


def coins(T, num_samples, rng):
    """A coin for each word: the sampling that one thinks of first."""
    masks = rng.random((num_samples, T)) < 0.5
    masks[0] = True
    return masks


LAWS = {
    "right": sampler(),
    "coins": coins,
    "never all": sampler(lambda rng, T: rng.integers(1, T)),
    "none too": sampler(lambda rng, T: rng.integers(0, T + 1)),
    "none, never all": sampler(lambda rng, T: rng.integers(0, T)),
    "repeated": sampler(which=lambda rng, T, gone: rng.choice(T, gone)),
}


def weights_by_hand(masks, width=25.0):
    """The weight of each mask, by a loop."""
    out = []
    for row in masks.tolist():
        distance = 100 * (1 - math.sqrt(row.count(True) / len(row)))
        out.append(math.exp(-distance * distance / (2 * width * width)))
    return np.array(out)


def stacked_fit(x, y, weight, alpha):
    """The same fit by one least squares problem: the penalty as k more samples, b as one more column."""
    n, k = x.shape
    root = np.sqrt(weight)
    rows = np.vstack([np.column_stack([x, np.ones(n)]) * root[:, None], math.sqrt(alpha) * np.eye(k, k + 1)])
    *c, b = np.linalg.lstsq(rows, np.concatenate([y * root, np.zeros(k)]), rcond=None)[0]
    rest = y - x @ c - b
    spread = y - np.average(y, weights=weight)
    total = math.fsum(weight * spread**2)
    return np.array(c), float(b), 1 - math.fsum(weight * rest**2) / total if total > 1e-20 else 0.0


FIT = ("c", "b", "R^2")


def three_of(got, names=FIT):
    """A tuple of three results. Raises Failed."""
    if got is None:
        raise Failed("got None", hint="Is there a `return`?")
    if not isinstance(got, tuple) or len(got) != 3:
        of = f" of {len(got)}" if isinstance(got, tuple | list) else ""
        hint = (
            "`return a, b, c` gives a tuple, as the task says; [a, b, c] is a list."
            if isinstance(got, list)
            else ""
        )
        raise Failed(f"expected three results, {', '.join(names)}; got a {type(got).__name__}{of}", hint=hint)
    return got
