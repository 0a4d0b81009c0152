"""What must be true of LIME's three steps, of the whole, and of Shapley values."""

import math
from functools import cache
from itertools import combinations, permutations

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Property
from minitransformer.course.properties import Tried, keeps_its_inputs, returns, same

MANY, SOME = 6000, 1500  # samples, enough to tell one law of chance from another


def _drawn(answer, T, num_samples=MANY, seed=0):
    got = answer(T, num_samples, np.random.default_rng(seed))
    if got is None:
        raise Failed("got None", hint="Is there a `return`?")
    if np.shape(got) != (num_samples, T):
        says = f"expected shape {num_samples, T}, got {np.shape(got)}"
        raise Failed(says, hint="num_samples rows, the first one included, and T columns.")
    return np.asarray(got)


def _table(answer):
    for num_samples in (7, 1):
        got = _drawn(answer, 5, num_samples)
        if got.dtype != bool:
            raise Failed(f"expected booleans, got {got.dtype}", hint="np.ones(shape, dtype=bool) makes them.")


def _whole_first(answer):
    same(_drawn(answer, 5, 30)[0], np.ones(5), "the first row")


def _shares(masks):
    """How often 0, 1, ..., T words are gone, as shares of all rows but the first, (T + 1,)."""
    rows, T = masks[1:], masks.shape[1]
    return np.bincount((~rows).sum(1), minlength=T + 1) / len(rows)


def _how_many(answer):
    for gone, share in enumerate(_shares(_drawn(answer, 5))):
        if abs(share - (0.2 if gone else 0)) > 0.025:
            expected = "one in five" if gone else "never"
            says = f"{gone} of 5 words are gone in {share:.1%} of the samples; expected {expected}"
            raise Failed(says, hint="rng.integers(1, T + 1) draws 1, 2, .. T, each as likely as any other.")


def _which(answer):
    masks = _drawn(answer, 4)[1:]
    two = masks[masks.sum(1) == 2]  # about a quarter of them
    for pair in combinations(range(4), 2):
        share = two[:, list(pair)].all(1).mean()
        if abs(share - 1 / 6) > 0.05:
            says = f"where two of four words are left, these are {pair} in {share:.1%} of the samples; expected one in six"
            raise Failed(says, hint="rng.choice(T, gone, replace=False) draws which.")


def _one_source(answer):
    state = np.random.get_state()
    runs = []
    for seed in (1, 1, 2):
        np.random.seed(len(runs))  # noqa: NPY002
        runs.append(_drawn(answer, 6, 50, seed))
    np.random.set_state(state)
    if not np.array_equal(runs[0], runs[1]):
        raise Failed("the same rng gives other masks a second time", hint="Draw with rng, not with np.random or random.")
    if np.array_equal(runs[0], runs[2]):
        raise Failed("another rng gives the same masks", hint="Draw with the rng that is handed in; make none of your own.")


def _sampler(how_many=lambda rng, T: rng.integers(1, T + 1), which=None, whole=True, turned=False, own=False, extra=0, once=False):
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


def _coins(T, num_samples, rng):
    masks = rng.random((num_samples, T)) < 0.5
    masks[0] = True
    return masks


LAWS = {
    "right": _sampler(),
    "coins": _coins,
    "never all": _sampler(lambda rng, T: rng.integers(1, T)),
    "none too": _sampler(lambda rng, T: rng.integers(0, T + 1)),
    "none, never all": _sampler(lambda rng, T: rng.integers(0, T)),
    "repeated": _sampler(which=lambda rng, T, gone: rng.choice(T, gone)),
}


@cache
def _law(name):
    return _shares(LAWS[name](5, MANY, np.random.default_rng(3)))


def _try_sampling(answer, seed):
    """What can be told of a sampler without knowing the order of its draws."""
    masks, again = (answer(5, SOME, np.random.default_rng(seed)) for _ in range(2))
    distances = {name: abs(_shares(masks) - _law(name)).sum() for name in LAWS}
    nearest = min(distances, key=distances.get)
    law = list(LAWS).index(nearest) if distances[nearest] < 0.15 else -1
    one = masks[1:][(~masks[1:]).sum(1) == 1]  # which one goes first
    fair = len(one) > 100 and (abs((~one).mean(0) - 0.2) < 0.1).all()
    return np.array([*masks.shape, masks[0].mean(), law, fair, np.array_equal(masks, again)], dtype=float)


