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

SMALL = 1e-13

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
    if np.size(error) > 1:
        says = f"the error of {what}: expected one number, got shape {np.shape(error)}"
        raise Failed(
            says, hint="Only the largest of all errors is asked for: .max() takes it over all places."
        )
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


def _largest(x):
    return abs(x).max()


def _over(error, slope):
    return error / (slope or 1.0)


def _share(errors, true):
    return _over(_largest(errors), _largest(true))


MEASURES = {  # what an error may be taken for, made of the errors and the true slopes
    "This takes the smallest error: take the largest, so that a single wrong place is seen.": (
        lambda errors, true: _over(abs(errors).min(), _largest(true))
    ),
    "Errors below 0 count as well: take |got - true|.": (
        lambda errors, true: _over(errors.max(), _largest(true))
    ),
    "This looks at the first place only: every number of x counts.": (
        lambda errors, true: _over(abs(errors).flat[0], _largest(true))
    ),
    "This looks at the last place only: every number of x counts.": (
        lambda errors, true: _over(abs(errors).flat[-1], _largest(true))
    ),
    "A mean hides a single wrong place: take the largest error.": (
        lambda errors, true: _over(abs(errors).mean(), _largest(true))
    ),
    "The errors are added up here: take the largest.": (
        lambda errors, true: _over(abs(errors).sum(), _largest(true))
    ),
    "The errors are squared here: take |got - true|.": (
        lambda errors, true: _over((errors**2).max(), _largest(true))
    ),
    "The error is not divided by the largest true slope, so small gradients always pass.": (
        lambda errors, true: _largest(errors)
    ),
    "This divides by the largest slope with its sign: take the largest |true|.": (
        lambda errors, true: _over(_largest(errors), true.max())
    ),
    "This divides by the mean of |true|: divide by the largest.": (
        lambda errors, true: _over(_largest(errors), abs(true).mean())
    ),
    "This divides by the largest of what is claimed: divide by the largest |true|, not `got`.": (
        lambda errors, true: _over(_largest(errors), _largest(true + errors))
    ),
    "Each error is divided by its own slope, and single slopes may be nearly 0: divide by the largest.": (
        lambda errors, true: _largest(errors / np.where(true == 0, 1.0, true))
    ),
    "The largest of both are compared here, not the numbers: subtract first, place by place.": (
        lambda errors, true: _over(abs(_largest(true + errors) - _largest(true)), _largest(true))
    ),
    "These are roots of sums of squares: no root, the largest error over the largest slope.": (
        lambda errors, true: _over(np.sqrt((errors**2).sum()), np.sqrt((true**2).sum()))
    ),
}


def _checker(draw=None, measure=_share, nan="inf", shape=True):
    """A gradient check with a hole in it."""

    def gradcheck(f, vjp, x):
        n = np.shape(f(x))
        g = np.random.default_rng(3).normal(size=n) if draw is None else draw(n)
        got = np.asarray(vjp(g, x))
        true = wrong_differences()(f, x, g)
        if (nan == "inf" and np.isnan(got).any()) or (shape and got.shape != true.shape):
            return float("inf")
        errors = got - true
        return float(measure(np.nan_to_num(errors) if nan == "passes" else errors, true))

    return gradcheck


ERRORS = np.array([0.1, 0.07, -0.5, 0.3, 0.02, 0.04])  # as shares of the largest true slope


def _measures_of(answer, x):
    """Which of the measures an answer takes, of a gradient whose errors are known."""
    seen = []

    def off(g, x):
        true = g * x
        seen.append((ERRORS * _largest(true), true))
        return true + seen[-1][0]

    error = float(answer(lambda x: x**2 / 2, off, x.copy()))
    return np.array(
        [np.isclose(error, measure(*seen[-1]), rtol=1e-4) for measure in (_share, *MEASURES.values())]
    )


def _measures_taken(answer):
    """Those of the measures that an answer takes for slopes of both signs."""
    x = np.array([0.01, 3.0, 0.01, 0.01, 0.01, 0.01])  # the largest slope has an error of its own
    return _measures_of(answer, x) & _measures_of(answer, -x)


def _try_check(answer):
    """The measure that the answer takes; if it is no wrong one, also which claims it accepts, and where it gives NaN."""
    with np.errstate(all="ignore"):
        measures = _measures_taken(answer)
        if any(measures[1:]):
            return np.array(measures, dtype=float)
        errors = np.array([answer(f, vjp, x.copy()) for f, vjp, x, _ in CLAIMS.values()], dtype=float)
        return np.array([*(errors < 1e-3), *np.isnan(errors), *measures], dtype=float)


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
            draw=np.ones
        ),
        "A gradient with a NaN in it passes: no comparison with NaN is true. Return infinity.": _checker(
            nan="passes"
        ),
        "The error of a gradient with a NaN in it is NaN here: ask np.isnan(got).any() first, and return float('inf').": _checker(
            nan="nan"
        ),
        "A gradient of another shape passes, as NumPy broadcasts it: compare the shapes.": _checker(
            shape=False
        ),
        "Another shape passes, and NaN gives NaN: each alone is reason enough for infinity, `or`, not `and`.": _checker(
            nan="nan", shape=False
        ),
        **{said: _checker(measure=measure) for said, measure in MEASURES.items()},
    },
)
