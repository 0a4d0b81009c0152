"""What must be true of beam_search."""

import math

import numpy as np

from minitransformer.course import tasks
from minitransformer.course.exercise import Beside, Failed, Property
from minitransformer.course.properties import Tried, same
from minitransformer.generation.reading import last_logits
from minitransformer.kernels.reference import log_softmax


def _tree(seed, v=4):
    """A language: after each text, shares of what comes next that depend on all of it."""

    def step(ids):
        return np.log(np.random.default_rng([seed, *map(int, ids)]).dirichlet(np.full(v, 0.7)))

    return step


WITHOUT_START = "step must be given `start` too, with the new ids after it."
GROWN = "A list grows from call to call, which all candidates share: [*start, *ids] makes a new one for each."


def _garden_path(ids):
    """After [7], 0 looks best, but it leads nowhere in particular; 1 and then 2 is the best pair, and 2 the next best start."""
    after = {(7,): [0.5, 0.3, 0.2], (7, 0): [0.4, 0.3, 0.3], (7, 1): [0.1, 0.0, 0.9], (7, 2): [0.0, 1.0, 0.0]}
    if ids is None or tuple(map(int, ids)) not in after:
        raise Failed(f"`step` was given {ids!r:.80} where the text begins with [7]", hint=_about_text(ids))
    with np.errstate(divide="ignore"):
        return np.log(after[tuple(map(int, ids))])


def _about_text(ids):
    """What is wrong about a text that `step` was given: without its start, or with ids that came in before."""
    if ids is None:
        return (
            "Methods such as .append and .extend change a list and give None: [*start, *ids] makes a new one."
        )
    return WITHOUT_START if list(ids)[:1] != [7] else GROWN


def _search(answer, step, start, width, length):
    result = answer(step, start, width, length)
    if not isinstance(result, (tuple, list)) or len(result) != 2 or np.ndim(result[0]) != 1:
        hint = (
            "Is there a `return`?"
            if result is None
            else "Return the ids first, then the score."
            if isinstance(result, (tuple, list))
            and len(result) == 2
            and np.ndim(result[0]) < np.ndim(result[1])
            else "These are all candidates: return the best alone, the first of them."
            if isinstance(result, list) and result and isinstance(result[0], tuple)
            else "Return two things: the list of new ids, and the score."
        )
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
        step = _tree(seed, 3)
        best = (-math.inf, ())
        for ids in np.ndindex(3, 3, 3):
            score = math.fsum(float(step([1, *ids[:n]])[ids[n]]) for n in range(3))
            best = max(best, (score, ids))
        ids, score = _search(answer, step, [1], 27, 3)
        same(ids, best[1], "the ids, where the beam is as wide as there are texts")
        same(score, best[0], "their score")


def _narrow(answer):
    """By another bookkeeping: all prefixes by rank, kept in a dictionary."""
    for seed in range(6):
        step = _tree(seed)
        beam = {(): 0.0}
        for _ in range(4):
            grown = {
                (*ids, i): s + float(x) for ids, s in beam.items() for i, x in enumerate(step([2, 0, *ids]))
            }
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
        raise Failed(
            f"`start` became {start}",
            hint="[*start, *ids] makes a new list; start.append(..) changes the one that was passed.",
        )
    if len(asked) > 7:
        hint = "Keep `width` of *all* extensions together, not of each candidate, or the beam grows with every step."
        raise Failed(
            f"`step` was asked {len(asked)} times for width = 2, length = 4; 1 + 2 + 2 + 2 = 7 are enough",
            hint=hint,
        )
    same(_search(answer, step, [3], 2, 0)[0], [], "the ids for length = 0")


def _wrong_beam(
    fold=lambda score, x: score + x,
    rank=lambda c: -c[1],
    width_of=lambda w, n: w,
    ask=lambda start, ids: [*start, *ids],
    end=lambda start, c: c[0],
    rounds=lambda length: length,
    grow=lambda candidates: candidates,
    tried=range,
    more=lambda ids, i: [*ids, i],
    keep=lambda longer, w: longer[:w],
    old=False,
):
    """A beam search with something wrong in it."""

    def beam_search(step, start, width, length):
        candidates = [([], 0.0)]
        for _ in range(rounds(length)):
            longer = list(candidates) if old else []
            for ids, score in grow(candidates):
                log_p = step(ask(start, ids))
                longer += [(more(ids, i), fold(score, float(log_p[i]))) for i in tried(len(log_p))]
            candidates = keep(sorted(longer, key=rank), width_of(width, len(candidates)))
        return end(start, candidates)

    return beam_search


def _try_beam(answer, seed, width, length):
    with np.errstate(all="ignore"):
        ids, score = answer(_tree(seed), [2, 0], width, length)
    return np.array([*ids, score], dtype=float)


