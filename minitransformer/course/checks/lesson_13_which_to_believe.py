"""What must be true of the judges of explanations."""

import math

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import Tried, keeps_its_inputs, returns, same


def _order(rng):
    return (rng.permutation(6),)


def _left(order):
    """Row by row, which places have not gone yet."""
    return [[place not in order[:k] for place in range(len(order))] for k in range(len(order) + 1)]


def _booleans(answer):
    got = np.asarray(answer(np.array([1, 0])))
    if got.dtype != bool:
        raise Failed(f"expected booleans, got {got.dtype}", hint="np.ones(shape, dtype=bool) makes them; so do comparisons.")


def _all_and_none(answer):
    got = np.asarray(answer(np.array([3, 1, 0, 2])))
    same(got.shape, (5, 4), "the shape for 4 words")
    same([got[0].sum(), got[-1].sum()], [4, 0], "how many words are left in the first and in the last row")


prefixes = Exercise(
    minutes=10,
    level=1,
    hints=(
        "Begin with np.ones((T + 1, T), dtype=bool): in row 0 nobody has gone.",
        "The word that goes in step k is away in row k + 1 and in all rows below.",
        "keep[step + 1 :, place] = False takes it out of all these rows at once.",
    ),
    why="All T + 1 texts go to the model in one batch; asking T + 1 times costs many times as much.",
    properties=(
        Property("it starts with all words and ends with none", _all_and_none),
        returns("row k lacks the first k of the order", _order, _left),
        Property("it is an array of booleans", _booleans),
        keeps_its_inputs(_order),
    ),
    examples=lambda rng: (_order(rng), (np.array([2, 0, 1]),)),
    mistakes={
        "`order` lists the places in the order in which they go; here it is taken for each place's turn.": lambda order: (
            order >= np.arange(len(order) + 1)[:, None]
        ),
        "The last row is missing, in which all have gone: T + 1 rows.": lambda order: np.array(_left(order))[:-1],
        "The first row is missing, in which nobody has gone: T + 1 rows.": lambda order: np.array(_left(order))[1:],
        "This is turned round: True is for words that are left.": lambda order: ~np.array(_left(order)),
        "In each row one word is missing; those that went before stay away.": lambda order: np.vstack(
            [np.ones((1, len(order)), bool), ~np.eye(len(order), dtype=bool)[order]]
        ),
        "The last of the order goes first here; order[0] goes first.": lambda order: np.array(_left(order[::-1])),
        "This takes words from left to right, whatever the order.": lambda order: np.array(_left(np.arange(len(order)))),
    },
)


def _model(seed, n=7):
    """A score of masks: words that count for themselves, and pairs that count together."""
    rng = np.random.default_rng(seed)
    alone, pairs = rng.normal(size=n), rng.normal(size=(n, n))
    return lambda keep: 0.3 + np.asarray(keep, float) @ alone + ((keep @ pairs) * keep).sum(-1)


def _ask(model, places, n):
    """The score with only these places left, asked on its own."""
    keep = np.zeros((1, n), bool)
    keep[0, list(places)] = True
    return float(model(keep)[0])


def _ranked(relevance):
    return sorted(range(len(relevance)), key=lambda i: -relevance[i])


def _curves_by_loops(model, relevance):
    n, ranked = len(relevance), _ranked(relevance)
    morf = [_ask(model, ranked[k:], n) for k in range(n + 1)]
    lerf = [_ask(model, ranked[: n - k], n) for k in range(n + 1)]
    areas = [math.fsum((a + b) / 2 / n for a, b in zip(c, c[1:], strict=False)) for c in (morf, lerf)]
    return np.array(morf), np.array(lerf), areas[1] - areas[0]


CURVES = ("MoRF", "LeRF", "the area between")


def _three(answer, model, relevance):
    got = answer(model, relevance.copy())
    if got is None:
        raise Failed("got None", hint="Is there a `return`?")
    if not isinstance(got, tuple) or len(got) != 3:
        raise Failed(f"expected three results, {', '.join(CURVES)}; got {type(got).__name__}", hint="return morf, lerf, area")
    return got


