"""What must be true of sample."""

import operator

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Nothing, Property
from minitransformer.course.properties import keeps_its_inputs, same

# on the line: [0, 1/4) is 1, [1/4, 3/4) is 3, [3/4, 1) is 4
OTHERS = np.array([0.25, 0.0625, 0.1875, 0.0, 0.5])
NO_ID = "This is no whole number, such as a share or a sum of shares: return its place i in p."
PIECES = np.array([0.0, 0.25, 0.0, 0.5, 0.25, 0.0])


def _id(answer, p, u):
    """What an answer returns, as an int of Python."""
    got = answer(p.copy(), u)
    if got is None:
        raise Nothing(f"the id for shares {p.tolist()} and u = {u}")
    try:
        return operator.index(got)
    except TypeError:
        if isinstance(got, float) and got % 1:
            raise Failed(f"expected an id, got {got!r:.60}", hint=NO_ID) from None
        hint = "int(..) makes one of a number; of an array or a list take the element that is meant, such as [0]."
        raise Failed(f"expected an int, got {type(got).__name__} {got!r:.60}", hint=hint) from None


def _points(answer):
    for u, i in ((0.1, 1), (0.2, 1), (0.3, 3), (0.6, 3), (0.7, 3), (0.8, 4), (0.95, 4)):
        same(_id(answer, PIECES, u), i, f"the id for shares {PIECES.tolist()} and u = {u}")


def _borders(answer):
    for u, i in ((0.0, 1), (0.25, 3), (0.75, 4)):
        same(
            _id(answer, PIECES, u),
            i,
            f"the id for shares {PIECES.tolist()} and u = {u}, where a piece begins",
        )


def _frequencies(answer):
    p = np.array([0.1, 0.05, 0.6, 0.25])
    drawn = np.array([_id(answer, p, u) for u in (np.arange(400) + 0.5) / 400])
    same(
        [(drawn == i).sum() for i in range(4)],
        [40, 20, 240, 100],
        "how often each id comes in 400 evenly spread draws",
    )


def _same_again(answer):
    p = np.full(8, 0.125)
    if len({_id(answer, p, 0.4) for _ in range(20)}) > 1:
        raise Failed(
            "the same u gave different ids", hint="u is the chance: do not draw any other random number."
        )


def _past_the_end(answer):
    for p, u, i in (
        (np.array([0.5, 0.4999999, 0.0]), 0.99999999, 1),
        (np.full(10, 0.1), 0.9999999999999999, 9),
    ):
        got = answer(p.copy(), u)
        if got is None or int(got) != i:
            what = f"shares {p.tolist()}, which sum to {float(np.cumsum(p)[-1])!r}, and u = {u}: expected {i}, got {got}"
            raise Failed(
                what,
                hint="Rounding made the line end before u: then it is the last class whose share is not 0.",
            )


def _wrong_sample(*rules):
    """Ways to draw with something wrong in them, and the same with the last class that has a share as the limit."""

    def way(rule, limit):
        return lambda p, u: min(int(rule(p, u, np.cumsum(p))), np.flatnonzero(p)[-1] if limit else len(p) + 1)

    return tuple(way(rule, limit) for rule in rules for limit in (False, True))


def _first(found):
    """The first place where something holds, or the last place of all if it holds nowhere."""
    return int(np.argmax(found)) if found.any() else len(found) - 1


SORTED = "The shares are sorted, and the place in the sorted list is returned: the classes stay in the order of their ids."


