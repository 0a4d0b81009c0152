"""What must be true of most_frequent_pair."""

from collections import Counter
from itertools import combinations, pairwise

from minitransformer.course.checks.lesson_04_tokens_and_embeddings.common import flat
from minitransformer.course.exercise import Failed, Nothing, Property
from minitransformer.course.properties import Tried, equal

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
    ({(8, 5): 3, (6, 2): 3, (3, 9): 3, (3, 7): 3}, (3, 7)),
    ({(1, 2, 1, 2, 1, 2): 2, (3, 4): 3}, (1, 2)),
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
                raise Failed(what, hint=_kind_of(got, expected))

    return holds


def _kind_of(got, expected):
    """What is wrong with the kind of a result that is a tuple, or None."""
    if got is None:
        return ""
    if any(isinstance(part, tuple) for part in got):
        return "Return the pair alone, two ids: in this tuple stands another tuple."
    if expected is None and len(got) != 2:
        return "Where no pair occurs twice, the result is None itself."
    return "" if len(got) == 2 else "A pair has two ids: this tuple has another length."


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


def _weighed(words, weight):
    """The most frequent pair, a word counting weight(word, number) times."""
    return _most({word: weight(word, number) for word, number in words.items()})


def _by_words(least):
    return lambda words: _most(words, least=least) if len(words) > 1 else None


def _any_twice(words):
    """The smallest of all pairs that occur twice."""
    counts = Counter(pair for word, number in words.items() for pair in pairwise(word) for _ in range(number))
    return min((pair for pair in counts if counts[pair] > 1), default=None)


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
            _chosen(4, 13),
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
    trial=lambda answer, words: flat(answer(dict(words))),
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
        "This is the rarest pair.": (_rarest, lambda words: _rarest(words) if _most(words) else None),
        "The first pair of each word is missing: zip(word, word[1:]) begins with it.": lambda words: _most(
            words, pairs_of=lambda word: list(pairwise(word))[1:]
        ),
        "The next but one is no neighbour: zip(word, word[1:]).": lambda words: _most(
            words, pairs_of=lambda word: zip(word, word[2:], strict=False)
        ),
        "The pairs are turned round: the left neighbour comes first.": lambda words: _most(
            words, pairs_of=lambda word: zip(word[1:], word, strict=False)
        ),
        "Add the word's number for each place of a pair, as it is: nothing else counts.": (
            lambda words: _weighed(words, lambda word, number: number * number),
            lambda words: _weighed(words, lambda word, number: number + 1),
            lambda words: _weighed(words, lambda word, number: number - 1),
            lambda words: _weighed(words, lambda word, number: number * len(word)),
            lambda words: _weighed(words, lambda word, number: len(word)),
        ),
        "None depends on how often the pairs occur, not on how many words there are.": (
            _by_words(1),
            _by_words(2),
        ),
        "This is the smallest of all pairs that occur twice: first the largest count, then the smallest of those that have it.": (
            _any_twice
        ),
        "Of equally frequent pairs with the same first id, the second id decides: compare the whole tuples.": lambda words: (
            _most(words, pick=lambda pairs: min(pairs, key=lambda pair: pair[0]))
        ),
        "Of equally frequent pairs the first id decides, and only then the second: compare the whole tuples.": lambda words: (
            _most(words, pick=lambda pairs: min(pairs, key=lambda pair: pair[::-1]))
        ),
    },
)