sample_masks = Tried(
    minutes=10,
    level=1,
    hints=(
        "Begin with np.ones((num_samples, T), dtype=bool), and leave row 0 alone.",
        "rng.integers(1, T + 1) is a number from 1 to T: the upper end is left out.",
        "rng.choice(T, gone, replace=False) are `gone` different places; set these of the row to False.",
    ),
    why="With the number drawn first, short and long samples are alike. With a coin for each word, about half would always go.",
    properties=(
        Property("num_samples rows and T columns of booleans", _table),
        Property("the first row is the whole text", _whole_first),
        Property("1, 2, .. T words go, each number as often as any other", _how_many),
        Property("all sets of one size are equally likely", _which),
        Property("rng is the only source of chance", _one_source),
    ),
    examples=lambda rng: ((1,),),
    trial=_try_sampling,
    mistakes={
        "A coin for each word takes about half of them nearly always: draw first how many go.": _coins,
        "rng.integers leaves the upper end out, so all T words never go together: rng.integers(1, T + 1).": LAWS["never all"],
        "Some samples lose nothing: at least one word goes, so begin at 1.": LAWS["none too"],
        "0 .. T - 1 words go here: 1 .. T is rng.integers(1, T + 1), whose upper end is left out.": LAWS["none, never all"],
        "A word drawn twice goes only once, so that too few go: replace=False.": LAWS["repeated"],
        "The first row must be the whole text: leave it alone.": _sampler(whole=False),
        "This is turned round: True is for words that are left.": _sampler(turned=True),
        "It is always the first words that go: draw which.": _sampler(which=lambda rng, T, gone: np.arange(gone)),
        "The same rng must give the same masks: draw with it, and with nothing else.": _sampler(own=True),
        "num_samples counts the first row too: this is one row too many.": _sampler(extra=1),
        "How many go is drawn once for all: draw it anew for each sample.": _sampler(once=True),
    },
)


def _some_masks(rng):
    return (rng.random((6, 5)) < 0.6,)


def _weights_by_hand(masks, width=25.0):
    out = []
    for row in masks.tolist():
        distance = 100 * (1 - math.sqrt(row.count(True) / len(row)))
        out.append(math.exp(-distance * distance / (2 * width * width)))
    return np.array(out)


def _ends(answer):
    got = answer(np.array([[True] * 4, [False] * 4]))
    same(got, [1.0, math.exp(-8)], "the weights of the whole text and of nothing at all")


def _quarter(answer):
    masks = np.array([[True, False, False, False]])
    same(answer(masks), [math.exp(-2)], "the weight where one word of four is left, which is at distance 50")
    same(answer(masks, 50.0), [math.exp(-0.5)], "the same with width 50")


def _wrong_kernel(scale=100.0, root=True, share=np.sqrt, power=2, width_power=2, sign=-1, gone=False, fixed=False, axis=1):
    """The weights with something wrong in them."""

    def weights(masks, width=25.0):
        width = 25.0 if fixed else width
        left = (~masks if gone else masks).mean(axis)
        weight = np.exp(sign * (scale * (1 - share(left))) ** power / width**width_power)
        return np.sqrt(weight) if root else weight

    return weights


