"""What must be true of finite_differences."""

import numpy as np

from minitransformer.course.checks.lesson_02_gradient_checks.common import wrong_differences
from minitransformer.course.exercise import Failed, Property
from minitransformer.course.properties import Tried, same, slopes


def mixed(x):
    return np.stack([x[0] * x[1], np.sin(x[2]) * x[0]])


def _slopes_of(f, x, g, what, eps=1e-6, rtol=1e-5, expected=None):
    def holds(answer):
        mine = x.copy()
        got = answer(f, mine, g.copy(), eps)
        same(got, slopes(f, (x,), 0, g, eps) if expected is None else expected, what, rtol=rtol)

    return holds


def _exact_for_squares(answer):
    x = np.array([1.0, -2.0])
    g = np.array([1.0, 1.0])
    same(answer(lambda x: x**2, x.copy(), g, 0.5), 2 * x, "x^2 with eps = 0.5")


def _off_for_cubes(answer):
    x = np.array([1.0, -2.0])
    g = np.array([1.0, 1.0])
    expected = 3 * x**2 + 0.5**2  # ((x + e)^3 - (x - e)^3) / 2e
    same(answer(lambda x: x**3, x.copy(), g, 0.5), expected, "x^3 with eps = 0.5, which is off by eps^2")


def _exactly_as_it_was(answer, f, x, *rest):
    """Numbers that a nudge and its opposite do not give back, as each of them is rounded."""
    before = x.copy()
    answer(f, x, *rest)
    if not np.array_equal(x, before):
        says = f"x after the call: expected {before.tolist()}, got {x.tolist()}"
        raise Failed(
            says,
            hint="x + eps - 2 eps + eps is rounded, and not quite x: keep the old number and write it back.",
        )


def _undone(answer):
    seen = []

    def f(x):
        seen.append(x.copy())
        return x**2

    x = np.array([1.0, 2.0, 3.0])
    answer(f, x, np.ones(3))
    same(x, [1, 2, 3], "x after the call", rtol=1e-12)
    _exactly_as_it_was(answer, np.square, np.array([0.1, 0.7, 1e6]), np.ones(3))
    for point in seen:
        if (abs(point - [1, 2, 3]) > 1e-9).sum() > 1:
            raise Failed(
                f"f was called at {point.tolist()}",
                hint="Change one number at a time, and undo the change before the next.",
            )


def _row_by_row(f, x, g, eps=1e-6):
    out = np.zeros(x.shape)
    for i in range(len(x)):
        step = np.zeros(x.shape)
        step[i] = eps
        out[i] = (g * (f(x + step) - f(x - step))).sum() / (2 * eps)
    return out


def _first_place(f, x, g, eps=1e-6):
    out = np.zeros(x.shape)
    out.flat[0] = wrong_differences()(f, x, g, eps).flat[0]
    return out


def _divided_late(f, x, g, eps=1e-6):
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = eps
        out[i] = (g * f(x + step)).sum() - (g * f(x - step)).sum() / (2 * eps)
    return out


def _with_steps(step_at, sign=-1):
    """Finite differences with the steps `step_at(here, before, x)` * eps; here and before: bool, of x's shape."""

    def finite_differences(f, x, g, eps=1e-6):
        places = np.arange(x.size).reshape(x.shape)
        out = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            step = eps * step_at(places == places[i], places < places[i], x)
            out[i] = (g * (f(x + step) + sign * f(x - step))).sum() / (2 * eps)
        return out

    return finite_differences


def _half_weighed(above, below):
    """Finite differences whose two sums have weights of their own."""

    def finite_differences(f, x, g, eps=1e-6):
        out = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            step = np.zeros(x.shape)
            step[i] = eps
            out[i] = ((above(g) * f(x + step)).sum() - (below(g) * f(x - step)).sum()) / (2 * eps)
        return out

    return finite_differences


def _unsigned(f, x, g, eps=1e-6):
    return abs(wrong_differences()(f, x, g, eps))


def _try_differences(answer, f, x, g, eps):
    """The slopes; NaN where there are none for a function that mixes the numbers of x, which some mistakes cannot take."""
    try:
        return np.asarray(answer(f, x.copy(), g, eps), dtype=float)
    except Exception:
        return np.array(np.nan)


FD_CASES = (
    (lambda x: x**2, np.array([1.0, -2.0]), np.array([1.0, 3.0]), 0.5),
    (
        np.sin,
        np.array([[0.5, 1.5, 2.0], [1.0, -0.3, 2.5]]),
        np.array([[2.0, -1.0, 0.5], [1.5, 0.7, -0.4]]),
        0.1,
    ),
    (mixed, np.array([0.5, 1.5, -0.7]), np.array([2.0, -1.0]), 0.1),
)

