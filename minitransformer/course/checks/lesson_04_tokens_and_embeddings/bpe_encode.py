"""What must be true of bpe_encode."""

from itertools import pairwise

import numpy as np

from minitransformer.course.checks.lesson_04_tokens_and_embeddings.common import flat, is_tuple, merge
from minitransformer.course.exercise import Property
from minitransformer.course.properties import Tried, equal


def _new_pairs_first(answer):
    """(1, 2) gives 10, and then (10, 3) goes before (3, 4), which was there at first."""
    hint = "After each merge look at the neighbours anew: a merge makes new pairs, and one of them may have the smallest new id."
    got = answer((1, 2, 3, 4), {(1, 2): 10, (10, 3): 11, (3, 4): 12})
    equal(got, (11, 4), "encoding (1, 2, 3, 4) with (1, 2): 10, (10, 3): 11, (3, 4): 12", hint=hint)


def _any_dictionary(answer):
    hint = "A dictionary may be in any order: the smallest new id is first, merges[pair]."
    turned = dict(reversed(MERGES.items()))
    for ids, expected in ENCODED:
        equal(
            answer(ids, dict(turned)),
            expected,
            f"encoding {ids} with the same merges in reverse order",
            hint=hint,
        )


MERGES = {(1, 2): 10, (3, 4): 11, (2, 3): 12, (10, 11): 13, (13, 1): 14, (5, 5): 15, (15, 15): 16, (4, 1): 17}
ENCODED = (
    ((1, 2), (10,)),
    ((6, 7, 8), (6, 7, 8)),
    ((), ()),
    ((1, 2, 6, 1, 2), (10, 6, 10)),
    ((1, 2, 3, 4), (13,)),
    ((1, 2, 3, 4, 1, 2), (13, 10)),
    ((2, 3, 4), (2, 11)),
    ((5, 5, 5, 5, 5), (16, 5)),
    ((3, 4, 1, 1), (11, 1, 1)),
    ((4, 1, 2), (4, 10)),
    ((1, 2, 3, 4, 1), (14,)),
)


def _encodes(*which):
    def holds(answer):
        for ids, expected in (ENCODED[i] for i in which):
            equal(is_tuple(answer(ids, dict(MERGES)), f"encoding {ids}"), expected, f"encoding {ids}")

    return holds


def _in_training_s_order(answer):
    """Words that begin as text and are merged in the order of training, one merge after the other."""
    rng = np.random.default_rng(6)
    for _ in range(40):
        ids = tuple(rng.integers(1, 6, size=9).tolist())
        expected = ids
        for pair, new in MERGES.items():
            expected = merge(expected, pair, new)
        equal(is_tuple(answer(ids, dict(MERGES)), f"encoding {ids}"), expected, f"encoding {ids}")


def _keeps_merges(answer):
    merges = dict(MERGES)
    answer((1, 2, 3, 4), merges)
    equal(merges, MERGES, "`merges` after the call")


def _encode(ids, merges, *, choose=min, rounds=99, leftmost=False, first_only=False, smallest_pair=False):
    """Encoding with something wrong in it."""
    for _ in range(rounds):
        found = [pair for pair in pairwise(ids) if pair in merges]
        if not found:
            break
        pair = found[0] if leftmost else min(found) if smallest_pair else choose(found, key=merges.get)
        ids = merge(ids, pair, merges[pair], first_only=first_only)
    return ids


def _once_each(ids, merges):
    """Each merge at one place only."""
    for pair, new in merges.items():
        ids = merge(ids, pair, new, first_only=True)
    return ids


def _in_view(see):
    """Encoding that sees only some of the pairs of neighbours, and ends where it sees none in `merges`."""

    def encode(ids, merges):
        while found := [pair for pair in see(list(pairwise(ids))) if pair in merges]:
            pair = min(found, key=merges.get)
            ids = merge(ids, pair, merges[pair])
        return ids

    return encode


def _one_left(ids, merges):
    """It ends while one pair is left."""
    while len(found := [pair for pair in pairwise(ids) if pair in merges]) > 1:
        pair = min(found, key=merges.get)
        ids = merge(ids, pair, merges[pair])
    return ids


def _by_choice(choose):
    """Encoding that takes choose(the pairs in `merges`)."""

    def encode(ids, merges):
        while found := [pair for pair in pairwise(ids) if pair in merges]:
            pair = choose(found)
            ids = merge(ids, pair, merges[pair])
        return ids

    return encode


def _by_pairs(ids, merges):
    for pair in sorted(merges):
        ids = merge(ids, pair, merges[pair])
    return ids


def _longest_first(ids, merges):
    spelled = {i: (i,) for i in range(10)}
    for (left, right), new in merges.items():
        spelled[new] = spelled[left] + spelled[right]
    out = []
    i = 0
    while i < len(ids):
        new = max(
            (k for k, v in spelled.items() if tuple(ids[i : i + len(v)]) == v), key=lambda k: len(spelled[k])
        )
        out.append(new)
        i += len(spelled[new])
    return tuple(out)


