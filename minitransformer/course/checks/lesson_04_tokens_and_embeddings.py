"""What must be true of byte pair encoding, and of a table of vectors."""

from collections import Counter
from itertools import combinations, pairwise

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Nothing, Property
from minitransformer.course.properties import (
    Tried,
    equal,
    is_vjp_of,
    keeps_float32,
    keeps_its_inputs,
    returns,
)


def _is_tuple(got, what):
    """The tuple itself: it is a key of a dictionary where the library uses it, which a list cannot be."""
    if got is None:
        raise Nothing(what)
    if not isinstance(got, tuple):
        hint = TYPES.get(type(got).__name__, "")
        raise Failed(f"{what}: expected a tuple, got a {type(got).__name__}: {got!r:.60}", hint=hint)
    return got


TYPES = {
    "list": "Return tuple(..) of the list: a tuple may be a key of a dictionary, as words are, and a list may not.",
    "generator": "There is a `yield` in it, which makes it a generator: collect the ids and return tuple(..) of them.",
    "str": "Ids are numbers: a text of them runs together.",
}


def _merges(*cases):
    def holds(answer):
        for ids, pair, new, expected in cases:
            what = f"merging {pair} into {new} in {ids}"
            equal(_is_tuple(answer(ids, pair, new), what), expected, what)

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
        equal(_is_tuple(got, what), right, what, first=AS_TEXT)


def _random_merges(answer):
    rng = np.random.default_rng(2)
    for _ in range(50):
        ids = tuple(rng.integers(0, 3, size=rng.integers(0, 12)).tolist())
        # Python's own replace goes from left to right too
        text = "".join("abc"[i] for i in ids).replace("ab", "X")
        equal(
            _is_tuple(answer(ids, (0, 1), 7), "the result"),
            tuple("abc    X".index(c) for c in text),
            f"merging (0, 1) in {ids}",
        )


def _merge(ids, pair, new, *, step=2, first_only=False, unordered=False, drop_last=False):
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


def _first_only(ids, pair, new):
    out = []
    i = 0
    while i < len(ids):
        found = ids[i] == pair[0]
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return tuple(out)


def _from_the_right(ids, pair, new):
    return _merge(ids[::-1], pair[::-1], new)[::-1]


def _overlapping(ids, pair, new):
    """Every place where the pair begins gives a new id."""
    begins = [i for i in range(len(ids) - 1) if tuple(ids[i : i + 2]) == pair]
    ends = {i + 1 for i in begins} - set(begins)
    return tuple(new if i in begins else ids[i] for i in range(len(ids)) if i not in ends)


def _flat(got):
    return np.array([-1] if got is None else got, dtype=float)


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
    ),
    trial=lambda answer, *example: _flat(answer(*example)),
    mistakes={
        "The second of the pair is still there: go on two places after a merge.": lambda *a: _merge(
            *a, step=1
        ),
        "The first of the pair is still there: `new` alone takes the place of both.": lambda ids, pair, new: (
            tuple(part for i in _merge(ids, pair, new) for part in ((pair[0], new) if i == new else (i,)))
        ),
        "An id too many is passed after a merge: the pair has two.": lambda *a: _merge(*a, step=3),
        "The first id alone is compared: both must be those of the pair.": _first_only,
        "Only the first place is merged; go on to the end.": lambda *a: _merge(*a, first_only=True),
        "(2, 1) is not (1, 2): the order counts.": lambda *a: _merge(*a, unordered=True),
        "The last id is lost: the pair needs a neighbour, a single id does not.": lambda *a: _merge(
            *a, drop_last=True
        ),
        "This merges from the right; 1 1 1 is to become new 1.": _from_the_right,
        "An id is used in two merges here: after a merge go on behind both.": _overlapping,
        "The pair is deleted: put `new` in its place.": lambda *a: tuple(i for i in _merge(*a) if i != a[2]),
        "Nothing is merged: a list never equals a tuple, nor one id a pair; tuple(ids[i : i + 2]) == pair does.": (
            lambda ids, pair, new: ids
        ),
    },
)

