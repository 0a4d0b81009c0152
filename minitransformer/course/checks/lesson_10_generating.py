"""What must be true of drawing tokens, of a beam, and of attention that remembers."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import Tried, keeps_float32, keeps_its_inputs, returns, same

SHARES = np.array([0.125, 0.25, 0.0625, 0.5, 0.0625])  # sums of these are exact
TIED = np.array([0.125, 0.25, 0.25, 0.25, 0.125])


def _cases(*cases):
    """(inputs, expected, in words) one after the other."""

    def holds(answer):
        for inputs, expected, what in cases:
            same(answer(*(x.copy() if isinstance(x, np.ndarray) else x for x in inputs)), expected, what)

    return holds


def _kept(p, ids):
    """The shares of `ids` alone, by loops."""
    total = math.fsum(float(p[i]) for i in ids)
    return [float(p[i]) / total if i in ids else 0.0 for i in range(len(p))]


def _ranked(p):
    return sorted(range(len(p)), key=lambda i: (-p[i], i))


PIECES = np.array([0.0, 0.25, 0.0, 0.5, 0.25, 0.0])  # on the line: [0, 1/4) is 1, [1/4, 3/4) is 3, [3/4, 1) is 4


def _points(answer):
    for u, i in ((0.1, 1), (0.2, 1), (0.3, 3), (0.6, 3), (0.7, 3), (0.8, 4), (0.95, 4)):
        same(answer(PIECES.copy(), u), i, f"the id for shares {PIECES.tolist()} and u = {u}")


def _borders(answer):
    for u, i in ((0.0, 1), (0.25, 3), (0.75, 4)):
        same(answer(PIECES.copy(), u), i, f"the id for shares {PIECES.tolist()} and u = {u}, where a piece begins")


def _frequencies(answer):
    p = np.array([0.1, 0.05, 0.6, 0.25])
    drawn = np.array([int(answer(p.copy(), u)) for u in (np.arange(2000) + 0.5) / 2000])
    same([(drawn == i).sum() for i in range(4)], [200, 100, 1200, 500], "how often each id comes in 2000 evenly spread draws")


def _same_again(answer):
    p = np.full(8, 0.125)
    if len({int(answer(p, 0.4)) for _ in range(20)}) > 1:
        raise Failed("the same u gave different ids", hint="u is the chance: do not draw any other random number.")


def _past_the_end(answer):
    for p, u, i in ((np.array([0.5, 0.4999999, 0.0]), 0.99999999, 1), (np.full(10, 0.1), 0.9999999999999999, 9)):
        got = answer(p.copy(), u)
        if got is None or int(got) != i:
            what = f"shares {p.tolist()}, which sum to {np.cumsum(p)[-1]!r}, and u = {u}: expected {i}, got {got}"
            raise Failed(what, hint="Rounding made the line end before u: then it is the last class whose share is not 0.")


def _wrong_sample(rule):
    def sample(p, u):
        return int(rule(p, u, np.cumsum(p)))

    return sample


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
        Property("the same u gives the same id", _same_again),
        Property("the id is that of the piece on which u lies", _points),
        Property("a piece begins where the one before ends, and a share of 0 has no place", _borders),
        Property("each id comes as often as its share says", _frequencies),
        Property("rounding at the end of the line does no harm", _past_the_end),
    ),
    examples=lambda rng: tuple((PIECES, u) for u in (0.0, 0.1, 0.2, 0.25, 0.4, 0.6, 0.7, 0.75, 0.9)),
    mistakes={
        "This is always the likeliest, whatever u is.": _wrong_sample(lambda p, u, ends: p.argmax()),
        "u is compared with each share on its own; compare it with their sum so far.": _wrong_sample(
            lambda p, u, ends: np.argmax(u < p)
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
        "The line is laid from the other end: begin with p[0].": _wrong_sample(
            lambda p, u, ends: len(p) - 1 - np.argmax(u < np.cumsum(p[::-1]))
        ),
        "All classes are alike here: their shares do not count.": _wrong_sample(lambda p, u, ends: u * len(p)),
        "The largest share is laid first here; the classes stay in the order of their ids.": _wrong_sample(
            lambda p, u, ends: np.argsort(-p, kind="stable")[np.argmax(u < np.cumsum(np.sort(p)[::-1]))]
        ),
    },
)


def _random_shares(rng):
    return rng.dirichlet(np.ones(8))


def _filter(stay, put=None, norm=True):
    """A filter with something wrong in it: `stay(p, limit)` gives the ids that stay."""

    def keep(p, limit):
        ids = np.asarray(stay(p, limit), dtype=int)
        kept = np.zeros_like(p)
        kept[ids] = p[ids]
        kept = put(p, ids) if put else kept
        return kept / kept.sum() if norm else kept

    return keep


def _largest(p, k):
    return np.argsort(-p, kind="stable")[:k]


def _in_front(p, ids):
    """What stays, but in order of size."""
    return np.concatenate([p[ids], np.zeros(len(p) - len(ids))])


ALL_V = "These are the shares that stay, and no others: return all V, with zeros where nothing stays."
PLACES = "The shares were sorted and left so: each must stay at the place of its id."
SUM = "The shares that stay are to be divided by their sum, so that they sum to 1 again."

keep_top_k = Exercise(
    minutes=10,
    level=1,
    hints=(
        "np.argsort(-p) gives the ids with the largest share first; [:k] takes k of them, or all if there are fewer.",
        "Begin with zeros like p, and copy the shares of these ids: kept[ids] = p[ids].",
        "kind='stable' keeps equal shares in the order of their ids.",
    ),
    why="What is unlikely is cut off, and what stays keeps its proportions.",
    properties=(
        Property(
            "the k largest stay, at their places, and sum to 1",
            _cases(((SHARES, 2), [0, 1 / 3, 0, 2 / 3, 0], "the 2 largest"), ((SHARES, 1), [0, 0, 0, 1, 0], "the largest")),
        ),
        returns("it is right for random shares", lambda rng: (_random_shares(rng), 3), lambda p, k: _kept(p, _ranked(p)[:k])),
        Property(
            "of equal shares the first stay, and never more than k",
            _cases(((TIED, 2), [0, 0.5, 0.5, 0, 0], "2 of three equal shares"), ((TIED, 1), [0, 1, 0, 0, 0], "1 of three")),
        ),
        Property("k may be more than there are", _cases(((SHARES, 5), SHARES, "all 5"), ((SHARES, 99), SHARES, "99 of 5"))),
        keeps_its_inputs(lambda rng: (_random_shares(rng), 3)),
        keeps_float32(lambda rng: (_random_shares(rng), 3)),
    ),
    examples=lambda rng: ((TIED, 4), (_random_shares(rng), 3), (_random_shares(rng), 5)),
    mistakes={
        SUM: _filter(_largest, norm=False),
        "The smallest stay here: argsort puts them first; sort -p.": _filter(lambda p, k: np.argsort(p, kind="stable")[:k]),
        PLACES: _filter(_largest, _in_front),
        ALL_V: _filter(_largest, lambda p, ids: p[ids]),
        "Everything as large as the k-th stays, which is more than k where shares are equal.": _filter(
            lambda p, k: np.flatnonzero(p >= np.sort(p)[-k])
        ),
        "Only what is larger than the k-th stays, which is fewer than k.": _filter(lambda p, k: np.flatnonzero(p > np.sort(p)[-k])),
        "Of equal shares the last stay here; those with the smaller ids should: argsort of -p, kind='stable'.": _filter(
            lambda p, k: np.argsort(p, kind="stable")[-k:]
        ),
        "The first k ids stay here, whatever their shares.": _filter(lambda p, k: np.arange(k)),
        "One too many stays.": _filter(lambda p, k: _largest(p, k + 1)),
    },
)


def _fewest(p, enough):
    ids, total = [], 0.0
    for i in _ranked(p):
        if total >= enough:
            break
        ids.append(i)
        total += float(p[i])
    return ids


def _by_sum(rule, order=lambda p: np.argsort(-p, kind="stable")):
    """Ids by a rule on (sum before, sum with it, share, limit) along an order."""

    def stay(p, enough):
        ids = order(p)
        return ids[rule(np.cumsum(p[ids]) - p[ids], np.cumsum(p[ids]), p[ids], enough)]

    return stay


keep_top_p = Exercise(
    minutes=15,
    level=2,
    hints=(
        "Sort: np.argsort(-p, kind='stable') gives the ids, largest share first. np.cumsum(p[order]) adds up along the way.",
        "A share stays if what came *before* it does not yet reach `enough`: the sum up to it, less the share itself.",
        "For the first, that is 0, so that it always stays. order[before < enough] are the ids that stay.",
    ),
    why="Where the model is sure, few tokens stay; where it wavers, many do. Top-k keeps the same number always.",
    properties=(
        Property(
            "the fewest stay that reach it, at their places, and sum to 1",
            _cases(
                ((SHARES, 0.7), [0, 1 / 3, 0, 2 / 3, 0], "enough = 0.7 of 0.5, 0.25, 0.125, .."),
                ((SHARES, 0.8), [1 / 7, 2 / 7, 0, 4 / 7, 0], "enough = 0.8 of 0.5, 0.25, 0.125, .."),
            ),
        ),
        Property("at least one stays", _cases(((SHARES, 0.01), [0, 0, 0, 1, 0], "enough = 0.01"))),
        Property(
            "what is reached exactly is reached", _cases(((SHARES, 0.75), [0, 1 / 3, 0, 2 / 3, 0], "enough = 0.75 = 0.5 + 0.25"))
        ),
        Property("with 1 all stay", _cases(((SHARES, 1.0), SHARES, "enough = 1"))),
        Property("of equal shares the first stay", _cases(((TIED, 0.3), [0, 0.5, 0.5, 0, 0], "two of three equal shares"))),
        returns("it is right for random shares", lambda rng: (_random_shares(rng), 0.6), lambda p, e: _kept(p, _fewest(p, e))),
        keeps_its_inputs(lambda rng: (_random_shares(rng), 0.6)),
        keeps_float32(lambda rng: (_random_shares(rng), 0.6)),
    ),
    examples=lambda rng: ((SHARES, 0.75), (SHARES, 0.8), (TIED, 0.2), (_random_shares(rng), 0.6)),
    mistakes={
        SUM: _filter(_fewest, norm=False),
        PLACES: _filter(_fewest, _in_front),
        ALL_V: _filter(_fewest, lambda p, ids: p[ids]),
        "The share that reaches `enough` is left out; it belongs to those that stay.": _filter(
            _by_sum(lambda before, with_it, p, e: (with_it < e) | (before == 0))
        ),
        "The share that goes beyond `enough` is left out; it is needed to reach it.": _filter(
            _by_sum(lambda before, with_it, p, e: (with_it <= e) | (before == 0))
        ),
        "Where `enough` is reached exactly, one too many stays: before < enough, not <=.": _filter(
            _by_sum(lambda before, with_it, p, e: before <= e)
        ),
        "The shares are added in the order of their ids; begin with the largest.": _filter(
            _by_sum(lambda before, with_it, p, e: before < e, order=lambda p: np.arange(len(p)))
        ),
        "The smallest come first here: argsort of -p puts the largest first.": _filter(
            _by_sum(lambda before, with_it, p, e: before < e, order=lambda p: np.argsort(p, kind="stable"))
        ),
        "Each share is compared with `enough` on its own; it is their sum that must reach it.": _filter(
            _by_sum(lambda before, with_it, p, e: (p >= e) | (before == 0))
        ),
        "Of equal shares the last come first here: argsort of -p, kind='stable'.": _filter(
            _by_sum(lambda before, with_it, p, e: before < e, order=lambda p: np.argsort(p, kind="stable")[::-1])
        ),
    },
)


def _softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def _logits(rng):
    return rng.normal(size=8) * 2


FOUR = np.log([0.2, 0.4, 0.1, 0.3])


def _expected(logits, temperature=1.0, top_k=None, top_p=None):
    weights = [math.exp((x - max(logits)) / temperature) for x in logits.tolist()]
    p = [w / math.fsum(weights) for w in weights]
    if top_k is not None:
        p = _kept(p, _ranked(p)[:top_k])
    return p if top_p is None else _kept(p, _fewest(p, top_p))


def _cold(answer):
    with np.errstate(all="ignore"):
        try:
            got = answer(np.array([1.0, 3.0, 2.0, 3.0]), 0)
        except ZeroDivisionError:
            got = np.array(math.nan)
    if got is not None and np.isnan(got).any():
        raise Failed(
            "temperature 0 gives nan", hint="Nothing can be divided by 0: ask `if temperature == 0` first, and use argmax."
        )
    same(got, [0, 1, 0, 0], "temperature 0, where the largest logit is there twice")


def _large(answer):
    with np.errstate(all="ignore"):
        got = answer(np.array([2000.0, 1998.0]), 2.0)
    if got is not None and not np.isfinite(got).all():
        raise Failed("large logits give nan", hint="exp(1000) is infinite: take off the largest score first.")
    same(got, [1 / (1 + math.exp(-1)), 1 / (1 + math.e)], "logits around 2000, temperature 2")


def _wrong_probabilities(heat=lambda x, t: _softmax(x / t), filters=("top_k", "top_p")):
    """What to draw from, with something wrong in it."""

    def next_token_probabilities(logits, temperature=1.0, top_k=None, top_p=None):
        p = np.array(heat(logits, temperature), dtype=float)
        for name in filters:
            if name == "top_k" and top_k is not None:
                p = np.array(_kept(p, _ranked(p)[:top_k]))
            if name == "top_p" and top_p is not None:
                p = np.array(_kept(p, _fewest(p, top_p)))
        return p

    return next_token_probabilities


next_token_probabilities = Exercise(
    minutes=10,
    level=1,
    hints=(
        "Three steps: softmax of logits / temperature; keep_top_k, if top_k is given; keep_top_p of what that leaves, if top_p is.",
        "`if top_k is not None:` asks whether it is given.",
        "Temperature 0 cannot be divided by: ask for it first. np.argmax gives the first of the largest.",
    ),
    why="Dividing by a temperature below 1 spreads the scores and sharpens the shares; above 1 it makes them more alike.",
    properties=(
        returns("with temperature 1 it is softmax", lambda rng: (_logits(rng),), _expected),
        returns("a low temperature sharpens", lambda rng: (_logits(rng), 0.5), _expected),
        returns("a high temperature flattens", lambda rng: (_logits(rng), 3.0), _expected),
        returns("top-k", lambda rng: (_logits(rng), 1.5, 3), _expected),
        returns("top-p", lambda rng: (_logits(rng), 1.5, None, 0.8), _expected),
        Property(
            "top-k first, then top-p of what is left",
            _cases(((FOUR, 1.0, 2, 0.5), [0, 1, 0, 0], "top_k = 2 and top_p = 0.5 of 0.4, 0.3, 0.2, 0.1")),
        ),
        Property("temperature 0 takes the largest", _cold),
        Property("large logits do not overflow", _large),
        keeps_its_inputs(lambda rng: (_logits(rng), 0.5, 3, 0.8)),
    ),
    examples=lambda rng: (
        (_logits(rng),),
        (_logits(rng), 0.5),
        (_logits(rng), 2.0, 3),
        (_logits(rng), 1.5, None, 0.8),
        (FOUR, 1.0, 2, 0.5),
    ),
    mistakes={
        "The temperature has no effect: divide the scores by it, before softmax.": _wrong_probabilities(lambda x, t: _softmax(x)),
        "The scores are multiplied by the temperature; divide them, so that a high one flattens.": _wrong_probabilities(
            lambda x, t: _softmax(x * t)
        ),
        "The temperature divides the shares, which no longer sum to 1: divide the scores, before softmax.": (
            _wrong_probabilities(lambda x, t: _softmax(x) / t)
        ),
        "Softmax is missing: these are scores, not shares.": _wrong_probabilities(lambda x, t: x / t, filters=()),
        "Softmax is taken twice.": _wrong_probabilities(lambda x, t: _softmax(_softmax(x / t))),
        "top_k is left out.": _wrong_probabilities(filters=("top_p",)),
        "top_p is left out.": _wrong_probabilities(filters=("top_k",)),
        "top_k and top_p are both left out.": _wrong_probabilities(filters=()),
        "top_p comes before top_k: first top_k, then top_p of what is left.": _wrong_probabilities(filters=("top_p", "top_k")),
    },
)


def _tree(seed, v=4):
    """A language: after each text, shares of what comes next that depend on all of it."""

    def step(ids):
        return np.log(np.random.default_rng([seed, *map(int, ids)]).dirichlet(np.full(v, 0.7)))

    return step


def _garden_path(ids):
    """After [7], 0 looks best, but it leads nowhere in particular; 1 and then 2 is the best pair, and 2 the next best start."""
    after = {(7,): [0.5, 0.3, 0.2], (7, 0): [0.4, 0.3, 0.3], (7, 1): [0.1, 0.0, 0.9], (7, 2): [0.0, 1.0, 0.0]}
    with np.errstate(divide="ignore"):
        return np.log(after[tuple(map(int, ids))])


def _search(answer, step, start, width, length):
    result = answer(step, start, width, length)
    if not isinstance(result, (tuple, list)) or len(result) != 2 or np.ndim(result[0]) != 1:
        hint = "Is there a `return`?" if result is None else "Return two things: the list of new ids, and the score."
        raise Failed(f"expected (ids, score), got {result!r:.80}", hint=hint)
    return [int(i) for i in result[0]], float(result[1])


def _greedy(answer):
    ids, score = _search(answer, _garden_path, [7], 1, 2)
    same(ids, [0, 0], "the ids for width = 1, which is to take the likeliest each time")
    same(score, math.log(0.5 * 0.4), "their score, ln 0.5 + ln 0.4")


def _better(answer):
    ids, score = _search(answer, _garden_path, [7], 2, 2)
    same(ids, [1, 2], "the ids for width = 2, of shares 0.3 and 0.9")
    same(score, math.log(0.3 * 0.9), "their score, ln 0.3 + ln 0.9")


def _exhaustive(answer):
    for seed in range(3):
        step, best = _tree(seed, 3), (-math.inf, ())
        for ids in np.ndindex(3, 3, 3):
            score = math.fsum(float(step([1, *ids[:n]])[ids[n]]) for n in range(3))
            best = max(best, (score, ids))
        ids, score = _search(answer, step, [1], 27, 3)
        same(ids, best[1], "the ids, where the beam is as wide as there are texts")
        same(score, best[0], "their score")


def _narrow(answer):
    """By another bookkeeping: all prefixes by rank, kept in a dictionary."""
    for seed in range(6):
        step, beam = _tree(seed), {(): 0.0}
        for _ in range(4):
            grown = {(*ids, i): s + float(x) for ids, s in beam.items() for i, x in enumerate(step([2, 0, *ids]))}
            beam = dict(sorted(grown.items(), key=lambda pair: pair[1])[-2:])
        best = max(beam, key=beam.get)
        ids, score = _search(answer, step, [2, 0], 2, 4)
        same(ids, best, "the ids for width = 2, length = 4")
        same(score, beam[best], "their score")


def _price(answer):
    asked = []

    def step(ids):
        asked.append(tuple(ids))
        return _tree(1)(ids)

    start = [3]
    ids, _ = _search(answer, step, start, 2, 4)
    if start != [3]:
        raise Failed(f"`start` became {start}", hint="[*start, *ids] makes a new list; start.append(..) changes the one handed in.")
    if len(asked) > 7:
        hint = "Keep `width` of *all* extensions together, not of each candidate, or the beam grows with every step."
        raise Failed(f"`step` was asked {len(asked)} times for width = 2, length = 4; 1 + 2 + 2 + 2 = 7 are enough", hint=hint)
    same(_search(answer, step, [3], 2, 0)[0], [], "the ids for length = 0")


def _wrong_beam(
    fold=lambda score, x: score + x,
    rank=lambda c: -c[1],
    width_of=lambda w, n: w,
    ask=lambda start, ids: [*start, *ids],
    end=lambda start, c: c[0],
):
    """A beam search with something wrong in it."""

    def beam_search(step, start, width, length):
        candidates = [([], 0.0)]
        for _ in range(length):
            longer = []
            for ids, score in candidates:
                longer += [([*ids, i], fold(score, float(x))) for i, x in enumerate(step(ask(start, ids)))]
            candidates = sorted(longer, key=rank)[: width_of(width, len(candidates))]
        return end(start, candidates)

    return beam_search


def _try_beam(answer, seed, width, length):
    with np.errstate(all="ignore"):
        ids, score = answer(_tree(seed), [2, 0], width, length)
    return np.array([*ids, score], dtype=float)


beam_search = Tried(
    minutes=25,
    level=3,
    hints=(
        "A candidate is a pair (ids, score). Begin with [([], 0.0)].",
        "In each round make a new list of all extensions: for each candidate ask step([*start, *ids]) once, and add one pair for "
        "each id i: ([*ids, i], score + log_p[i]).",
        "sorted(longer, key=lambda candidate: -candidate[1])[:width] keeps the best; the first of them is the very best.",
    ),
    why="Logarithms add where shares multiply. A beam of width 1 is greedy; one as wide as there are texts finds the best of all.",
    properties=(
        Property("a beam of width 1 takes the likeliest each time", _greedy),
        Property("a wider beam finds what greed misses", _better),
        Property("it asks no more often than it must", _price),
        Property("a beam as wide as there are texts finds the best of all", _exhaustive),
        Property("a narrow beam keeps the right candidates", _narrow),
    ),
    examples=lambda rng: tuple((seed, 3, 4) for seed in range(6)),
    trial=_try_beam,
    mistakes={
        "This is greedy: only one candidate is kept, or extended by its likeliest id alone.": _wrong_beam(width_of=lambda w, n: 1),
        "The scores are not added up: a candidate's score is that of all its ids.": _wrong_beam(fold=lambda score, x: x),
        "Logarithms are added, not multiplied.": _wrong_beam(fold=lambda score, x: (score or 1.0) * x),
        "The shares are added here; their logarithms should be.": _wrong_beam(fold=lambda score, x: score + math.exp(x)),
        "The lowest scores are kept: the best have the highest.": _wrong_beam(rank=lambda c: c[1]),
        "step must be given `start` too, with the new ids after it.": _wrong_beam(ask=lambda start, ids: ids or start),
        "step must be given the whole text so far, not its last id alone.": _wrong_beam(ask=lambda start, ids: [*start, *ids][-1:]),
        "The new ids alone are wanted, without `start`.": _wrong_beam(end=lambda start, c: ([*start, *c[0][0]], c[0][1])),
        "The score is the sum of the logarithms, not their mean.": _wrong_beam(
            end=lambda start, c: (c[0][0], c[0][1] / len(c[0][0]))
        ),
        "The score is the sum of the logarithms; this is its exponential.": _wrong_beam(
            end=lambda start, c: (c[0][0], math.exp(c[0][1]))
        ),
        "The score is a logarithm, at most 0; here its sign is turned.": _wrong_beam(end=lambda start, c: (c[0][0], -c[0][1])),
        "The worst of the beam is returned; the best is wanted.": _wrong_beam(end=lambda start, c: c[-1]),
    },
)


def _tokens(rng, t, s=0):
    """q, k, v of t new tokens, and keys and values of s earlier ones."""
    new = [rng.normal(size=(2, t, 4)), rng.normal(size=(2, t, 4)), rng.normal(size=(2, t, 3))]
    return (*new, rng.normal(size=(2, s, 4)), rng.normal(size=(2, s, 3)))


def _one_after_four(rng):
    return _tokens(rng, 1, 4)


def _three_after_two(rng):
    return _tokens(rng, 3, 2)


def _seen(q, keys, values, first):
    """Attention by loops, where query t stands at place first + t."""
    out = np.zeros((*q.shape[:-1], values.shape[-1]))
    for b, t in np.ndindex(q.shape[:-1]):
        scores = [math.fsum(q[b, t] * keys[b, j]) / math.sqrt(q.shape[-1]) for j in range(first + t + 1)]
        weights = [math.exp(score - max(scores)) for score in scores]
        out[b, t] = np.array(weights) @ values[b, : first + t + 1] / math.fsum(weights)
    return out


def _three(result):
    if not isinstance(result, (tuple, list)) or len(result) != 3:
        hint = "Is there a `return`?" if result is None else "Return three arrays: out, keys, values."
        raise Failed(f"expected (out, keys, values), got {type(result).__name__}", hint=hint)
    return result


def _appended(answer):
    q, k, v, keys, values = _one_after_four(np.random.default_rng(3))
    _, kept_keys, kept_values = _three(answer(q, k, v, keys, values))
    same(kept_keys, np.concatenate([keys, k], 1), "the keys, 4 earlier ones and then the new one")
    same(kept_values, np.concatenate([values, v], 1), "the values, 4 earlier ones and then the new one")


def _alone(answer):
    q, k, v, keys, values = _tokens(np.random.default_rng(4), 1, 0)
    same(_three(answer(q, k, v, keys, values))[0], v, "the result for the very first token, which sees itself alone")


def _is_right(inputs):
    def holds(answer):
        q, k, v, keys, values = inputs(np.random.default_rng(5))
        out = _three(answer(q, k, v, keys, values))[0]
        all_keys, all_values = np.concatenate([keys, k], 1), np.concatenate([values, v], 1)
        same(out, _seen(q, all_keys, all_values, keys.shape[1]), "out")

    return holds


def _piece_by_piece(sizes):
    def holds(answer):
        n = sum(sizes)
        q, k, v, keys, values = _tokens(np.random.default_rng(6), n)
        pieces, at = [], 0
        for size in sizes:
            now = slice(at, at + size)
            out, keys, values = _three(answer(q[:, now], k[:, now], v[:, now], keys, values))
            pieces.append(out)
            at += size
        same(np.concatenate(pieces, 1), _seen(q, k, v, 0), f"{n} tokens in pieces of {', '.join(map(str, sizes))}")

    return holds


def _wrong_step(
    join=lambda old, new: np.concatenate([old, new], -2),
    used=lambda old, new, joined: joined,
    mask=lambda t, s: np.tri(t, s + t, s, dtype=bool),
    scale=lambda q, keys: math.sqrt(q.shape[-1]),
    axis=-1,
    kept=lambda old, new, joined: joined,
):
    """A step of attention with something wrong in it."""

    def attention_step(q, k, v, keys, values):
        joined = join(keys, k), join(values, v)
        seen = used(keys, k, joined[0]), used(values, v, joined[1])
        scores = q @ np.swapaxes(seen[0], -1, -2) / scale(q, seen[0])
        scores = np.where(mask(q.shape[-2], scores.shape[-1] - q.shape[-2]), scores, -1e30)
        e = np.exp(scores - scores.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True) @ seen[1], kept(keys, k, joined[0]), kept(values, v, joined[1])

    return attention_step


def _everywhere(t, s):
    return np.ones((t, s + t), dtype=bool)


attention_step = Exercise(
    minutes=25,
    level=3,
    hints=(
        "First np.concatenate([keys, k], axis=-2), and the same for the values; then it is attention of q over all of them.",
        "New token t stands at place S + t, and sees the keys at places up to its own.",
        "With n = S + T keys: np.arange(n) <= np.arange(n - T, n)[:, None] is a table (T, n) of who may see whom.",
        "Scores where nobody may look become -inf before softmax, as in lesson 06.",
    ),
    why="Nobody looks ahead, so what a token computed stays true when others follow: its key and value are kept, not made again.",
    properties=(
        Property("the first token sees itself alone", _alone),
        Property("new keys and values come after the earlier ones", _appended),
        Property("one new token sees all earlier ones and itself", _is_right(_one_after_four)),
        Property("several new tokens do not look ahead", _is_right(_three_after_two)),
        Property("token by token gives what the whole gives at once", _piece_by_piece((1, 1, 1, 1, 1))),
        Property("a text in pieces of any size gives the same", _piece_by_piece((3, 1, 2, 1))),
        keeps_its_inputs(_three_after_two),
        keeps_float32(_three_after_two),
    ),
    examples=lambda rng: (_three_after_two(rng), _one_after_four(rng)),
    mistakes={
        "The new keys stand before the earlier ones: first the earlier ones, then the new.": _wrong_step(
            join=lambda old, new: np.concatenate([new, old], -2)
        ),
        "Only the new keys are looked at: attention goes over the earlier ones too.": _wrong_step(
            used=lambda old, new, joined: new
        ),
        "The new tokens do not see themselves: append first, then attend.": _wrong_step(
            used=lambda old, new, joined: old, mask=lambda t, s: True
        ),
        "New tokens look ahead at each other: new token t sees places up to S + t.": _wrong_step(mask=_everywhere),
        "The mask begins at place 0, as if nothing came before: new token t stands at place S + t.": _wrong_step(
            mask=lambda t, s: np.tri(t, s + t, dtype=bool)
        ),
        "Each new token sees what came before it, but not itself: places up to and with S + t.": _wrong_step(
            mask=lambda t, s: np.tri(t, s + t, s - 1, dtype=bool)
        ),
        "1/sqrt(d) is missing.": _wrong_step(scale=lambda q, keys: 1.0),
        "The scale is sqrt of the number of keys; it is sqrt of the length d of a query.": _wrong_step(
            scale=lambda q, keys: math.sqrt(keys.shape[-2])
        ),
        "Softmax goes over the queries; each query's shares go over the keys, the last axis.": _wrong_step(axis=-2),
        "Only the new keys and values are returned: the next step needs all of them.": _wrong_step(
            kept=lambda old, new, joined: new
        ),
        "The new keys and values are not appended to what is returned: the next step would not know them.": _wrong_step(
            kept=lambda old, new, joined: old
        ),
    },
)