kernel_weights = Exercise(
    minutes=5,
    level=1,
    hints=(
        "masks.mean(axis=1) is k / T for each row, as True counts as 1.",
        "First the distance, (N,), then np.sqrt(np.exp(-(d**2) / width**2)).",
    ),
    why="sqrt(k / T) is the cosine of the angle between the mask and the row of ones: 1 where nothing is missing.",
    properties=(
        Property("1 for the whole text, nearly 0 for nothing", _ends),
        Property("by hand, for a quarter of the words, and two widths", _quarter),
        returns("it is right for any masks", _some_masks, _weights_by_hand),
        keeps_its_inputs(_some_masks),
    ),
    examples=lambda rng: (_some_masks(rng), (np.array([[True, False], [True, True]]), 40.0)),
    mistakes={
        "The distance goes from 0 to 100, not to 1: the factor 100 is missing.": _wrong_kernel(scale=1.0),
        "The root around exp is missing.": _wrong_kernel(root=False),
        "The distance takes the root of the share: 1 - sqrt(k / T).": _wrong_kernel(share=lambda left: left),
        "The distance is to be squared.": _wrong_kernel(power=1, width_power=1),
        "The width is to be squared too.": _wrong_kernel(width_power=1),
        "The minus in the exponent is missing: far samples count most here.": _wrong_kernel(sign=1),
        "Here k counts the words that are gone; it counts those that are left.": _wrong_kernel(gone=True),
        "The width that is handed in is not used.": _wrong_kernel(fixed=True),
        "The mean goes down the columns; each row is a sample.": _wrong_kernel(axis=0),
        "This is the distance; put it into the exponential.": lambda masks, width=25.0: 100 * (1 - np.sqrt(masks.mean(1))),
    },
)


def _problem(rng, n=12, k=3):
    return rng.normal(size=(n, k)) + 1, rng.normal(size=n) + 2, rng.random(n) + 0.05, 0.7


def _stacked(x, y, weight, alpha):
    """The same fit by one least squares problem: the penalty as k more samples, b as one more column."""
    n, k = x.shape
    root = np.sqrt(weight)
    rows = np.vstack([np.column_stack([x, np.ones(n)]) * root[:, None], math.sqrt(alpha) * np.eye(k, k + 1)])
    *c, b = np.linalg.lstsq(rows, np.concatenate([y * root, np.zeros(k)]), rcond=None)[0]
    rest, spread = y - x @ c - b, y - np.average(y, weights=weight)
    total = math.fsum(weight * spread**2)
    return np.array(c), float(b), 1 - math.fsum(weight * rest**2) / total if total > 1e-20 else 0.0


FIT = ("c", "b", "R^2")


def _triple(got, names=FIT):
    if got is None:
        raise Failed("got None", hint="Is there a `return`?")
    if not isinstance(got, tuple) or len(got) != 3:
        raise Failed(f"expected three results, {', '.join(names)}; got {type(got).__name__}")
    return got


def _line(answer):
    got = _triple(answer(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]), np.ones(3), 0.0))
    for part, expected, name in zip(got, ([2.0], 1.0, 1.0), FIT, strict=True):
        same(part, expected, f"{name} for the points (0, 1), (1, 3), (2, 5), which lie on y = 1 + 2 x")


def _weighted_line(answer):
    c, b, _ = _triple(answer(np.array([[0.0], [0.0], [1.0]]), np.array([0.0, 4.0, 6.0]), np.array([3.0, 1.0, 1.0]), 0.0))
    same(b, 1.0, "b where x = 0 has y = 0 with weight 3 and y = 4 with weight 1")
    same(c, [5.0], "c for these, and y = 6 at x = 1")


def _shifted(answer):
    x, y, weight, alpha = _problem(np.random.default_rng(8))
    (c, b, _), (c2, b2, _) = _triple(answer(x, y, weight, alpha)), _triple(answer(x, y + 100, weight, alpha))
    same([*c2, b2], [*c, b + 100], "c and b where 100 is added to all y")


def _no_better(answer):
    """By finite differences: no nudge of c or b makes the loss smaller."""
    x, y, weight, alpha = _problem(np.random.default_rng(9))
    c, b, _ = _triple(answer(x, y, weight, alpha))
    same(np.shape(c), (3,), "the shape of c for three columns")

    def loss(nudge):
        at = np.asarray(c) + nudge[:3]
        return weight @ (y - (b + nudge[3]) - x @ at) ** 2 + alpha * at @ at

    slopes = [(loss(d) - loss(-d)) / 2e-4 for d in 1e-4 * np.eye(4)]
    if max(map(abs, slopes)) > 1e-6:
        says = f"the slope of the loss in c is {np.round(slopes[:3], 4)}, in b {slopes[3]:.4g}; at the minimum all are 0"
        raise Failed(says, hint="Take the weighted means off x and y first, then solve for c.")