WORDS: tuple = (  # words, the right pair
    ({(1, 2, 3): 2, (2, 3): 1}, (2, 3)),
    ({(1, 2): 5, (3, 4, 5): 3, (3, 4): 1}, (1, 2)),
    ({(1, 2): 1, (3, 4): 3, (5, 1, 2): 1}, (3, 4)),
    ({(7, 8, 7, 8, 7, 8): 2, (5, 6): 5}, (7, 8)),
    ({(3, 9): 3, (4, 5): 3, (3, 7): 3}, (3, 7)),
    ({(1, 2): 1, (3, 4): 1}, None),
    ({(1,): 9, (2,): 9}, None),
    ({}, None),
    ({(9, 1): 1, (2, 9): 1, (1, 5): 1, (2, 1): 1, (6, 5, 9): 1, (7, 5, 9): 1, (3,): 8}, (5, 9)),
    ({(1, 1, 1): 2, (3, 4): 3}, (1, 1)),
    ({(2, 1): 2, (1, 2): 2, (5, 6): 3}, (5, 6)),
    ({(1, 7, 2): 2, (1, 8, 2): 2, (5, 6): 3}, (5, 6)),
    ({(4, 5): 2}, (4, 5)),
)


def _chosen(*which):
    def holds(answer):
        for words, expected in (WORDS[i] for i in which):
            got = answer(dict(words))
            what = f"words {words}: expected {expected}, got {got!r:.60}"
            if got is not None and not isinstance(got, tuple):
                raise Failed(
                    what,
                    hint="Return the pair itself, a tuple of two ids: neither its count nor a list of pairs.",
                )
            if got != expected:
                raise Failed(what)

    return holds


def _gives_something(answer):
    """None is a right result only where no pair occurs twice."""
    if answer(dict(WORDS[1][0])) is None and answer(dict(WORDS[0][0])) is None:
        raise Nothing("the most frequent pair of two sets of words")


def _one_word(answer):
    _gives_something(answer)
    _chosen(0, 8)(answer)


def _keeps_words(answer):
    words = dict(WORDS[0][0])
    answer(words)
    equal(words, WORDS[0][0], "`words` after the call")


def _apart(word):
    """The pairs of a word of which no two overlap."""
    pairs = []
    last = -2
    for i, pair in enumerate(pairwise(word)):
        if not (pairs and pairs[-1] == pair and last == i - 1):
            pairs.append(pair)
            last = i
    return pairs


def _most(words, weigh=True, across=False, once=False, pick=min, least=2, counted=False, pairs_of=pairwise):
    """The most frequent pair with something wrong in it."""
    counts = Counter()
    if across:
        words = (
            {sum(words, ()): 1}
            if not weigh
            else {sum((word * number for word, number in words.items()), ()): 1}
        )
    for word, number in words.items():
        pairs = list(pairs_of(word))
        for pair in set(pairs) if once else pairs:
            counts[pair] += number if weigh else 1
    most = max(counts.values(), default=0)
    if most < least:
        return None
    found = pick([pair for pair in counts if counts[pair] == most])
    return (*found, most) if counted else found


def _last_number(words):
    counts = {pair: number for word, number in words.items() for pair in pairwise(word)}
    most = max(counts.values(), default=0)
    return min(pair for pair in counts if counts[pair] == most) if most > 1 else None


def _rarest(words):
    counts = Counter(pair for word, number in words.items() for pair in pairwise(word) for _ in range(number))
    return min(counts, key=lambda pair: (counts[pair], pair), default=None)


