"""What the exercises of the lesson share."""

import numpy as np

from minitransformer.course.exercise import Failed, Nothing


def is_tuple(got, what):
    """The tuple itself: it is a key of a dictionary where the library uses it, which a list cannot be."""
    if got is None:
        raise Nothing(what)
    if not isinstance(got, tuple):
        hint = TYPES.get(type(got).__name__, "")
        raise Failed(f"{what}: expected a tuple, got a {type(got).__name__}: {got!r:.60}", hint=hint)
    if any(isinstance(i, tuple | list) for i in got):
        raise Failed(f"{what}: expected a tuple of ids, got {got!r:.80}", hint=NESTED)
    return got


NESTED = "In the place of an id stands a tuple or a list here: append the id itself; `+` joins a tuple with a tuple."
TYPES = {
    "list": "Return tuple(..) of the list: a tuple may be a key of a dictionary, as words are, and a list may not.",
    "generator": "There is a `yield` in it, which makes it a generator: collect the ids and return tuple(..) of them.",
    "str": "Ids are numbers: a text of them runs together.",
}


def merge(ids, pair, new, *, step=2, first_only=False, unordered=False, drop_last=False):
    """Merging with something wrong in it."""
    out = []
    i = 0
    done = False
    while i < len(ids) - drop_last:
        here = tuple(ids[i : i + 2])
        found = (here == pair or (unordered and here[::-1] == pair)) and not (first_only and done)
        out.append(new if found else ids[i])
        i = i + (step if found else 1)
        done = done or found
    return tuple(out)


def flat(got):
    return np.array([-1] if got is None else got, dtype=float)


def table(rng):
    return rng.normal(size=(6, 3)), rng.integers(0, 6, size=(2, 4))