def _one_level(ids, merges):
    """Merges of what was there at first only."""
    for pair, new in merges.items():
        if max(pair) < 10:
            ids = merge(ids, pair, new)
    return ids


def _backwards(ids, merges):
    for pair, new in reversed(merges.items()):
        ids = merge(ids, pair, new)
    return ids


bpe_encode = Tried(
    minutes=15,
    level=2,
    hints=(
        "Which neighbours of the word are in `merges`? If none are, you are done.",
        "Of those take the pair with the smallest new id, merge_pair, and look again: a merge makes new neighbours.",
        "`while` and a list of what was found; or one walk through `merges` in the order of their new ids.",
    ),
    why="The first merges are the most frequent ones. In another order the model would see pieces that it never met in training.",
    properties=(
        Property(
            "it merges a pair",
            _encodes(0),
            "A pair of neighbours that is in `merges` becomes merges[pair]: ids = merge_pair(..).",
        ),
        Property(
            "what cannot be merged stays as it is",
            _encodes(1, 2),
            "Of neighbours that are not in `merges`, none are merged: ask `pair in merges` first, and end where no pair is in it.",
        ),
        Property(
            "it merges at every place",
            _encodes(3),
            "merge_pair merges at all places of a word at once: keep what it gives.",
        ),
        Property(
            "merged pieces are merged again",
            _encodes(4, 7, 10),
            "After a merge look at the neighbours anew: there are new ones. Of those in `merges`, the smallest new id comes first.",
        ),
        Property(
            "what was learned first is merged first",
            _encodes(5, 6, 8, 9),
            "Of all neighbours that are in `merges`, take the pair whose *new id* is smallest, merges[pair], wherever it stands.",
        ),
        Property("new pairs come before others with a larger new id", _new_pairs_first),
        Property("the order is that of the new ids, not that of the dictionary", _any_dictionary),
        Property(
            "it agrees with training on random words",
            _in_training_s_order,
            "Of all neighbours that are in `merges`, take the pair whose *new id* is smallest, again and again.",
        ),
        Property("`merges` stays as it was", _keeps_merges, "Only look at `merges`: take nothing out of it."),
    ),
    examples=lambda rng: (
        [(ids,) for ids, _ in ENCODED]
        + [
            ((4, 1, 2, 3, 4, 5, 5, 5),),
            ((1, 2, 3, 3, 4, 1, 2, 3),),
            ((1, 2, 3, 6, 2, 3),),
            ((2, 3, 4, 6, 3, 4),),
        ]
    ),
    trial=lambda answer, ids: flat(answer(ids, dict(MERGES))),
    mistakes={
        "This merges what comes first in the word; what was learned first comes first.": lambda *a: _encode(
            *a, leftmost=True
        ),
        "This merges what was learned last; begin with the smallest new id.": lambda *a: _encode(
            *a, choose=max
        ),
        "Only one merge is made: look again until there is nothing to merge.": (
            lambda *a: _encode(*a, rounds=1),
            lambda ids, merges: merge(ids, *next(iter(merges.items()))),
        ),
        "This merges the smallest pair; the pair whose new id is smallest comes first.": (
            lambda *a: _encode(*a, smallest_pair=True),
            _by_pairs,
        ),
        "The longest piece first is another method; BPE merges in the order of training.": _longest_first,
        "Merge merged pieces again: a merge makes new neighbours.": _one_level,
        "Each merge is made at one place only: merge_pair makes it at all places of the word.": _once_each,
        "This merges what is most frequent in the word; what was learned first comes first.": _by_choice(
            lambda found: max(found, key=found.count)
        ),
        "This merges what comes last in the word; what was learned first comes first.": _by_choice(
            lambda found: found[-1]
        ),
        "It ends while one pair is left that can be merged: end only where there is none.": _one_left,
        "Only pairs at even places are looked at: neighbours are zip(ids, ids[1:]).": _in_view(
            lambda pairs: pairs[::2]
        ),
        "The last pair of the word is left out: neighbours are zip(ids, ids[1:]).": _in_view(
            lambda pairs: pairs[:-1]
        ),
        "The first pair of the word is left out: neighbours are zip(ids, ids[1:]).": _in_view(
            lambda pairs: pairs[1:]
        ),
        "The last id of the result is lost.": lambda *a: _encode(*a)[:-1],
        "Ids that are not merged stay: here only new ids come out.": lambda ids, merges: tuple(
            i for i in _encode(ids, merges) if i in merges.values()
        ),
        "The pairs are looked up turned round: the left neighbour comes first.": lambda ids, merges: _encode(
            ids, {pair[::-1]: new for pair, new in merges.items()}
        ),
        "Nothing is merged.": lambda ids, merges: ids,
        "Go through the merges from the first learned to the last, not backwards.": _backwards,
    },
)