def _curve(part):
    def holds(answer):
        for seed in range(3):
            model, relevance = _model(seed), np.random.default_rng(seed + 10).normal(size=7)
            same(_three(answer, model, relevance)[part], _curves_by_loops(model, relevance)[part], CURVES[part])

    return holds


def _signed_words(answer):
    words = np.array([2.0, -5.0, 1.0])
    got = _three(answer, lambda keep: keep @ words, words.copy())
    same(got[0], [-2.0, -4.0, -5.0, 0.0], "MoRF where the words add 2, -5 and 1, and their relevance is just that")


def _try_curves(answer, seed):
    relevance = np.random.default_rng(seed + 20).normal(size=6)
    return np.concatenate([np.ravel(part) for part in answer(_model(seed, 6), relevance)])


def _wrong_curves(absolute=False, swapped=False, sign=1, sums=False, points=False, mirrored=False, short=False, occluded=False):
    """The curves with something wrong in them."""

    def curves(logit, relevance):
        order = np.argsort(-(abs(relevance) if absolute else relevance))
        order = order[::-1] if swapped else order
        masks = [np.array(_left(o)) for o in (order, order[::-1])]
        if occluded:
            masks = [np.vstack([m[:1], ~np.eye(len(o), dtype=bool)[o]]) for m, o in zip(masks, (order, order[::-1]), strict=True)]
        morf, lerf = (logit(m[:-1] if short else m) for m in masks)
        lerf = morf[::-1] if mirrored else lerf
        areas = [c.mean() if points else (c[1:] + c[:-1]).sum() / 2 if sums else (c[1:] + c[:-1]).mean() / 2 for c in (morf, lerf)]
        return morf, lerf, sign * (areas[1] - areas[0])

    return curves


removal_curves = Tried(
    minutes=15,
    level=2,
    hints=(
        "np.argsort(-relevance) has the places, the most relevant first; turned round, [::-1], the least relevant first.",
        "logit(prefixes(order)) is the whole curve.",
        "The mean of (curve[1:] + curve[:-1]) / 2 is the mean height over all pieces.",
    ),
    why="If the explanation is right, MoRF falls at once and LeRF late, or even rises: a large area. A random order gives about 0.",
    properties=(
        Property("negative relevance goes last in MoRF", _signed_words),
        Property("MoRF is right", _curve(0)),
        Property("LeRF is right", _curve(1)),
        Property("the area between the curves is right", _curve(2)),
    ),
    examples=lambda rng: ((1,), (2,), (3,)),
    trial=_try_curves,
    mistakes={
        "Relevance is signed: a word that speaks against goes last, so take no absolute values.": _wrong_curves(absolute=True),
        "The least relevant word goes first in MoRF here: argsort goes upwards, so sort -relevance.": _wrong_curves(swapped=True),
        "The area has the wrong sign: AUC(LeRF) - AUC(MoRF).": _wrong_curves(sign=-1),
        "The curves run over the share of words gone, from 0 to 1: each piece is 1/T wide, not 1.": _wrong_curves(sums=True),
        "The mean of the points is not the area: the two ends count half.": _wrong_curves(points=True),
        "LeRF is not MoRF backwards: ask the model again, in the opposite order.": _wrong_curves(mirrored=True),
        "The last point is missing, where all words are gone.": _wrong_curves(short=True),
        "One word at a time is missing here; words that went stay away.": _wrong_curves(occluded=True),
    },
)

SHARES = (0.1, 0.3, 0.6)


def _erased_by_loops(model, relevance, shares):
    n, ranked, both = len(relevance), _ranked(relevance), ([], [])
    for share in shares:
        k = math.ceil(share * n)
        both[0].append(_ask(model, range(n), n) - _ask(model, ranked[k:], n))
        both[1].append(_ask(model, range(n), n) - _ask(model, ranked[:k], n))
    return tuple(math.fsum(values) / len(values) for values in both)


def _two(answer, *inputs):
    got = answer(*inputs)
    if got is None:
        raise Failed("got None", hint="Is there a `return`?")
    if not isinstance(got, tuple) or len(got) != 2:
        raise Failed(f"expected comprehensiveness and sufficiency, got {type(got).__name__}")
    return got