def _scores(answer):
    for seed in range(3):
        problem = _problem(np.random.default_rng(seed))
        for got, expected, name in zip(_triple(answer(*problem)), _stacked(*problem), FIT, strict=True):
            same(got, expected, name)


def _constant(answer):
    with np.errstate(all="ignore"):
        c, b, score = _triple(answer(np.array([[0.0], [1.0], [1.0]]), np.full(3, 4.0), np.ones(3), 1.0))
    same([*c, b, score], [0.0, 4.0, 0.0], "c, b and R^2 where all y are 4")


def _itself(weight):
    return weight


def _wrong_ridge(
    use=_itself, mean=_itself, scale=lambda a, w: a, table=np.eye, centre=True, ones=False, score=_itself, zero=True, b=None
):
    """The fit with something wrong in it."""

    def fit(x, y, weight, alpha):
        k, w, m = x.shape[1], use(weight), mean(weight)
        x_mean, y_mean = (m @ x / m.sum(), m @ y / m.sum()) if centre else (np.zeros(k), 0.0)
        xc, yc = x - x_mean, y - y_mean
        columns = np.column_stack([xc, np.ones(len(x))]) if ones else xc
        c = np.linalg.solve(columns.T * w @ columns + scale(alpha, weight) * table(columns.shape[1]), columns.T * w @ yc)
        c, intercept = (c[:k], c[k]) if ones else (c, y_mean - x_mean @ c)
        intercept, s = intercept if b is None else b(y, weight), score(weight)
        total, left = s @ (y - s @ y / s.sum()) ** 2, s @ (y - intercept - x @ c) ** 2
        with np.errstate(all="ignore"):
            return c, float(intercept), float(1 - left / total if total > 1e-20 or not zero else 0.0)

    return fit


def _reordered(*places):
    return lambda *problem: tuple(_wrong_ridge()(*problem)[i] for i in places)


def _try_ridge(answer, *problem):
    """c and b, and where they are right also what is wrong with R^2."""
    with np.errstate(all="ignore"):
        c, b, score = answer(*problem)
    right = _stacked(*problem)
    if np.shape(c) != right[0].shape:
        return np.array([*np.ravel(c), *np.ravel(b), *np.ravel(score)], dtype=float)
    fits = np.allclose([*c, b], [*right[0], right[1]], atol=1e-8)
    return np.array([*c, b, fits and np.isclose(score, right[2], atol=1e-8), fits and not np.isfinite(score)], dtype=float)