finite_differences = Tried(
    minutes=15,
    level=2,
    hints=(
        "np.ndindex(x.shape) goes through all places of an array of any shape.",
        "Make a copy of x with one number eps larger, and one with it eps smaller. The two sums, one minus the other, over 2 eps.",
        "f returns an array: multiply by g and sum before you subtract.",
    ),
    why="To both sides the errors of second order cancel: at eps = 1e-6 that leaves about ten right digits.",
    properties=(
        Property(
            "it is right for sin, element by element",
            _slopes_of(np.sin, np.array([[0.1, 1.0, 2.0], [3.0, 4.0, 5.0]]), np.ones((2, 3)), "sin"),
            "At each place of x, with a step there alone: (sum(g * f(x + step)) - sum(g * f(x - step))) / (2 * eps).",
        ),
        Property(
            "the results are weighted with g",
            _slopes_of(np.sin, np.arange(3.0), np.array([1.0, -2.0, 0.5]), "sin, with weights g"),
            "f returns an array: multiply it by g, and then sum.",
        ),
        Property(
            "it is right where results depend on several numbers",
            _slopes_of(mixed, np.array([0.5, 1.5, -0.7]), np.array([2.0, -1.0]), "x0 x1 and sin(x2) x0"),
            "f(x) may have another shape than x, and one number of x may move all of it: change one number, sum all results.",
        ),
        Property(
            "it changes one number at a time, and leaves x as it was",
            _undone,
            "Work on a copy of x, x.copy(), or undo each change before the next: `y = x` is no copy, but x itself.",
        ),
        Property(
            "it goes to both sides, which is exact for squares",
            _exact_for_squares,
            "One side is off by about eps: go to both sides, and divide by 2 eps.",
        ),
        Property(
            "the step is eps", _off_for_cubes, "Take a step of `eps`, whatever it is, and divide by 2 * eps."
        ),
    ),
    examples=lambda rng: FD_CASES,
    trial=_try_differences,
    mistakes={
        "One side is not enough: (f(x + eps) - f(x)) / eps is off by about eps.": (
            wrong_differences(sides=(1, 0), divisor=1.0),
            wrong_differences(sides=(0, -1), divisor=1.0),
        ),
        "`/ 2 * eps` divides by 2 and multiplies by eps: write / (2 * eps).": lambda f, x, g, eps=1e-6: (
            wrong_differences()(f, x, g, eps) * eps**2
        ),
        "Both points are the same, so that nothing is left: `up = x` is no copy, but x itself; write x.copy().": (
            lambda f, x, g, eps=1e-6: np.zeros(x.shape)
        ),
        "The points are 2 * eps apart only if each step is eps.": wrong_differences(sides=(0.5, -0.5)),
        "This is the mean over the results: sum(g * f(x)).": lambda f, x, g, eps=1e-6: (
            wrong_differences()(f, x, g, eps) / g.size
        ),
        "A whole row is changed at once: range(len(x)) counts rows, np.ndindex(x.shape) goes through all places.": _row_by_row,
        "Only the first place is done: the `return` stands inside the loop.": _first_place,
        "The result is to have the shape of x: reshape(x.shape).": (
            lambda f, x, g, eps=1e-6: wrong_differences()(f, x, g, eps).ravel()
        ),
        "Only the second sum is divided: brackets around the difference.": _divided_late,
        "Divide by 2 eps: the two points are that far apart.": wrong_differences(divisor=1.0),
        "g is missing: sum(g * f(x)).": wrong_differences(weigh=False),
        "All numbers are changed together; change one at a time.": (
            wrong_differences(one_by_one=False),
            lambda f, x, g, eps=1e-6: g * (f(x + eps) - f(x - eps)) / (2 * eps),
        ),
        "Undo each change before the next number is changed.": wrong_differences(undo=False),
        "The sign is wrong: f(x + eps) minus f(x - eps).": wrong_differences(sides=(-1, 1)),
        "This is half the slope from x to one side: points that are 2 eps apart are x + eps and x - eps.": (
            wrong_differences(sides=(1, 0)),
            wrong_differences(sides=(0, -1)),
        ),
        "The step at one place is still there at the next: make a new one, of zeros, for each place.": _with_steps(
            lambda here, before, x: here | before
        ),
        "The step is eps for each number of x, not a share of that number.": _with_steps(
            lambda here, before, x: here * x
        ),
        "The two sums are added here: take the second from the first.": _with_steps(
            lambda here, before, x: here, sign=1
        ),
        "This is the slope for a very small step, whatever `eps` is: the step is the `eps` that is passed.": lambda f, x, g, eps: (
            wrong_differences()(f, x, g, 1e-5)
        ),
        "g weighs only one of the two sums: multiply both by g.": (
            _half_weighed(lambda g: g, lambda g: 1.0),
            _half_weighed(lambda g: 1.0, lambda g: g),
        ),
        "Slopes have a sign: no absolute value here.": _unsigned,
    },
)