def _one_share(answer):
    words = np.array([1.0, 4.0, 2.0, -3.0])
    got = _two(answer, lambda keep: keep @ words, words.copy(), (0.5,))
    same(got, [6.0, -2.0], "comprehensiveness and sufficiency for half of the words, which add 1, 4, 2 and -3")


def _some_shares(part):
    def holds(answer):
        for seed in range(3):
            model, relevance = _model(seed), np.random.default_rng(seed + 10).normal(size=7)
            expected = _erased_by_loops(model, relevance, SHARES)[part]
            same(_two(answer, model, relevance.copy(), SHARES)[part], expected, ("comprehensiveness", "sufficiency")[part])

    return holds


def _usual_shares(answer):
    model, relevance = _model(4), np.random.default_rng(4).normal(size=7)
    expected = _erased_by_loops(model, relevance, (0.01, 0.05, 0.10, 0.20, 0.50))
    same(_two(answer, model, relevance.copy()), expected, "both for the usual shares; 1 % of 7 words is 1 word")


def _try_erased(answer, seed):
    return np.array(answer(_model(seed), np.random.default_rng(seed + 20).normal(size=7), SHARES), dtype=float)


def _wrong_erased(count=math.ceil, absolute=False, swapped=False, bare=False, sums=False, least=False, sign=1):
    """Comprehensiveness and sufficiency with something wrong in them."""

    def erased(logit, relevance, shares=(0.01, 0.05, 0.10, 0.20, 0.50)):
        order = np.argsort(-(abs(relevance) if absolute else relevance))[:: -1 if least else 1]
        top = np.array([[i in order[: count(p * len(order))] for i in range(len(order))] for p in shares])
        full = logit(np.ones((1, len(order)), bool))[0]
        both = [sign * (full - logit(~top)), logit(top) if bare else sign * (full - logit(top))]
        comprehensiveness, sufficiency = (float(v.sum() if sums else v.mean()) for v in both)
        return (sufficiency, comprehensiveness) if swapped else (comprehensiveness, sufficiency)

    return erased


erased = Tried(
    minutes=15,
    level=2,
    hints=(
        "Make one mask for each share: True at the first math.ceil(p * T) places of np.argsort(-relevance).",
        "`~top` is all but these; ask logit for both, and once for all words.",
        "Take the difference to the score of all words, then the mean over the shares.",
    ),
    why="The two ask different things. A word may be needed and not enough, or enough and not needed, if another says it too.",
    properties=(
        Property("by hand, for half of four words", _one_share),
        Property("comprehensiveness is the mean over shares", _some_shares(0)),
        Property("sufficiency is the mean over shares", _some_shares(1)),
        Property("a share is rounded up: at least one word", _usual_shares),
    ),
    examples=lambda rng: ((1,), (2,), (3,)),
    trial=_try_erased,
    mistakes={
        "A share of the words is rounded up, math.ceil: 1 % of 7 words is one word, not none.": _wrong_erased(count=int),
        "A share of the words is rounded up, math.ceil, not to the nearest.": _wrong_erased(count=round),
        "Relevance is signed: the most relevant has the largest value, so take no absolute values.": _wrong_erased(absolute=True),
        "First comprehensiveness, then sufficiency: these two are swapped.": _wrong_erased(swapped=True),
        "Sufficiency is what is lost, f(all) - f(these alone), not the score itself.": _wrong_erased(bare=True),
        "Take the mean over the shares, not the sum.": _wrong_erased(sums=True),
        "These are the least relevant words: argsort goes upwards, so sort -relevance.": _wrong_erased(least=True),
        "The sign is turned: f(all) less f(what is left).": _wrong_erased(sign=-1),
    },
)


def _pair(rng):
    return rng.normal(size=8), rng.normal(size=8) ** 3


def _tied(rng):
    return np.array([2.0, 1.0, 2.0, 0.0, 5.0, 1.0, 1.0]), np.array([1.0, 3.0, 0.0, 0.0, 7.0, 2.0, 2.0])


def _ranks_by_counting(values):
    return [(1 + 2 * sum(w < v for w in values) + sum(w == v for w in values)) / 2 for v in values]


def _spearman(a, b):
    a, b = (np.array(_ranks_by_counting(v.tolist())) - (len(v) + 1) / 2 for v in (a, b))
    return math.fsum(a * b) / math.sqrt(math.fsum(a * a) * math.fsum(b * b))