weighted_ridge = Tried(
    minutes=25,
    level=2,
    hints=(
        "weight @ x / weight.sum() are the weighted means of the columns, (k,).",
        "x.T * weight multiplies each sample by its weight: (k, N). So x.T * weight @ x is X^T W X without the table W.",
        "np.linalg.solve(A, r) finds the c with A c = r.",
        "Where all y are equal there is nothing to explain: the sum below the line is 0, return 0 for R^2.",
    ),
    why="Centred by weighted means, the best b is 0 and drops out, so that alpha can only pull at c.",
    properties=(
        Property("three points on a line", _line),
        Property("samples with more weight count more, by hand", _weighted_line),
        Property("the penalty leaves b alone: a shift of y shifts b", _shifted),
        Property("it is the minimum: no nudge of c or b makes the loss smaller", _no_better),
        Property("c, b and R^2 are right", _scores),
        Property("where y does not vary, R^2 is 0", _constant),
        keeps_its_inputs(_problem),
    ),
    examples=lambda rng: (
        _problem(rng),
        (np.array([[0.0], [1.0], [1.0]]), np.full(3, 4.0), np.ones(3), 1.0),
        (np.eye(4), np.arange(4.0), np.array([1.0, 2.0, 0.5, 1.0]), 1e-3),
    ),
    trial=_try_ridge,
    mistakes={
        "The weights are not used: every sample counts alike here.": _wrong_ridge(np.ones_like, np.ones_like, score=np.ones_like),
        "The means to be taken off are the weighted ones.": _wrong_ridge(mean=np.ones_like),
        "b is penalised too: take the weighted means off first, and let alpha work on c alone.": _wrong_ridge(
            centre=False, ones=True
        ),
        "There is no b: take the weighted means off x and y first.": _wrong_ridge(centre=False),
        "The penalty alpha is missing.": _wrong_ridge(scale=lambda a, w: 0.0),
        "alpha alone is added to every place of the table; alpha I has it on the diagonal: alpha * np.eye(k).": _wrong_ridge(
            table=lambda k: np.ones((k, k))
        ),
        "alpha counts once, not once for each sample.": _wrong_ridge(scale=lambda a, w: a * len(w)),
        "The penalty is alpha, not alpha squared.": _wrong_ridge(scale=lambda a, w: a * a),
        "The weights count twice: put them on one of the two factors only.": _wrong_ridge(use=lambda w: w * w),
        "This takes the root of the weights once; X^T W X has the weights themselves.": _wrong_ridge(use=np.sqrt),
        "R^2 is to be weighted too, its mean included.": _wrong_ridge(score=np.ones_like),
        "Where all y are equal this divides by zero: return 0 for R^2.": _wrong_ridge(zero=False),
        "b = mean(y) - mean(x) c; the second part is missing.": _wrong_ridge(b=lambda y, w: w @ y / w.sum()),
        "The order is c, b, R^2.": _reordered(1, 0, 2),
    },
)

WORDS = ["the", "plot", "was", "thin", "but", "fun"]


def _mood(left):
    """A classifier that is no linear model, with words for and against: (N, 6) of booleans -> (N,)."""
    the, plot, was, thin, but, fun = np.asarray(left, float).T
    return 1 / (1 + np.exp(-(0.4 - 2 * thin + 1.6 * fun + 1.2 * but * thin - 0.5 * plot * thin + 0.2 * the - 0.1 * was)))


class _Asked:
    """A classifier that remembers which texts it was shown."""

    def __init__(self, f=_mood, words=WORDS):
        self.f, self.words, self.calls = f, words, []

    def __call__(self, texts):
        if isinstance(texts, (str, np.ndarray)) or not all(isinstance(t, str) for t in texts):
            kind = type(texts).__name__
            raise Failed(f"predict takes a list of texts, got {kind}", hint='" ".join(words) makes a text of a list of words.')
        self.calls.append(list(texts))
        return self.f(self.masks(texts))

    def masks(self, texts):
        return np.array([[word in text.split() for word in self.words] for text in texts], dtype=bool).reshape(-1, len(self.words))

    @property
    def seen(self):
        return self.masks([text for call in self.calls for text in call])


def _run(answer, k=3, n=60, seed=0, f=_mood):
    asked = _Asked(f)
    got = answer(asked, list(WORDS), k, n, np.random.default_rng(seed))
    return asked, _triple(got, ("the weights of the words", "b", "R^2"))


def _asks(answer):
    asked, _ = _run(answer)
    if not asked.calls or len(asked.calls[0]) != 60:
        first = len(asked.calls[0]) if asked.calls else 0
        raise Failed(f"expected one call with 60 texts, got {len(asked.calls)} calls, the first with {first}")
    whole = " ".join(WORDS)
    if asked.calls[0][0] != whole:
        raise Failed(f"expected {whole!r} to be the first text, got {asked.calls[0][0]!r}")
    for text, row in zip(asked.calls[0], asked.seen, strict=False):
        expected = " ".join(word for word, left in zip(WORDS, row, strict=True) if left)
        if text != expected:
            says = f"expected texts such as {expected!r}, got {text!r}"
            raise Failed(says, hint='" ".join of the words that are left: one space between words, none at the ends.')
    if "" not in asked.calls[0] and "" not in _run(answer, seed=1)[0].calls[0]:
        raise Failed("among 120 samples none has lost all its words", hint="Draw them with sample_masks.")


