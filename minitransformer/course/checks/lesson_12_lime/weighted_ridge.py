"""What must be true of weighted_ridge."""

import numpy as np

from minitransformer.course.checks.lesson_12_lime.common import FIT, stacked_fit, three_of
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, keeps_its_inputs, same


def _problem(rng, n=12, k=3):
    return rng.normal(size=(n, k)) + 1, rng.normal(size=n) + 2, rng.random(n) + 0.05, 0.7


def _line(answer):
    got = three_of(answer(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]), np.ones(3), 0.0))
    for part, expected, name in zip(got, ([2.0], 1.0, 1.0), FIT, strict=True):
        same(part, expected, f"{name} for the points (0, 1), (1, 3), (2, 5), which lie on y = 1 + 2 x")


def _weighted_line(answer):
    c, b, _ = three_of(
        answer(np.array([[0.0], [0.0], [1.0]]), np.array([0.0, 4.0, 6.0]), np.array([3.0, 1.0, 1.0]), 0.0)
    )
    same(b, 1.0, "b where x = 0 has y = 0 with weight 3 and y = 4 with weight 1")
    same(c, [5.0], "c for these, and y = 6 at x = 1")


def _shifted(answer):
    x, y, weight, alpha = _problem(np.random.default_rng(8))
    (c, b, _) = three_of(answer(x, y, weight, alpha))
    (c2, b2, _) = three_of(answer(x, y + 100, weight, alpha))
    same([*c2, b2], [*c, b + 100], "c and b where 100 is added to all y")


def _no_better(answer):
    """By finite differences: no nudge of c or b makes the loss smaller."""
    x, y, weight, alpha = _problem(np.random.default_rng(9))
    c, b, _ = three_of(answer(x, y, weight, alpha))
    same(np.shape(c), (3,), "the shape of c for three columns")

    def loss(nudge):
        at = np.asarray(c) + nudge[:3]
        return weight @ (y - (b + nudge[3]) - x @ at) ** 2 + alpha * at @ at

    slopes = [(loss(d) - loss(-d)) / 2e-4 for d in 1e-4 * np.eye(4)]
    if max(map(abs, slopes)) > 1e-6:
        says = f"the slope of the loss in c is {np.round(slopes[:3], 4)}, in b {slopes[3]:.4g}; at the minimum all are 0"
        raise Failed(says, first="Take the weighted means off x and y first, then solve for c.")


def _scores(answer):
    for seed in range(3):
        problem = _problem(np.random.default_rng(seed))
        for got, expected, name in zip(three_of(answer(*problem)), stacked_fit(*problem), FIT, strict=True):
            same(got, expected, name)


def _constant(answer):
    with np.errstate(all="ignore"):
        c, b, score = three_of(answer(np.array([[0.0], [1.0], [1.0]]), np.full(3, 4.0), np.ones(3), 1.0))
    same([*c, b, score], [0.0, 4.0, 0.0], "c, b and R^2 where all y are 4")


def _itself(weight):
    return weight


def _wrong_ridge(
    use=_itself,
    mean=_itself,
    scale=lambda a, w: a,
    table=np.eye,
    centre=True,
    ones=False,
    score=_itself,
    zero=True,
    b=None,
    side=None,
    total=np.sum,
    raw=False,
    solve=np.linalg.solve,
):
    """The fit with something wrong in it."""

    def fit(x, y, weight, alpha):
        k = x.shape[1]
        w = use(weight)
        m = mean(weight)
        x_mean, y_mean = (m @ x / total(m), m @ y / total(m)) if centre else (np.zeros(k), 0.0)
        xc = x - x_mean
        yc = y - y_mean
        columns = np.column_stack([xc, np.ones(len(x))]) if ones else xc
        c = solve(
            columns.T * w @ columns + scale(alpha, weight) * table(columns.shape[1]),
            x.T * w @ y if raw else columns.T * (w if side is None else side(weight)) @ yc,
        )
        c, intercept = (c[:k], c[k]) if ones else (c, y_mean - x_mean @ c)
        intercept = intercept if b is None else b(x_mean, y_mean, c)
        s = score(weight)
        spread = s @ (y - s @ y / s.sum()) ** 2
        left = s @ (y - intercept - x @ c) ** 2
        with np.errstate(all="ignore"):
            return c, float(intercept), float(1 - left / spread if spread > 1e-20 or not zero else 0.0)

    return fit