def _both(mine):
    model = tasks.writer()

    def log_shares(ids):  # (T,) -> (V,)
        return log_softmax(last_logits(model, [ids])[0].astype(float), -1)

    tokens, score = mine(log_shares, [3, 1], 4, 6)
    return np.array([*tokens, score]), tasks.likeliest()


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
        Property(
            "a beam of width 1 takes the likeliest each time",
            _greedy,
            "`length` times: extend the one candidate by every id, add each logarithm to its score, and keep the best.",
        ),
        Property(
            "a wider beam finds what greed misses",
            _better,
            "Each of the `width` candidates is extended by every id; all extensions are compared by their whole score.",
        ),
        Property(
            "it asks no more often than it must",
            _price,
            "One call of `step` for each candidate of each round.",
            slow="Does the list of candidates grow from round to round? Keep `width` of all extensions together.",
        ),
        Property(
            "a beam as wide as there are texts finds the best of all",
            _exhaustive,
            "Nothing is cut off here: all extensions of all candidates stay, and the best of the last round is returned.",
        ),
        Property(
            "a narrow beam keeps the right candidates",
            _narrow,
            "In each round the `width` highest sums of *all* extensions stay, whichever candidate they come from.",
        ),
    ),
    examples=lambda rng: tuple((seed, width, 4) for seed in range(6) for width in (1, 3)),
    trial=_try_beam,
    mistakes={
        "It finds what greedy search finds: keep several candidates, extend each by every id, and return the best.": _wrong_beam(
            width_of=lambda w, n: 1
        ),
        "`width` is not used, or for each candidate on its own: keep `width` of *all* extensions together.": (
            _wrong_beam(width_of=lambda w, n: w**9),
            _wrong_beam(width_of=lambda w, n: 10**9),
        ),
        "The candidates are sorted by their ids: sort by the score, key=lambda candidate: candidate[1].": _wrong_beam(
            rank=lambda c: [-i for i in c[0]]
        ),
        "The logarithms are multiplied with the score; add them.": _wrong_beam(
            fold=lambda score, x: score * x
        ),
        "One round is missing: `length` ids are added.": _wrong_beam(rounds=lambda length: length - 1),
        "There is one round too many: `length` ids are added.": _wrong_beam(rounds=lambda length: length + 1),
        "step is given `start` and the last id; it must be given the whole text so far.": _wrong_beam(
            ask=lambda start, ids: [*start, *ids[-1:]]
        ),
        "step is given `start` alone; it must be given the new ids after it.": _wrong_beam(
            ask=lambda start, ids: start
        ),
        "New ids are put in front of the earlier ones: they follow them, [*ids, i].": (
            _wrong_beam(more=lambda ids, i: [i, *ids]),
            _wrong_beam(end=lambda start, c: (c[0][0][::-1], c[0][1])),
        ),
        "One too few of the beam stays: keep `width` of all extensions.": _wrong_beam(
            width_of=lambda w, n: max(1, w - 1)
        ),
        "One too many of the beam stays: keep `width` of all extensions.": _wrong_beam(
            width_of=lambda w, n: w + 1
        ),
        "The lowest scores are kept: sorted from the highest down, the best are [:width].": _wrong_beam(
            keep=lambda longer, w: longer[-w:]
        ),
        "The extensions are not sorted: the first ones stay, whatever their scores; sorted(..) gives a new list.": _wrong_beam(
            rank=lambda c: 0
        ),
        "Only the extensions of the last candidate stay: make the list `longer` once a round, before the loop over candidates.": (
            _wrong_beam(grow=lambda candidates: candidates[-1:])
        ),
        "Earlier candidates stay beside their extensions: each round begins with an empty list.": _wrong_beam(
            old=True
        ),
        "The second best is returned; the best is wanted.": _wrong_beam(
            end=lambda start, c: c[min(1, len(c) - 1)]
        ),
        "The last id is never tried: extend each candidate by every id, range(len(log_p)).": _wrong_beam(
            tried=lambda n: range(n - 1)
        ),
        "Id 0 is never tried: extend each candidate by every id, range(len(log_p)).": _wrong_beam(
            tried=lambda n: range(1, n)
        ),
        "The logarithms are taken off the score; add them.": _wrong_beam(fold=lambda score, x: score - x),
        "The score begins with 1; nothing added has the score 0.": _wrong_beam(
            end=lambda start, c: (c[0][0], c[0][1] + 1)
        ),
        "The score is cut to a whole number.": _wrong_beam(end=lambda start, c: (c[0][0], int(c[0][1]))),
        "The scores are not added up: a candidate's score is that of all its ids.": _wrong_beam(
            fold=lambda score, x: x
        ),
        "Logarithms are added, not multiplied.": _wrong_beam(fold=lambda score, x: (score or 1.0) * x),
        "The shares are added here; their logarithms should be.": _wrong_beam(
            fold=lambda score, x: score + math.exp(x)
        ),
        "The lowest scores are kept: the best have the highest.": _wrong_beam(rank=lambda c: c[1]),
        WITHOUT_START: (
            _wrong_beam(ask=lambda start, ids: ids or start),
            _wrong_beam(ask=lambda start, ids: ids),
        ),
        "step must be given the whole text so far, not its last id alone.": _wrong_beam(
            ask=lambda start, ids: [*start, *ids][-1:]
        ),
        "The new ids alone are wanted, without `start`.": _wrong_beam(
            end=lambda start, c: ([*start, *c[0][0]], c[0][1])
        ),
        "The score is the sum of the logarithms, not their mean.": _wrong_beam(
            end=lambda start, c: (c[0][0], c[0][1] / len(c[0][0]))
        ),
        "The score is the sum of the logarithms; this is its exponential.": _wrong_beam(
            end=lambda start, c: (c[0][0], math.exp(c[0][1]))
        ),
        "The score is a logarithm, at most 0; here its sign is wrong.": _wrong_beam(
            end=lambda start, c: (c[0][0], -c[0][1])
        ),
        "The worst of the beam is returned; the best is wanted.": _wrong_beam(end=lambda start, c: c[-1]),
    },
    beside=Beside("the library's returns all beams, and stops at a token", _both),
)