def _linear(answer):
    _, (c, b, score) = _run(answer, 2, 500, f=lambda left: 0.4 + left @ np.array([0, 0, 0, -0.3, 0, 0.2]))
    same(np.shape(c), (6,), "the shape of the weights of 6 words")
    says = "the weights, where `thin` takes 0.3 off and `fun` adds 0.2"
    same(c, [0, 0, 0, -0.3, 0, 0.2], says, rtol=0.06)
    same([b, score], [0.4, 1.0], "b and R^2 for these", rtol=0.05)


def _fitted(masks, y, k, absolute=False, refit=True, select=True, chosen=abs, weigh=True, packed=False, alpha=1.0, out=False):
    """What the samples say, with something wrong in it or nothing."""
    weight, x = _weights_by_hand(masks) if weigh else np.ones(len(masks)), masks.astype(float)
    every, b, score = _stacked(x, y, weight, 0.01)
    places = np.argsort(-chosen(every), kind="stable")[: k if select else None]
    if refit:
        c, b, score = _stacked(x[:, places], y, weight, alpha)
    else:
        c = every[places]
    if out:
        c = y[0] - _mood(~np.eye(len(every), dtype=bool))[places]
    found = np.zeros(len(every))
    found[: len(places)] = c if packed else 0
    if packed:
        return found[: len(places)], b, score
    found[places] = c
    return abs(found) if absolute else found, b, score


def _agrees(answer):
    for seed, k in ((0, 3), (1, 2), (2, 6), (3, 9)):
        asked, got = _run(answer, k, 80, seed)
        masks = asked.masks(asked.calls[0])
        expected = _fitted(masks, _mood(masks), k)
        for part, right, name in zip(got, expected, ("the weights of the words", "b", "R^2"), strict=True):
            same(part, right, f"{name} for {k} words, fitted to the samples that were asked,", rtol=1e-6)


def _again(answer):
    (_, first), (_, second) = _run(answer, seed=4), _run(answer, seed=4)
    same(second[0], first[0], "the weights, a second time with the same rng")


VARIANTS = {
    "The weights are signed: a word that speaks against has a negative one. Without the sign that is lost.": {"absolute": True},
    "These are the weights of the first fit: fit the chosen words again, alone, with alpha = 1.": {"refit": False},
    "Only the num_features words with the largest |c| are kept; the others get 0.": {"select": False},
    "Choose by |c|: words that speak strongly against matter as much as those that speak for.": {"chosen": lambda c: c},
    "These are the words that matter least: argsort goes upwards, so sort -abs(c).": {"chosen": lambda c: -abs(c)},
    "The samples are not weighed: pass kernel_weights(masks) to the fits.": {"weigh": False},
    "A weight for each word, (T,), in the order of the text, 0 for those not chosen: put c in the chosen places.": {"packed": True},
    "The last fit has alpha = 1, the first 0.01.": {"alpha": 0.01},
    "This leaves out one word at a time and takes the difference; LIME's weights are those of the fit.": {"out": True},
}


def _wrong_lime(join=" ".join, turned=False, **wrong):
    """LIME with something wrong in it."""

    def lime(predict, words, num_features, num_samples, rng):
        masks = LAWS["right"](len(words), num_samples, rng)
        y = predict([join([w for w, left in zip(words, row, strict=True) if left != turned]) for row in masks])
        return _fitted(masks, y, num_features, **wrong)

    return lime


def _gaps(predict, words, num_features, num_samples, rng):
    masks = LAWS["right"](len(words), num_samples, rng)
    y = predict([" ".join(w if left else "" for w, left in zip(words, row, strict=True)) for row in masks])
    return _fitted(masks, y, num_features)


def _one_by_one(predict, words, num_features, num_samples, rng):
    return _wrong_lime()(lambda texts: np.concatenate([predict([text]) for text in texts]), words, num_features, num_samples, rng)


