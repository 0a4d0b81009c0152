"""What must be true of merge_pair."""

from itertools import pairwise

import numpy as np

from minitransformer.course.checks.lesson_04_tokens_and_embeddings.common import flat, is_tuple, merge
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, equal


def _merges(*cases):
    def holds(answer):
        for ids, pair, new, expected in cases:
            what = f"merging {pair} into {new} in {ids}"
            equal(is_tuple(answer(ids, pair, new), what), expected, what)

    return holds


AS_TEXT = (
    "Compare the ids themselves, as numbers: as text, 12 begins like 1, and 11 2 holds 1 2; bytes end at 255."
)


def _long_numbers(answer):
    cases = (
        ((11, 2), (1, 2), 9),
        ((1, 21), (1, 2), 9),
        ((300, 1, 2, 7), (1, 2), 4000),
        ((12, 34, 12, 34), (12, 34), 256),
    )
    expected = (11, 2), (1, 21), (300, 4000, 7), (256, 256)
    for (ids, pair, new), right in zip(cases, expected, strict=True):
        what = f"merging {pair} into {new} in {ids}"
        try:
            got = answer(ids, pair, new)
        except ValueError as error:
            raise Failed(f"{what}: {error}", hint=AS_TEXT) from None
        equal(is_tuple(got, what), right, what, first=AS_TEXT)


def _random_merges(answer):
    rng = np.random.default_rng(2)
    for _ in range(50):
        ids = tuple(rng.integers(0, 3, size=rng.integers(0, 12)).tolist())
        # Python's own replace goes from left to right too
        text = "".join("abc"[i] for i in ids).replace("ab", "X")
        equal(
            is_tuple(answer(ids, (0, 1), 7), "the result"),
            tuple("abc    X".index(c) for c in text),
            f"merging (0, 1) in {ids}",
        )


def _one_is_enough(ids, pair, new):
    """It merges where the first of two neighbours or the second is that of the pair."""
    out = []
    i = 0
    while i < len(ids):
        found = i + 1 < len(ids) and (ids[i] == pair[0] or ids[i + 1] == pair[1])
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return tuple(out)


def _second_only(ids, pair, new):
    out = []
    i = 0
    while i < len(ids):
        found = i + 1 < len(ids) and ids[i + 1] == pair[1]
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return tuple(out)


def _without_an_index(ids, pair, new):
    return tuple(new if both == pair else both[0] for both in pairwise(ids))


def _at_even_places(ids, pair, new):
    couples = [ids[i : i + 2] for i in range(0, len(ids), 2)]
    return tuple(i for both in couples for i in ((new,) if both == pair else both))


def _ends_early(ids, pair, new):
    """It ends at the first place where the pair does not stand."""
    out = []
    while ids[:2] == pair:
        out.append(new)
        ids = ids[2:]
    return tuple(out)


def _chained(ids, pair, new):
    """What was merged is compared with its neighbour again."""
    out = []
    for i in ids:
        both = bool(out) and (out[-1], i) == pair
        out[len(out) - both :] = [new if both else i]
    return tuple(out)


def _turned_round(ids, pair, new):
    out = []
    i = 0
    while i < len(ids):
        found = ids[i : i + 2] == pair
        out.append(ids[i] if found else new)
        i += 1 if found else 2
    return tuple(out)


def _at_the_end(ids, pair, new):
    marked = merge(ids, pair, None)
    return tuple(i for i in marked if i is not None) + (new,) * marked.count(None)


def _first_only(ids, pair, new):
    out = []
    i = 0
    while i < len(ids):
        found = ids[i] == pair[0]
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return tuple(out)


def _first_of_two(ids, pair, new):
    """As `_first_only`, but the last id stays."""
    out = []
    i = 0
    while i < len(ids):
        found = ids[i] == pair[0] and i + 1 < len(ids)
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return tuple(out)


def _from_the_right(ids, pair, new):
    return merge(ids[::-1], pair[::-1], new)[::-1]


def _overlapping(ids, pair, new):
    """Every place where the pair begins gives a new id."""
    begins = [i for i in range(len(ids) - 1) if tuple(ids[i : i + 2]) == pair]
    ends = {i + 1 for i in begins} - set(begins)
    return tuple(new if i in begins else ids[i] for i in range(len(ids)) if i not in ends)


