"""What must be true of gradcheck."""

import numpy as np

from minitransformer.course.checks.lesson_02_gradient_checks.common import shares_of, wrong_differences
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, one_number, same


def _sin_slope(g, x):
    return g * np.cos(x)


def _shares_slope(g, x):
    return (g - (g * x).sum() / x.sum()) / x.sum()


def _off_at_one(g, x):
    out = _sin_slope(g, x)
    out[-1, -1] += 0.05
    return out


def _right_at_one(g, x):
    out = 1.5 * _sin_slope(g, x)
    out[0, 0] /= 1.5
    return out


def _nan_at_one(g, x):
    out = _sin_slope(g, x)
    out[0, 1] = np.nan
    return out


X = np.linspace(0.2, 1.4, 120).reshape(12, 10)

P = np.array([[1.0, 2.0, 0.5]])

SMALL = 1e-7

CLAIMS = {  # what: (f, vjp, x, whether the gradient is right)
    "the gradient of sin": (np.sin, _sin_slope, X[:2], True),
    "the gradient of shares x / sum(x)": (shares_of, _shares_slope, P, True),
    "the gradient of 1000 sin": (
        lambda x: 1000 * np.sin(x),
        lambda g, x: 1000 * _sin_slope(g, x),
        X[:2],
        True,
    ),
    "the gradient of sums of columns, which has another shape": (
        lambda x: x.sum(0),
        lambda g, x: g + 0 * x,
        X[:2],
        True,
    ),
    "the gradient of one number, the sum of squares": (
        lambda x: (x**2).sum(),
        lambda g, x: 2 * g * x,
        X[:2],
        True,
    ),
    "the gradient of sin, also where it is nearly 0": (
        np.sin,
        _sin_slope,
        np.array([[np.pi / 2 + 1e-9, 0.3], [1.0, 2.0]]),
        True,
    ),
    "a constant function's zeros": (lambda x: np.ones(3) + 0 * x.sum(), lambda g, x: 0 * x, P, True),
    "twice the gradient of sin": (np.sin, lambda g, x: 2 * _sin_slope(g, x), X[:2], False),
    "minus the gradient of sin": (np.sin, lambda g, x: -_sin_slope(g, x), X[:2], False),
    "a gradient too small everywhere": (np.sin, lambda g, x: _sin_slope(g, x) - 0.3, X[:2], False),
    "a gradient too large everywhere": (np.sin, lambda g, x: _sin_slope(g, x) + 0.3, X[:2], False),
    "zeros for shares x / sum(x)": (shares_of, lambda g, x: 0 * x, P, False),
    "a gradient that ignores g": (np.sin, lambda g, x: np.cos(x), X[:2], False),
    "a gradient right at its first place only": (np.sin, _right_at_one, X[:2], False),
    "a gradient wrong at its last place only": (np.sin, _off_at_one, X, False),
    "twice the gradient of a very small function": (
        lambda x: SMALL * np.sin(x),
        lambda g, x: 2 * SMALL * _sin_slope(g, x),
        X[:2],
        False,
    ),
    "a gradient with a NaN in it": (np.sin, _nan_at_one, X[:2], False),
    "a gradient of one row for two": (lambda x: x.sum(0), lambda g, x: g[None], X[:2], False),
}

FIRST = {  # what may help with the right gradients
    "the gradient of shares x / sum(x)": (
        "Shares always sum to 1: with a g of equal numbers all true slopes are 0, and rounding is left. Draw g at random."
    ),
    "the gradient of sums of columns, which has another shape": "g has the shape of f(x), which may be another than that of x.",
    "the gradient of one number, the sum of squares": "g has the shape of f(x), also if that is one number, of shape ().",
    "the gradient of sin, also where it is nearly 0": "Divide by the largest true slope: single slopes may be nearly 0.",
    "a constant function's zeros": "If all true slopes are 0, divide by 1.",
}


def _error(answer, what):
    """The error that an answer gives for one of the claims."""
    f, vjp, x, _ = CLAIMS[what]
    with np.errstate(all="ignore"):
        error = answer(f, vjp, x.copy())
    if isinstance(error, (bool, np.bool_)):
        hint = "The task asks how wrong a gradient is, a number, not whether it is: return the largest error."
        raise Failed(f"{what}: expected a number, got {error}", hint=hint)
    return one_number(error, f"the error of {what}")


def _accepts(answer):
    for what, (*_, right) in CLAIMS.items():
        if right and not (error := _error(answer, what)) < 1e-5:
            raise Failed(f"{what} is right, and is given the error {error:.3g}", first=FIRST.get(what, ""))


def _rejects(*names):
    def holds(answer):
        for what in names:
            if not (error := _error(answer, what)) > 1e-3:
                raise Failed(f"{what} is wrong, and is given the error {error:.3g}")

    return holds