sample = Exercise(
    minutes=10,
    level=1,
    hints=(
        "np.cumsum(p) gives the places where the pieces end: p[0], p[0] + p[1], and so on.",
        "Go along and return the first i whose piece ends beyond u. np.searchsorted(ends, u, side='right') finds it at once.",
        "If u lies beyond the end of the line, by rounding: np.flatnonzero(p)[-1] is the last class that has a share.",
    ),
    why="A point thrown on the line hits a piece as often as the piece is long.",
    properties=(
        Property("the same u gives the same id", _same_again, "Nothing but p and u decides which id it is."),
        Property(
            "the id is that of the piece on which u lies",
            _points,
            "Add up the shares, p[0], p[0] + p[1], ..; the id is the first whose sum is above u.",
        ),
        Property(
            "a piece begins where the one before ends, and a share of 0 has no place",
            _borders,
            "u < sum decides, not <=; then a piece of length 0 is never hit.",
        ),
        Property(
            "each id comes as often as its share says", _frequencies, "The pieces are as long as the shares."
        ),
        Property(
            "rounding at the end of the line does no harm",
            _past_the_end,
            "Where u is above the last sum, return the last class whose share is not 0.",
        ),
        keeps_its_inputs(lambda rng: (PIECES.copy(), 0.4), lambda rng: (PIECES.copy(), 0.99)),
    ),
    examples=lambda rng: tuple(
        (p, u) for p in (PIECES, OTHERS) for u in (0.0, 0.1, 0.2, 0.25, 0.4, 0.6, 0.7, 0.75, 0.9)
    ),
    mistakes={
        "u is compared with the sum *before* a share is added: the sum has to contain p[i].": _wrong_sample(
            lambda p, u, ends: np.argmax(u < ends - p),
        ),
        "p[0] counts twice: the sum begins with 0, and p[0] is added first.": _wrong_sample(
            lambda p, u, ends: _first(u < ends + p[0])
        ),
        "This is always the likeliest, whatever u is.": _wrong_sample(lambda p, u, ends: p.argmax()),
        "u is compared with each share on its own; compare it with their sum so far.": _wrong_sample(
            lambda p, u, ends: np.argmax(u < p),
            lambda p, u, ends: _first(u < p),
        ),
        "The comparison is the wrong way round: the first i whose sum is *above* u.": _wrong_sample(
            lambda p, u, ends: _first(u > ends),
            lambda p, u, ends: _first(u >= ends),
        ),
        "The shares are multiplied here; they are laid end to end, which adds them up.": _wrong_sample(
            lambda p, u, ends: _first(u < np.cumprod(p))
        ),
        "The sums are added up once more here: compare u with p[0] + .. + p[i], or take each p[i] off u once.": _wrong_sample(
            lambda p, u, ends: _first(u < np.cumsum(ends))
        ),
        "It is counted how many sums are above u; the id is how many are not: np.sum(ends <= u).": _wrong_sample(
            lambda p, u, ends: (ends > u).sum(), lambda p, u, ends: (ends >= u).sum()
        ),
        "p[0] is left out: the line begins with it.": _wrong_sample(
            lambda p, u, ends: _first(u < np.cumsum(p[1:])) + 1,
            lambda p, u, ends: _first(u < np.cumsum(p[1:])),
        ),
        "The last class is never drawn here.": (
            lambda p, u: _first(u < np.cumsum(p[:-1])),
            lambda p, u: min(_first(u < np.cumsum(p[:-1])), int(np.flatnonzero(p[:-1])[-1])),
        ),
        "This is always 0, whatever u is; np.argmax of nothing but False is 0 too.": lambda p, u: 0,
        "Always the first class that has a share, whatever u is.": _wrong_sample(
            lambda p, u, ends: np.flatnonzero(p)[0]
        ),
        "Always the last class that has a share, whatever u is.": _wrong_sample(
            lambda p, u, ends: np.flatnonzero(p)[-1]
        ),
        "The classes without a share are not counted here; the id is a place in p, with all of them.": _wrong_sample(
            lambda p, u, ends: _first(u < np.cumsum(p[p > 0]))
        ),
        "Where u is the very end of a piece, the next one begins: u < sum, not <=. A share of 0 could be drawn.": _wrong_sample(
            lambda p, u, ends: np.argmax(u <= ends)
        ),
        "One too far: the first i whose sum is above u is the answer itself.": _wrong_sample(
            lambda p, u, ends: np.argmax(u < ends) + 1
        ),
        "One short: the answer is the first i whose sum is above u, not the one before.": _wrong_sample(
            lambda p, u, ends: np.argmax(u < ends) - 1
        ),
        "The line is laid from the other end, or 1 - u looked for in place of u: begin with p[0].": _wrong_sample(
            lambda p, u, ends: len(p) - 1 - np.argmax(u < np.cumsum(p[::-1])),
            lambda p, u, ends: _first(1 - u < ends),
            lambda p, u, ends: _first(1 - u <= ends),
        ),
        "All classes are alike here: their shares do not count.": _wrong_sample(
            lambda p, u, ends: u * len(p),
            lambda p, u, ends: u * (len(p) - 1),
            lambda p, u, ends: round(u * (len(p) - 1)),
        ),
        SORTED: _wrong_sample(
            lambda p, u, ends: np.argmax(u < np.cumsum(np.sort(p)[::-1])),
            lambda p, u, ends: np.argmax(u < np.cumsum(np.sort(p))),
        ),
        "The end nearest to u is taken; it is the first end above u.": _wrong_sample(
            lambda p, u, ends: np.argmin(abs(ends - u))
        ),
        "The share nearest to u is taken; compare u with the sums of the shares so far.": _wrong_sample(
            lambda p, u, ends: np.argmin(abs(p - u))
        ),
        "This is the least likely, whatever u is.": _wrong_sample(lambda p, u, ends: p.argmin()),
        "The smallest share is laid first here; the classes stay in the order of their ids.": _wrong_sample(
            lambda p, u, ends: np.argsort(p, kind="stable")[np.argmax(u < np.cumsum(np.sort(p)))]
        ),
        "The largest share is laid first here; the classes stay in the order of their ids.": _wrong_sample(
            lambda p, u, ends: np.argsort(-p, kind="stable")[np.argmax(u < np.cumsum(np.sort(p)[::-1]))]
        ),
    },
)