def _monotone(answer):
    a = np.array([0.3, -2.0, 5.0, 1.0])
    same(
        [answer(a, np.exp(a)), answer(a, -(a**3))],
        [1.0, -1.0],
        "a with exp(a), which keeps the order, and with -a^3, which turns it",
    )


def _ties(answer):
    a, b = _tied(None)
    try:
        same(answer(a, b), _spearman(a, b), f"the rank correlation of {a.astype(int).tolist()} and {b.astype(int).tolist()}")
    except Failed as failed:
        raise Failed(*failed.details, hint="Equal numbers share the mean of the ranks that they would have in a row.") from None


def _all_equal(answer):
    with np.errstate(all="ignore"):
        got = [answer(np.ones(3), np.array([1.0, 2.0, 3.0])), answer(np.array([1.0, 2.0, 3.0]), np.zeros(3))]
    same(got, [0.0, 0.0], "where one side has only equals")


def _correlation(a, b):
    with np.errstate(all="ignore"):
        a, b = a - a.mean(), b - b.mean()
        return (a @ b) / np.sqrt((a @ a) * (b @ b))


def _averaged(v):
    return np.array(_ranks_by_counting(v))


def _in_turn(v):
    return np.argsort(np.argsort(v, kind="stable"), kind="stable") + 1.0


rank_correlation = Exercise(
    minutes=15,
    level=2,
    hints=(
        "The rank of a value is smaller + (1 + equal) / 2: how many are smaller, how many are equal, itself included.",
        "v[None] < v[:, None] compares all with all: (n, n). Sum over the last axis.",
        "Take the mean off the ranks of each side before multiplying.",
        "Where all are equal, the root is 0: return 0 there.",
    ),
    why="Relevance of two methods has two scales. Ranks forget the scale and keep the order, which is what one reads.",
    properties=(
        Property("it depends on the order alone, not on the values", _monotone),
        returns("it is right", _pair, _spearman),
        Property("equal numbers share the mean of their ranks", _ties),
        Property("where all are equal there is no order: 0", _all_equal),
        keeps_its_inputs(_pair),
    ),
    examples=lambda rng: (_pair(rng), _tied(rng), (np.ones(4), np.arange(4.0)), (np.arange(4.0), -np.arange(4.0))),
    mistakes={
        "This is the correlation of the values; replace them by ranks first.": lambda a, b: np.nan_to_num(_correlation(a, b)),
        "One argsort gives places, not ranks: which index comes first, not which turn an index has.": lambda a, b: _correlation(
            np.argsort(a), np.argsort(b)
        ),
        "Equal numbers get different ranks here; they share the mean.": lambda a, b: _correlation(_in_turn(a), _in_turn(b)),
        "Where all are equal the root is 0, and 0 / 0 is nan: return 0 there.": lambda a, b: _correlation(
            _averaged(a), _averaged(b)
        ),
        "The sign is lost: opposite orders give -1.": lambda a, b: abs(np.nan_to_num(_correlation(_averaged(a), _averaged(b)))),
        "Equal numbers share the mean of their ranks, not the lowest.": lambda a, b: np.nan_to_num(
            _correlation(*(np.array([(w < v).sum() for v in w]) for w in (a, b)))
        ),
        "The formula with squared differences of ranks holds only where no two are equal.": lambda a, b: (
            1 - 6 * ((_averaged(a) - _averaged(b)) ** 2).sum() / (len(a) * (len(a) ** 2 - 1))
        ),
        "The mean of the ranks is to be taken off before multiplying.": lambda a, b: (
            (_averaged(a) @ _averaged(b)) / np.sqrt((_averaged(a) @ _averaged(a)) * (_averaged(b) @ _averaged(b)))
        ),
    },
)


def _layers(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(1.0, 0.1, (40, 50)), rng.normal(-2.0, 3.0, (50, 30)), rng.normal(0.5, 1.0, (30, 40))]