def _scored(parts, guarded=False):
    """The right fit with another R^2: parts(y, residual, weight, alpha |c|^2) are what is above and below the line."""

    def fit(x, y, weight, alpha):
        c, b, _ = _wrong_ridge()(x, y, weight, alpha)
        above, below = parts(y, y - b - x @ c, weight, alpha * c @ c)
        return c, b, float(0.0 if below < 1e-20 or (guarded and np.ptp(y) == 0) else 1 - above / below)

    return fit


def _spread(y, weight, mean_weight=None):
    """The sum of weight (y - mean)^2, the mean weighted by `mean_weight` or by the same."""
    return weight @ (y - np.average(y, weights=weight if mean_weight is None else mean_weight)) ** 2


def _without_b(x, y, weight, alpha):
    c, b, _ = _wrong_ridge()(x, y, weight, alpha)
    below = _spread(y, weight)
    return c, b, float(1 - weight @ (y - x @ c) ** 2 / below if below > 1e-20 else 0.0)


def _plain_b(x, y, weight, alpha):
    c, _, score = _wrong_ridge()(x, y, weight, alpha)
    return c, float(y.mean() - x.mean(0) @ c), score


def _rooted(x, y, weight, alpha):
    c, b, score = _wrong_ridge()(x, y, weight, alpha)
    return c, b, max(0.0, score) ** 0.5


def _reordered(*places):
    return lambda *problem: tuple(_wrong_ridge()(*problem)[i] for i in places)