def _try_lime(answer, seed):
    """Which variant an answer is, on the samples that it has drawn itself, and what its texts look like."""
    asked, got = _run(answer, 2, 80, seed)
    texts = [text for call in asked.calls for text in call][:80]
    masks, fits = asked.masks(texts), []
    for wrong in ({}, *VARIANTS.values()):
        expected = _fitted(masks, _mood(masks), 2, **wrong)[0]
        fits.append(np.shape(got[0]) == expected.shape and np.allclose(got[0], expected, atol=1e-8))
    spaces = any("  " in text or text != text.strip() for text in texts)
    several = np.mean([" " in text for text in texts]) > 0.3
    return np.array([*fits, len(asked.calls[0]), spaces, len(texts[0]), several], dtype=float)


lime = Tried(
    minutes=25,
    level=3,
    hints=(
        "masks = sample_masks(len(words), num_samples, rng); a list of texts is a loop over the rows of masks.",
        '" ".join(word for word, left in zip(words, row) if left) is the text of one row.',
        "masks.astype(float) are the x of the fit, predict's answers the y, kernel_weights(masks) the weight.",
        "chosen = np.argsort(-abs(c))[:num_features] are columns: fit masks[:, chosen] again.",
        "found = np.zeros(T), then found[chosen] = c puts each weight in its place.",
    ),
    why="Nothing inside the classifier was opened. Whatever can be asked can be explained so, be it a network or a person.",
    properties=(
        Property("predict is asked once, about num_samples texts, the whole one first", _asks),
        Property("of a linear classifier it finds the weights, with their signs", _linear),
        Property("weights, b and R^2 are those of the weighted fit to the samples asked", _agrees),
        Property("the same rng gives the same explanation", _again),
    ),
    examples=lambda rng: ((0,), (1,)),
    trial=_try_lime,
    mistakes={said: _wrong_lime(**wrong) for said, wrong in VARIANTS.items()}
    | {
        'The words stick together: " ".join puts a space between them.': _wrong_lime("".join),
        "The texts hold the words that are gone; True is for words that are left.": _wrong_lime(turned=True),
        "Where a word is gone its space stays: join only the words that are left.": _gaps,
        "Ask about all texts in one call: a model is much faster on many texts at once.": _one_by_one,
    },
)


class _Game:
    """What coalitions are worth, and how many have been asked about."""

    def __init__(self, worth, n, limit=None):
        self.worth, self.n, self.left = worth, n, limit or 10**9

    def __call__(self, masks):
        masks = np.asarray(masks)
        if masks.ndim != 2 or masks.shape[1] != self.n or masks.dtype != bool:
            says = f"game takes booleans (N, {self.n}), got {masks.dtype} of shape {masks.shape}"
            raise Failed(says, hint="One coalition in each row; mask[None] makes a table of one row.")
        self.left -= len(masks)
        if self.left < 0:
            says = f"more than n * 2^n coalitions were asked about for n = {self.n}"
            raise Failed(says, hint="Not over the n! orders: over the 2^n coalitions, each with its weight.")
        return self.worth(masks)


def _pair(masks):
    return 6.0 * (masks[:, 0] & masks[:, 1]) + 1.0 * masks[:, 2]


def _gloves(masks):
    """Player 0 has a left glove, 1 and 2 have a right one; a pair is worth 12, and nobody's worth is 5."""
    return 5.0 + 12.0 * (masks[:, 0] & (masks[:, 1] | masks[:, 2]))


def _random_game(seed, n):
    values = np.random.default_rng(seed).normal(size=2**n)
    return lambda masks: values[masks @ 2 ** np.arange(n)]


def _over_orders(worth, n):
    """By the definition: the mean over all orders of what each player adds when it comes."""
    phi, orders = np.zeros(n), list(permutations(range(n)))
    for order in orders:
        mask = np.zeros((1, n), dtype=bool)
        before = worth(mask)[0]
        for player in order:
            mask[0, player] = True
            after = worth(mask)[0]
            phi[player] += after - before
            before = after
    return phi / len(orders)


def _shares_alike(answer):
    same(answer(_Game(_pair, 3), 3), [3, 3, 1], "the values where 0 and 1 are worth 6 together and nothing alone, 2 always 1")


def _glove_game(answer):
    same(answer(_Game(_gloves, 3), 3), [8, 2, 2], "the values where 0 with 1 or 2 or both adds 12, and nobody has 5 already")