class _Watched:
    """An explanation that depends on which layers are destroyed, and remembers what it was given."""

    def __init__(self, layers):
        self.layers, self.copies, self.seen, self.given = layers, [a.copy() for a in layers], [], []

    def __call__(self, layers):
        shapes = [np.shape(a) for a in layers]
        if shapes != [a.shape for a in self.copies]:
            raise Failed(f"expected layers of shapes {[a.shape for a in self.copies]}, got {shapes}", hint="Keep the shapes.")
        changed = tuple(int(not np.array_equal(a, b)) for a, b in zip(layers, self.copies, strict=True))
        self.seen.append(changed)
        self.given.append([a.copy() for a in layers])
        return np.random.default_rng(int("".join(map(str, changed)), 2)).normal(size=9)

    @property
    def spoiled(self):
        return not all(map(np.array_equal, self.layers, self.copies))


def _watch(answer):
    watched = _Watched(_layers())
    return watched, answer(watched, watched.layers, np.random.default_rng(1))


def _blind(answer):
    got = answer(lambda layers: np.array([1.0, 3.0, 2.0]), _layers(), np.random.default_rng(0))
    same(got, [1.0, 1.0, 1.0], "an explanation that does not look at the model, three layers")


def _cascades(answer):
    watched, _ = _watch(answer)
    expected = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)]
    if watched.seen != expected:
        says = [f"explained with layers {[i + 1 for i, c in enumerate(s) if c] or 'none'} destroyed" for s in watched.seen]
        raise Failed(*says[:5], hint="First none, then the last layer, then the last two, then all three.")


def _keeps_layers(answer):
    if _watch(answer)[0].spoiled:
        raise Failed("the layers handed in were changed", hint="Copy the list, and replace its entries: ruined[i] = noise.")


def _same_size(answer):
    watched, _ = _watch(answer)
    for i, (noise, learned) in enumerate(zip(watched.given[-1], watched.copies, strict=True)):
        same([noise.mean(), noise.std()], [learned.mean(), learned.std()], f"mean and spread of layer {i + 1}'s noise", rtol=0.15)
        if np.array_equal(np.sort(noise, axis=None), np.sort(learned, axis=None)):
            raise Failed(f"layer {i + 1} holds the learned numbers in another order", hint="Draw new ones: rng.normal.")


def _compares(answer):
    watched, got = _watch(answer)
    first, *others = (np.random.default_rng(int("".join(map(str, c)), 2)).normal(size=9) for c in watched.seen)
    same(got, [_spearman(first, other) for other in others], "the rank correlations with the first explanation")


def _try_randomisation(answer, seed):
    layers = _layers(seed)
    watched = _Watched(layers)
    got = answer(watched, layers, np.random.default_rng(1))
    wide = [
        abs(a.std() / b.std() - 1) < 0.2 and abs(a.mean() - b.mean()) < 0.2
        for a, b in zip(watched.given[-1], watched.copies, strict=True)
    ]
    return np.array([*got, len(got), *np.ravel(watched.seen), watched.spoiled, *wide, watched.given[-1][0].any()], dtype=float)


def _wrong_randomisation(
    cumulative=True, upwards=False, in_place=False, noise=True, previous=False, final=False, pearson=False, zeros=False
):
    """The test with something wrong in it."""

    def test(explain, layers, rng):
        learned, ruined, found = explain(list(layers)), layers if in_place else list(layers), []
        for i in range(len(layers)) if upwards else reversed(range(len(layers))):
            ruined = ruined if cumulative else list(layers)
            new = rng.normal(layers[i].mean(), layers[i].std(), layers[i].shape)
            new = np.zeros(new.shape) if zeros else new if noise else rng.normal(size=new.shape)
            ruined[i] = new
            now = explain(list(ruined))
            found.append(_correlation(learned, now) if pearson else _spearman(learned, now))
            learned = now if previous else learned
        return found[-1:] if final else found

    return test