def _try_ridge(answer, *problem):
    """c and b, and where they are right also R^2."""
    with np.errstate(all="ignore"):
        c, b, score = answer(*problem)
    right = stacked_fit(*problem)
    if np.shape(c) != right[0].shape:
        return np.array([*np.ravel(c), *np.ravel(b), *np.ravel(score)], dtype=float)
    fits = np.allclose([*c, b], [*right[0], right[1]], atol=1e-8)
    finite = fits and bool(np.isfinite(score))
    return np.array([*c, b, score if finite else 0.0, fits and not finite], dtype=float)


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
        Property(
            "three points on a line",
            _line,
            "Equal weights and alpha = 0: the plain line through the points, c = 2, b = 1, R^2 = 1.",
        ),
        Property(
            "samples with more weight count more, by hand",
            _weighted_line,
            "weight goes into both means, and into both sides: X^T W X and X^T W Y.",
        ),
        Property(
            "the penalty leaves b alone: a shift of y shifts b",
            _shifted,
            "Take the weighted means off x and y first: then b drops out of the equations, and alpha works on c alone.",
        ),
        Property("it is the minimum: no nudge of c or b makes the loss smaller", _no_better),
        Property(
            "c, b and R^2 are right",
            _scores,
            "R^2 is 1 less the weighted sum of (y - b - x c)^2, divided by that of (y - weighted mean of y)^2.",
        ),
        Property(
            "where y does not vary, R^2 is 0",
            _constant,
            "Where all y are equal, return 0 for R^2: a case of its own.",
        ),
        keeps_its_inputs(_problem),
    ),
    examples=lambda rng: (
        _problem(rng),
        (np.array([[0.0], [1.0], [1.0]]), np.full(3, 4.0), np.ones(3), 1.0),
        (np.eye(4), np.arange(4.0), np.array([1.0, 2.0, 0.5, 1.0]), 1e-3),
    ),
    trial=_try_ridge,
    mistakes={
        "The weights are divided by their sum, which makes alpha weigh more beside them: take them as they are.": _wrong_ridge(
            scale=lambda a, w: a * w.sum()
        ),
        "R^2 is 1 less this share: 1 is perfect, 0 is no better than a constant.": lambda *problem: (
            lambda c, b, score: (c, b, 1 - score)
        )(*_wrong_ridge()(*problem)),
        "The weights are not used: every sample counts alike here.": _wrong_ridge(
            np.ones_like, np.ones_like, score=np.ones_like
        ),
        "The weights are in the means, but not in the equations: X^T W X and X^T W Y.": _wrong_ridge(
            use=np.ones_like
        ),
        "The weights are on one side of the equations only: X^T W X on the left, X^T W Y on the right.": (
            _wrong_ridge(use=np.ones_like, side=_itself),
            _wrong_ridge(side=np.ones_like),
        ),
        "The means to be subtracted are the weighted ones.": _wrong_ridge(mean=np.ones_like),
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
        "The weights count twice: put them on one of the two factors only.": _wrong_ridge(
            use=lambda w: w * w
        ),
        "This takes the root of the weights once; X^T W X has the weights themselves.": _wrong_ridge(
            use=np.sqrt
        ),
        "R^2 must be weighted too, its mean included.": (
            _wrong_ridge(score=np.ones_like),
            _scored(lambda y, rest, w, penalty: (rest @ rest, _spread(y, np.ones_like(w), w))),
            _scored(lambda y, rest, w, penalty: (w @ rest**2, _spread(y, w, np.ones_like(w)))),
            _scored(lambda y, rest, w, penalty: (w @ rest**2, _spread(y, np.ones_like(w)))),
            _scored(lambda y, rest, w, penalty: (w @ rest**2, _spread(y, np.ones_like(w), w))),
            _scored(lambda y, rest, w, penalty: (rest @ rest, _spread(y, w))),
        ),
        "Below the line of R^2 the weighted mean is taken off y first: (y - mean(y))^2.": tuple(
            _scored(lambda y, rest, w, penalty: (w @ rest**2, w @ y**2), guarded) for guarded in (False, True)
        ),
        "In R^2 the weights stand outside the squares: w (y - ..)^2.": (
            _scored(lambda y, rest, w, penalty: (w @ rest**2, _spread(y, w**2, w))),
            _scored(lambda y, rest, w, penalty: (w**2 @ rest**2, _spread(y, w))),
            _scored(lambda y, rest, w, penalty: (w**2 @ rest**2, _spread(y, w**2, w))),
        ),
        "The penalty is no part of R^2.": _scored(
            lambda y, rest, w, penalty: (w @ rest**2 + penalty, _spread(y, w))
        ),
        "In R^2 the residual is y - b - x c: here b is missing.": _without_b,
        "R^2 is asked for, not its root.": _rooted,
        "The penalty is alpha as it is: here another number stands in its place.": (
            _wrong_ridge(scale=lambda a, w: a / 2),
            _wrong_ridge(scale=lambda a, w: a * 2),
            _wrong_ridge(scale=lambda a, w: 1.0),
        ),
        "Here samples with more weight count less: multiply by the weights.": _wrong_ridge(
            use=lambda w: 1 / w
        ),
        "X^T W Y has the weights once: here they stand in it twice.": _wrong_ridge(side=np.square),
        "b = mean(y) - mean(x) c: here it is 0.": _wrong_ridge(b=lambda x_mean, y_mean, c: 0.0),
        "b is made of the weighted means too: here of plain ones.": _plain_b,
        "c is signed: here the signs are lost.": lambda *problem: (lambda c, b, score: (abs(c), b, score))(
            *_wrong_ridge()(*problem)
        ),
        "R^2 is 1 where the fit is perfect, no percentage.": lambda *problem: (
            lambda c, b, score: (c, b, 100 * score)
        )(*_wrong_ridge()(*problem)),
        "R^2 is 1 less the share that is left: here it is added.": lambda *problem: (
            lambda c, b, score: (c, b, 2 - score if np.ptp(problem[1]) else 0.0)
        )(*_wrong_ridge()(*problem)),
        "The penalty is added to X^T W X: here it is subtracted.": _wrong_ridge(scale=lambda a, w: -a),
        "b = mean(y) - mean(x) c: here the second part is added.": _wrong_ridge(
            b=lambda x_mean, y_mean, c: y_mean + x_mean @ c
        ),
        "A weighted mean is divided by the sum of the weights.": (
            _wrong_ridge(total=lambda w: 1.0),
            _wrong_ridge(total=len),
        ),
        "On the right stand X and Y too, from which the weighted means were taken.": _wrong_ridge(raw=True),
        "This multiplies by the table; np.linalg.solve(A, r) finds the c with A c = r.": _wrong_ridge(
            solve=np.matmul
        ),
        "Where all y are equal this divides by zero: return 0 for R^2.": _wrong_ridge(zero=False),
        "b = mean(y) - mean(x) c; the second part is missing.": _wrong_ridge(
            b=lambda x_mean, y_mean, c: y_mean
        ),
        "The order is c, b, R^2.": _reordered(1, 0, 2),
    },
)