most_frequent_pair = Tried(
    minutes=15,
    level=2,
    hints=(
        "zip(word, word[1:]) gives the pairs of neighbours of a word.",
        "A collections.Counter adds up: counts[pair] += number, for each pair of each word.",
        "Largest count first, then the smallest pair: min over the pairs whose count is the largest.",
    ),
    why="Words are counted once and weighed with their number: a text of a million words has far fewer different ones.",
    properties=(
        Property(
            "it finds the most frequent pair",
            _one_word,
            "For each word, for each pair of zip(word, word[1:]): counts[pair] += number. Then the pair whose count is largest.",
        ),
        Property(
            "a word that occurs n times counts n times",
            _chosen(1, 2),
            "words.items() gives each word with its number: add this number, no more and no less, for each place of the pair.",
        ),
        Property(
            "a pair may occur several times in a word",
            _chosen(3, 9),
            "Every place counts, also where two places of a pair overlap: 1 1 1 holds (1, 1) twice.",
        ),
        Property(
            "(2, 1) is another pair than (1, 2)", _chosen(10), "A pair has an order: count it as it stands."
        ),
        Property(
            "only neighbours are pairs",
            _chosen(11),
            "zip(word, word[1:]) gives the neighbours, and no others.",
        ),
        Property(
            "of equally frequent pairs the smallest is taken",
            _chosen(4),
            "Counter.most_common and max with key= give the pair seen first, max over (count, pair) the largest: min over all that "
            "have the largest count.",
        ),
        Property(
            "a pair that occurs twice is enough",
            _chosen(12),
            "None is for words in which no pair occurs twice or more; each place counts with its word's number.",
        ),
        Property(
            "no pair that occurs twice: None",
            _chosen(5, 6, 7),
            "Return None if the largest count is below 2, and also if there is no pair at all: max(.., default=0).",
        ),
        Property("`words` stays as it was", _keeps_words, "Only look at `words`: take nothing out of it."),
    ),
    examples=lambda rng: [(words,) for words, _ in WORDS],
    trial=lambda answer, words: _flat(answer(dict(words))),
    mistakes={
        "Pairs overlap: after (a, b) comes (b, c), zip(word, word[1:]).": lambda words: _most(
            words, pairs_of=lambda word: zip(word[::2], word[1::2], strict=False)
        ),
        "Each word counts once here; one that occurs n times counts n times.": lambda words: _most(
            words, weigh=False
        ),
        "A pair reaches from one word into the next here; count within words.": lambda words: _most(
            words, across=True
        ),
        "A pair that occurs twice in a word counts twice.": lambda words: _most(words, once=True),
        "Of equally frequent pairs take the smallest; this takes the one seen first.": lambda words: _most(
            words, pick=lambda p: p[0]
        ),
        "Of equally frequent pairs take the smallest; this takes the largest.": lambda words: _most(
            words, pick=max
        ),
        "A pair that occurs once is not worth an id: return None.": (
            lambda words: _most(words, least=1),
            lambda words: _most(words, least=1, pick=lambda p: p[0]),
        ),
        "None is for pairs that occur once: two are enough.": lambda words: _most(words, least=3),
        "Places that overlap count too: 1 1 1 holds (1, 1) twice.": lambda words: _most(
            words, pairs_of=_apart
        ),
        "(2, 1) and (1, 2) are two pairs: do not sort them.": lambda words: _most(
            words, pairs_of=lambda word: [tuple(sorted(pair)) for pair in pairwise(word)]
        ),
        "These are all pairs of a word; only neighbours count.": lambda words: _most(
            words, pairs_of=lambda word: combinations(word, 2)
        ),
        "The last pair of each word is missing: a word of n ids has n - 1 pairs.": lambda words: _most(
            words, pairs_of=lambda word: list(pairwise(word))[:-1]
        ),
        "A pair keeps the number of the last word it was seen in: add, with +=.": _last_number,
        "Return the pair alone, without its count.": lambda words: _most(words, counted=True),
        "This is the rarest pair.": _rarest,
    },
)


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
            equal(_is_tuple(answer(ids, dict(MERGES)), f"encoding {ids}"), expected, f"encoding {ids}")

    return holds


def _in_training_s_order(answer):
    """Words that begin as text and are merged in the order of training, one merge after the other."""
    rng = np.random.default_rng(6)
    for _ in range(40):
        ids = tuple(rng.integers(1, 6, size=9).tolist())
        expected = ids
        for pair, new in MERGES.items():
            expected = _merge(expected, pair, new)
        equal(_is_tuple(answer(ids, dict(MERGES)), f"encoding {ids}"), expected, f"encoding {ids}")


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
        ids = _merge(ids, pair, merges[pair], first_only=first_only)
    return ids


def _by_pairs(ids, merges):
    for pair in sorted(merges):
        ids = _merge(ids, pair, merges[pair])
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
            ids = _merge(ids, pair, new)
    return ids