def _add_up(answer):
    worth = _random_game(3, 5)
    phi = np.asarray(answer(_Game(worth, 5), 5))
    same(phi.shape, (5,), "the shape for 5 players")
    same(phi.sum(), np.subtract(*worth(np.array([[True] * 5, [False] * 5]))), "the sum of the values, v(all) - v(nobody),")


def _by_orders(answer):
    for n in (1, 2, 4, 5):
        worth = _random_game(n, n)
        same(answer(_Game(worth, n), n), _over_orders(worth, n), f"the values of a random game of {n} players")


def _nine(answer):
    a = np.random.default_rng(2).normal(size=9)
    got = answer(_Game(lambda masks: (masks @ a) ** 2, 9, limit=9 * 2**9), 9)
    same(got, a * a.sum(), "the values of 9 players, where a coalition is worth its sum, squared")


def _wrong_shapley(weight, sign=1, total=None):
    """A sum over coalitions with wrong weights; weight(size of S, n)."""

    def values(game, n):
        masks = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1
        worth, phi = np.asarray(game(masks), float), np.zeros(n)
        for i in range(n):
            for s in np.flatnonzero(~masks[:, i]):
                phi[i] += sign * weight(int(masks[s].sum()), n) * (worth[s | 1 << i] - worth[s])
        return phi if total is None else phi * total(worth) / phi.sum()

    return values


def _right(k, n):
    return math.factorial(k) * math.factorial(n - 1 - k) / math.factorial(n)


def _off(k, n):
    return math.factorial(k + 1) * math.factorial(n - 1 - k) / math.factorial(n)


def _one_order(game, n):
    return np.diff(game(np.tri(n + 1, n, -1, dtype=bool)))


def _try_shapley(answer, seed):
    n = 3 + seed
    return np.asarray(answer(_Game(_random_game(seed + 30, n), n), n), dtype=float)


shapley_values = Tried(
    minutes=25,
    level=3,
    hints=(
        "(np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1 are the masks of all coalitions; ask game once about all.",
        "In this table, coalition number s with player i added is number s + 2**i.",
        "For each i, run over the s without i; |S| is masks[s].sum().",
        "math.factorial(k) * math.factorial(n - 1 - k) / math.factorial(n): so many of all orders have exactly S before i.",
    ),
    why="Of n! orders, |S|! (n - 1 - |S|)! have exactly the players of S before i. So 2^n questions do instead of n!.",
    properties=(
        Property("two that count only together share alike", _shares_alike),
        Property("three players and their gloves, by hand", _glove_game),
        Property("they add up to v(all) - v(nobody)", _add_up),
        Property("they are the mean over all orders", _by_orders),
        Property("nine players, without going through 362880 orders", _nine),
    ),
    examples=lambda rng: ((0,), (1,)),
    trial=_try_shapley,
    mistakes={
        "All coalitions count alike here; the weight is |S|! (n - 1 - |S|)! / n!.": _wrong_shapley(lambda k, n: 0.5 ** (n - 1)),
        "The weights are missing: this is the plain sum over coalitions.": _wrong_shapley(lambda k, n: 1.0),
        "This is only what each adds to nobody; take the mean over all coalitions it may join.": _wrong_shapley(
            lambda k, n: float(k == 0)
        ),
        "This is only what is lost when each leaves the whole; take the mean over all coalitions.": _wrong_shapley(
            lambda k, n: float(k == n - 1)
        ),
        "Divide by n!: the weights of all S without i add up to 1.": _wrong_shapley(lambda k, n: _right(k, n) * math.factorial(n)),
        "S is counted without i: |S|! (n - 1 - |S|)!, so i itself is not in |S|.": _wrong_shapley(_off),
        "They add up to v(all) - v(nobody); what nobody is worth belongs to no player.": _wrong_shapley(
            _right, total=lambda worth: worth[-1]
        ),
        "The sign is turned: v(S with i) - v(S).": _wrong_shapley(_right, sign=-1),
        "This is one order only, the players coming as 0, 1, 2, ..; take the mean over all.": _one_order,
    },
)