merge_pair = Tried(
    minutes=10,
    level=1,
    hints=(
        "Go along with an index i. Does the pair stand at i and i + 1? tuple(ids[i : i + 2]) == pair asks, also at the end.",
        "If so append `new` and go on two places, else append ids[i] and go on one: so a while loop, not a for loop.",
    ),
    why="Going on two places after a merge is what keeps one id from being used in two merges.",
    properties=(
        Property(
            "it merges a pair",
            _merges(((1, 2), (1, 2), 9, (9,)), ((5, 1, 2, 6), (1, 2), 9, (5, 9, 6))),
            "Where the pair stands, `new` alone goes into the result, and two places are passed; elsewhere ids[i], and one place.",
        ),
        Property(
            "it merges at every place",
            _merges(((1, 2, 5, 1, 2), (1, 2), 9, (9, 5, 9))),
            "Go on behind a merge, to the end of the word.",
        ),
        Property(
            "other ids stay as they are",
            _merges(((2, 1, 3), (1, 2), 9, (2, 1, 3)), ((), (1, 2), 9, ()), ((1,), (1, 2), 9, (1,))),
            hint="The pair in its order, at i and i + 1, both within the word: tuple(ids[i : i + 2]) == pair asks all of it.",
        ),
        Property(
            "equal ids are used once, from the left",
            _merges(
                ((1, 1, 1), (1, 1), 9, (9, 1)), ((1,) * 4, (1, 1), 9, (9, 9)), ((5, 2, 2), (5, 2), 5, (5, 2))
            ),
            "Begin at the left, and go on two places after a merge: what was merged is used up.",
        ),
        Property("ids are numbers of any size, not digits", _long_numbers, AS_TEXT),
        Property(
            "it does what str.replace does, for random words",
            _random_merges,
            "At each place, from the left: does the pair stand here? If so `new`, and on behind both, else ids[i], and on by one.",
        ),
    ),
    examples=lambda rng: (
        ((1, 2, 3, 1, 2, 1), (1, 2), 9),
        ((2, 1, 1, 1, 1, 1), (1, 1), 9),
        ((5, 6, 7), (1, 2), 9),
        ((2, 1, 2), (1, 2), 9),
        ((5, 2, 2), (5, 2), 5),
        ((2, 1, 3, 2), (1, 2), 9),
        ((3, 1, 2, 4, 1, 2, 4), (1, 2), 9),
    ),
    trial=lambda answer, *example: flat(answer(*example)),
    mistakes={
        "The second of the pair is still there: go on two places after a merge.": lambda *a: merge(
            *a, step=1
        ),
        "The first of the pair is still there: `new` alone takes the place of both.": lambda ids, pair, new: (
            tuple(part for i in merge(ids, pair, new) for part in ((pair[0], new) if i == new else (i,)))
        ),
        "The pair stays beside `new`, which is to take its place.": (
            lambda ids, pair, new: tuple(
                part for i in merge(ids, pair, None) for part in ((new, *pair) if i is None else (i,))
            ),
            lambda ids, pair, new: tuple(
                part for i in merge(ids, pair, None) for part in ((*pair, new) if i is None else (i,))
            ),
        ),
        "Where the pair stands, something else is put than `new`.": (
            lambda ids, pair, new: merge(ids, pair, sum(pair)),
            lambda ids, pair, new: merge(ids, pair, pair[0]),
            lambda ids, pair, new: merge(ids, pair, pair[1]),
            lambda ids, pair, new: merge(ids, pair, new + 1),
        ),
        "One of the two ids is enough here: both must be those of the pair, at i and at i + 1.": _one_is_enough,
        "The second id alone is compared: both must be those of the pair.": _second_only,
        "The last id is lost, and the second of a merged pair is still there: go along with an index, on by two after a merge.": (
            _without_an_index
        ),
        "Only pairs that begin at an even place are found: after an id that is not merged go on by one.": _at_even_places,
        "It ends at the first place where the pair does not stand: append the id that is there, and go on.": _ends_early,
        "The last two ids are lost: the loop goes on while i < len(ids).": lambda *a: merge(*a, drop_last=2),
        "A new id is merged again in the same pass: go on behind what was merged.": _chained,
        "The first id is lost: begin at 0.": lambda ids, pair, new: merge(ids[1:], pair, new),
        "Every id that is in the pair is replaced: only both together, one after the other, are the pair.": (
            lambda ids, pair, new: tuple(new if i in pair else i for i in ids)
        ),
        "`new` takes the place of both ids once: here it stands there twice.": lambda ids, pair, new: tuple(
            part for i in merge(ids, pair, None) for part in ((new, new) if i is None else (i,))
        ),
        "The result stands in the reverse order.": lambda *a: merge(*a)[::-1],
        "An id that came before is left out: the same id, or `new`, may come again and again.": lambda *a: (
            tuple(dict.fromkeys(merge(*a)))
        ),
        "`new` is put where the pair does not stand: the condition is the wrong way round.": _turned_round,
        "The new ids stand at the end: put each where its pair stood.": _at_the_end,
        "An id too many is passed after a merge: the pair has two.": lambda *a: merge(*a, step=3),
        "The first id alone is compared: both must be those of the pair.": (_first_only, _first_of_two),
        "Only the first place is merged; go on to the end.": lambda *a: merge(*a, first_only=True),
        "(2, 1) is not (1, 2): the order counts.": lambda *a: merge(*a, unordered=True),
        "The last id is lost: the pair needs a neighbour, a single id does not.": lambda *a: merge(
            *a, drop_last=True
        ),
        "This merges from the right; 1 1 1 is to become new 1.": _from_the_right,
        "An id is used in two merges here: after a merge go on behind both.": _overlapping,
        "The pair is deleted: put `new` in its place.": lambda *a: tuple(i for i in merge(*a) if i != a[2]),
        "Nothing is merged: a list never equals a tuple, nor one id a pair; tuple(ids[i : i + 2]) == pair does.": (
            lambda ids, pair, new: ids
        ),
    },
)