def _backwards(ids, merges):
    for pair, new in reversed(merges.items()):
        ids = _merge(ids, pair, new)
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
        [(ids,) for ids, _ in ENCODED] + [((4, 1, 2, 3, 4, 5, 5, 5),), ((1, 2, 3, 3, 4, 1, 2, 3),)]
    ),
    trial=lambda answer, ids: _flat(answer(ids, dict(MERGES))),
    mistakes={
        "This merges what comes first in the word; what was learned first comes first.": lambda *a: _encode(
            *a, leftmost=True
        ),
        "This merges what was learned last; begin with the smallest new id.": lambda *a: _encode(
            *a, choose=max
        ),
        "Only one merge is made: look again until there is nothing to merge.": (
            lambda *a: _encode(*a, rounds=1),
            lambda ids, merges: _merge(ids, *next(iter(merges.items()))),
        ),
        "This merges the smallest pair; the pair whose new id is smallest comes first.": (
            lambda *a: _encode(*a, smallest_pair=True),
            _by_pairs,
        ),
        "The longest piece first is another method; BPE merges in the order of training.": _longest_first,
        "Merge merged pieces again: a merge makes new neighbours.": _one_level,
        "Nothing is merged.": lambda ids, merges: ids,
        "Go through the merges from the first learned to the last, not backwards.": _backwards,
    },
)


def _table(rng):
    return rng.normal(size=(6, 3)), rng.integers(0, 6, size=(2, 4))


def _square_table(rng):
    """Where a mistaken axis still has the right shape."""
    return rng.normal(size=(4, 4)), rng.integers(1, 4, size=4)


def _looked_up(weight, ids):
    out = np.zeros((*ids.shape, weight.shape[1]), weight.dtype)
    for index in np.ndindex(ids.shape):
        for c in range(weight.shape[1]):
            out[*index, c] = weight[ids[index], c]
    return out


embedding = Exercise(
    minutes=5,
    level=1,
    hints=(
        "weight[3] is row 3. What does NumPy give for weight[np.array([3, 0])]?",
        "An array of integers in the brackets picks a row for each, and keeps the array's shape in front.",
    ),
    why="The same as one-hot vectors times the table, without the multiplications by 0.",
    properties=(
        returns(
            "each id gets its row",
            _square_table,
            _looked_up,
            hint="The vector of id i is row i of the table, weight[i], as it is; the vectors stand in the order of the ids.",
        ),
        returns(
            "ids may have any shape",
            _table,
            _looked_up,
            hint="weight[np.array([3, 0])] picks two rows; with ids of shape (2, 4) it picks 2 x 4, and keeps that shape in front.",
        ),
        keeps_its_inputs(_square_table, _table),
        keeps_float32(_table, hint="weight[ids] has the dtype of the table: leave it so."),
    ),
    examples=lambda rng: (_square_table(rng), (rng.normal(size=(5, 5)), np.array([4, 1, 1, 3, 2]))),
    mistakes={
        "This picks columns; an id's vector is a row of the table.": lambda weight, ids: weight[:, ids],
        "This picks columns and transposes them; an id's vector is a row of the table.": lambda weight, ids: (
            weight[:, ids].T
        ),
        "One row too early: ids count from 0.": lambda weight, ids: weight[ids - 1],
        "One row too late: ids count from 0.": lambda weight, ids: weight[(ids + 1) % len(weight)],
        "The rows are multiplied by numbers of ids; an id says which row is meant.": (
            lambda weight, ids: weight * ids[:, None],
            lambda weight, ids: ids @ weight,
        ),
        "np.take without axis=0 picks single numbers, from the table as one long row.": lambda weight, ids: (
            np.take(weight, ids)
        ),
        "These are one number for each id, weight[id, id]: the whole row is its vector.": lambda weight, ids: (
            weight[ids, ids]
        ),
        "The result is transposed: a row for each id, and the channels in the last dimension.": (
            lambda weight, ids: weight[ids].T,
            lambda weight, ids: np.eye(len(weight))[:, ids] @ weight,
        ),
        "Each id is to have its own vector: this is their mean.": (
            lambda weight, ids: weight[ids].mean(0),
            lambda weight, ids: weight[ids].mean(-1),
        ),
        "The vectors are scaled; they are to be the rows as they are.": lambda weight, ids: (
            weight[ids] * np.sqrt(weight.shape[1])
        ),
        "Each id has its own vector: this adds them up.": lambda weight, ids: weight[ids].sum(0),
        "Each row once, in the order of the table; rows come in the order of the ids, again if an id comes again.": (
            lambda weight, ids: weight[np.unique(ids)]
        ),
        "These are one number for each id: the whole row is its vector.": lambda weight, ids: weight[ids, 0],
        "These are one-hot vectors; multiplied with the table they would be the answer.": lambda weight, ids: (
            np.eye(len(weight))[ids]
        ),
    },
)