def _size(answer):
    same(
        answer(np.sin, lambda g, x: 3 * _sin_slope(g, x), X[:2].copy()),
        2.0,
        "the error of three times the gradient",
        rtol=1e-4,
    )
    same(answer(np.sin, _nan_at_one, X[:2].copy()), np.inf, "the error of a gradient with a NaN in it")
    drawn = []
    weights = np.array([1.0, 2.0, 4.0])

    def off_at_the_smallest(g, x):
        drawn.append(g)
        return g * weights + np.array([0.5, 0.0, 0.0])

    got = answer(lambda x: weights * x, off_at_the_smallest, np.array([0.3, 0.5, 0.7]))
    same(
        got,
        0.5 / abs(drawn[-1] * weights).max(),
        "the error of a gradient that is off by 0.5 at one place",
        rtol=1e-4,
    )


def _leaves_x(answer):
    x = P.copy()
    answer(shares_of, _shares_slope, x)
    same(x, P, "x after the call", rtol=1e-12)


def _checker(draw=None, size=lambda e: abs(e).max(), relative=True, nan=True, shape=True, places=None):
    """A gradient check with a hole in it."""

    def gradcheck(f, vjp, x):
        n = np.shape(f(x))
        g = np.random.default_rng(3).normal(size=n) if draw is None else draw(n)
        got = np.asarray(vjp(g, x))
        true = wrong_differences()(f, x, g)
        if (nan and np.isnan(got).any()) or (shape and got.shape != true.shape):
            return float("inf")
        error = (got - true).ravel()[places]
        if not nan:
            error = error[~np.isnan(error)]
        return float(size(error) / ((abs(true).max() or 1.0) if relative else 1.0))

    return gradcheck


def _try_check(answer):
    """Which of the claims are taken for right."""
    with np.errstate(all="ignore"):
        return np.array(
            [bool(answer(f, vjp, x.copy()) < 1e-3) for f, vjp, x, _ in CLAIMS.values()], dtype=float
        )


EVERYWHERE = slice(None)

NAN = "No comparison with NaN is true, and max over a NaN is NaN: ask np.isnan(got).any() first, and return float('inf')."

gradcheck = Tried(
    minutes=20,
    level=3,
    hints=(
        "Draw g with np.random.default_rng(0).normal(size=f(x).shape). The truth is finite_differences(f, x, g).",
        "The error is the largest of |got - true|, divided by the largest |true|.",
        "Which wrong gradients could pass? One with a NaN: no comparison with NaN is true. One of another shape: "
        "NumPy would broadcast it.",
    ),
    why="With a random g every slope counts; float64, every element and the largest error leave no error unseen.",
    properties=(
        Property(
            "it accepts right gradients",
            _accepts,
            "One g, drawn once with the shape of f(x), goes into vjp(g, x) and into finite_differences(f, x, g); both then agree.",
        ),
        Property(
            "it notices a wrong factor or sign",
            _rejects("twice the gradient of sin", "minus the gradient of sin"),
            "Compare the numbers themselves: |got - true|.",
        ),
        Property(
            "it notices what is too small or too large",
            _rejects(*(f"a gradient too {w} everywhere" for w in ("small", "large"))),
            "Errors of both signs count: take |got - true|.",
        ),
        Property(
            "it notices zeros where the results sum to 1",
            _rejects("zeros for shares x / sum(x)", "a gradient that ignores g"),
            "A g of equal numbers is blind here: draw g at random.",
        ),
        Property(
            "it checks every place",
            _rejects("a gradient right at its first place only", "a gradient wrong at its last place only"),
            "Every number of x and of f(x) counts: all of g at random, none of it 0, and the largest error of all places.",
        ),
        Property(
            "it notices a wrong gradient of a small function",
            _rejects("twice the gradient of a very small function"),
            "Divide by the largest true slope, and by nothing else: no 1 and no small number is added to it.",
        ),
        Property("it notices NaN", _rejects("a gradient with a NaN in it"), NAN),
        Property(
            "it notices a wrong shape",
            _rejects("a gradient of one row for two"),
            "If got.shape is not that of x, return float('inf') before anything is subtracted; no error is raised.",
        ),
        Property(
            "the error is a share of the largest true slope",
            _size,
            "max |got - true| / max |true|: both maxima over all places, no mean, no sum, no root; `true` below, not `got`.",
        ),
        Property("x stays as it was", _leaves_x, "Pass copies on, x.copy(), and undo each change."),
    ),
    examples=lambda rng: ((),),
    trial=_try_check,
    mistakes={
        "g is all ones: then gradients of results that always sum to 1 are 0, and zeros pass. Draw g at random.": _checker(
            draw=np.ones, places=EVERYWHERE
        ),
        "Errors below 0 count as well: take |got - true|.": _checker(
            size=lambda e: e.max(), places=EVERYWHERE
        ),
        "This looks at the first place only: every number of x counts.": _checker(places=slice(1)),
        "A mean hides a single wrong place: take the largest error.": _checker(
            size=lambda e: abs(e).mean(), places=EVERYWHERE
        ),
        "The error is not divided by the largest true slope, so small gradients always pass.": _checker(
            relative=False, places=EVERYWHERE
        ),
        "A gradient with a NaN in it passes: no comparison with NaN is true. Return infinity.": _checker(
            nan=False, places=EVERYWHERE
        ),
        "A gradient of another shape passes, as NumPy broadcasts it: compare the shapes.": _checker(
            shape=False, places=EVERYWHERE
        ),
    },
)