randomisation_test = Tried(
    minutes=15,
    level=2,
    hints=(
        "learned = explain(layers), before anything is destroyed.",
        "ruined = list(layers) is a new list: ruined[i] = ... leaves the list handed in alone.",
        "reversed(range(len(layers))) goes from the last layer to the first.",
        "rng.normal(w.mean(), w.std(), w.shape) is noise of the same size.",
    ),
    why="An explanation that stays the same while the model turns to noise has not been looking at the model.",
    properties=(
        Property("what does not look at the model stays the same: 1 at each step", _blind),
        Property("the layers handed in stay as they are", _keeps_layers),
        Property("from the last layer down, each staying destroyed", _cascades),
        Property("the noise is as large as what it replaces", _same_size),
        Property("each step is compared with the model as it was", _compares),
    ),
    examples=lambda rng: ((0,), (5,)),
    trial=_try_randomisation,
    mistakes={
        "One layer at a time is destroyed here; they stay destroyed, so that at last all are.": _wrong_randomisation(
            cumulative=False
        ),
        "This begins at the first layer; begin at the last, next to the output.": _wrong_randomisation(upwards=True),
        "The list handed in is changed: work on list(layers).": _wrong_randomisation(in_place=True),
        "The noise must have the layer's own mean and standard deviation.": _wrong_randomisation(noise=False),
        "Each step is compared with the one before; compare with the model as it was.": _wrong_randomisation(previous=True),
        "Only the last step is returned; one number for each step.": _wrong_randomisation(final=True),
        "This is the correlation of the values; take rank_correlation.": _wrong_randomisation(pearson=True),
        "Zeros are no noise: a model of zeros says nothing, and may break what explains it.": _wrong_randomisation(zeros=True),
    },
)


def _marks(rng):
    return rng.normal(size=9), np.array([1, 0, 0, 1, 1, 0, 0, 0, 1], dtype=bool)


def _tied_marks(rng):
    return np.array([1.0, 1.0, 0.0, 2.0, -1.0, 0.0, 1.0]), np.array([True, False, True, False, False, False, True])


def _pairs(relevance, marked):
    scores = [
        1.0 if r > s else 0.5 if r == s else 0.0
        for r, m in zip(relevance.tolist(), marked.tolist(), strict=True)
        for s, other in zip(relevance.tolist(), marked.tolist(), strict=True)
        if m and not other
    ]
    return math.fsum(scores) / len(scores)


def _best_and_worst(answer):
    relevance, marked = np.array([3.0, 2.0, 1.0, 0.0]), np.array([True, True, False, False])
    same([answer(relevance, marked), answer(-relevance, marked)], [1.0, 0.0], "all marked words first, and all marked words last")


def _wrong_auroc(tie=0.5, turned=False, absolute=False, every=False):
    """The area with something wrong in it."""

    def auroc(relevance, marked):
        relevance = abs(relevance) if absolute else relevance
        ahead = relevance[marked][:, None] - relevance[~marked]
        ahead = -ahead if turned else ahead
        won = (ahead > 0) + tie * (ahead == 0)
        return won.sum() / len(relevance) ** 2 if every else won.mean()

    return auroc


def _precision(relevance, marked):
    return marked[np.argsort(-relevance, kind="stable")[: marked.sum()]].mean()


auroc = Exercise(
    minutes=10,
    level=1,
    hints=(
        "relevance[marked] and relevance[~marked] are the two groups.",
        "With one as a column, [:, None], their difference is a table of all pairs.",
        "(ahead > 0) + (ahead == 0) / 2, and the mean of it.",
    ),
    why="It needs no threshold: it asks for the order alone. It is also the area under the ROC curve, hence the name.",
    properties=(
        Property("1 if all marked words come first, 0 if last", _best_and_worst),
        returns("it is the mean over all pairs", _marks, _pairs),
        returns("equal relevance counts half", _tied_marks, _pairs),
        keeps_its_inputs(_marks),
    ),
    examples=lambda rng: (_marks(rng), _tied_marks(rng)),
    mistakes={
        "Where both have the same relevance, count a half, not 0.": _wrong_auroc(tie=0),
        "Where both have the same relevance, count a half, not 1.": _wrong_auroc(tie=1),
        "This counts where the word that is not marked has more.": _wrong_auroc(turned=True),
        "Relevance is signed: a word that speaks against comes last, so take no absolute values.": _wrong_auroc(absolute=True),
        "Divide by the number of pairs of a marked word and another, not by all T * T.": _wrong_auroc(every=True),
        "This is the share of marked words among the first; here all pairs are asked for.": _precision,
        "This is how often the sign of relevance agrees with the marks; here pairs are compared.": lambda relevance, marked: (
            (relevance > 0) == marked
        ).mean(),
    },
)