def _used(rng):
    return rng.normal(size=(2, 4, 3)), np.array([[0, 2, 2, 5], [2, 1, 0, 1]]), 6


def _used_once(rng):
    return rng.normal(size=(3, 2)), np.array([3, 0, 1]), 5


def _added(g, ids, vocab_size):
    out = np.zeros((vocab_size, g.shape[-1]))
    for index in np.ndindex(ids.shape):
        out[ids[index]] += g[index]
    return out


def _has_the_table_s_shape(answer):
    for inputs, shape in ((_used_once, (5, 2)), (_used, (6, 3))):
        got = answer(*inputs(np.random.default_rng(1)))
        if got is None:
            raise Nothing("the gradient")
        if np.shape(got) != shape:
            raise Failed(f"expected shape {shape}, as the table's, got {np.shape(got)}")


def _buffered(g, ids, vocab_size):
    out = np.zeros((vocab_size, g.shape[-1]))
    out[ids] += g
    return out


def _line_by_line(g, ids, vocab_size):
    out = np.zeros((vocab_size, g.shape[-1]))
    for line, place in zip(g, ids, strict=True):
        out[place] += line
    return out


def _mean(g, ids, vocab_size):
    return _added(g, ids, vocab_size) / np.maximum(np.bincount(ids.ravel(), minlength=vocab_size), 1)[:, None]


def _first(g, ids, vocab_size):
    out = np.zeros((vocab_size, g.shape[-1]))
    for index in reversed(list(np.ndindex(ids.shape))):
        out[ids[index]] = g[index]
    return out


embedding_vjp = Exercise(
    minutes=15,
    level=2,
    hints=(
        "Begin with zeros of the table's shape, (vocab_size, C), and of g's dtype.",
        "Each place adds its g to the row of its id. A loop over np.ndindex(ids.shape) is right, if slow.",
        "`out[ids] += g` writes each row once, with what came last. np.add.at(out, ids, g) adds all.",
    ),
    why="A row that is used many times is a number used many times: its gradients add, and unused rows stay as they are.",
    properties=(
        Property(
            "it has a row for each id",
            _has_the_table_s_shape,
            "A row for each id of the vocabulary, used or not: np.zeros((vocab_size, g.shape[-1])), and add into it.",
        ),
        returns(
            "each used row gets the gradient of its place, unused rows get zeros",
            _used_once,
            _added,
            hint="Row ids[t] gets g[t] as it is, channel by channel; rows that no id names stay 0.",
        ),
        returns(
            "a row used several times gets the sum over all its places",
            _used,
            _added,
            hint="Every place of ids, in all its dimensions, adds its own g: np.add.at(out, ids, g), or a loop over np.ndindex.",
        ),
        is_vjp_of(
            "it is the gradient of the lookup",
            lambda weight, ids: weight[ids],
            _table,
            vjp=lambda f, g, weight, ids: f(g, ids, len(weight)),
            wrt=(0,),
        ),
        keeps_its_inputs(_used_once, _used),
        keeps_float32(
            _used, hint="np.zeros makes float64 unless it gets another dtype: np.zeros(shape, g.dtype)."
        ),
    ),
    examples=lambda rng: (_used(rng), _used_once(rng)),
    mistakes={
        "`out[ids] += g` writes a repeated row once: what comes last wins. np.add.at adds them all.": _buffered,
        "This keeps what the first place says; the gradients of all places add.": _first,
        "This is the mean over the places where a row was used; gradients add.": _mean,
        "Of each line of ids one place is kept: go through all places, with np.ndindex, or np.add.at(out, ids, g).": _line_by_line,
        "This divides by the number of places; gradients add.": lambda g, ids, v: (
            _added(g, ids, v) / ids.size
        ),
        "This counts how often a row was used; add up the g of those places.": lambda g, ids, v: _added(
            np.ones_like(g), ids, v
        ),
        "Unused rows get zeros: the result does not depend on them.": lambda g, ids, v: (
            _added(g, ids, v) + (np.bincount(ids.ravel(), minlength=v) == 0)[:, None]
        ),
        "The sum over channels is too much: each channel has its own gradient.": lambda g, ids, v: (
            np.broadcast_to(_added(g, ids, v).sum(-1, keepdims=True), (v, g.shape[-1]))
        ),
        "One row too early: ids count from 0.": lambda g, ids, v: _added(g, (ids - 1) % v, v),
    },
)
