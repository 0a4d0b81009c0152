"""Lesson 02: the checks of array gradients, and of a gradient check, are held against right and wrong answers."""

import pytest
from cases import assert_judged_right, assert_mistake, assert_mistakes_are_named, changed, solved, stub

from minitransformer.course.sandbox import check_file

NAMES = ("unbroadcast", "mul_vjp", "matmul_vjp", "finite_differences", "gradcheck")

OTHERWISE = {
    "unbroadcast": """
def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(0)
    for d, n in enumerate(shape):
        if n == 1:
            g = g.sum(d, keepdims=True)
    return g
""",
    "mul_vjp": """
import numpy as np
def mul_vjp(g, a, b):
    def back(t, like):
        pad = (1,) * (t.ndim - like.ndim) + like.shape
        axes = [d for d, n in enumerate(pad) if n == 1]
        return np.add.reduce(t, tuple(axes)).reshape(like.shape) if axes else t
    return [back(np.multiply(b, g), a), back(np.multiply(a, g), b)]
""",
    "matmul_vjp": """
import numpy as np
def matmul_vjp(g, a, b):
    da = np.einsum("...nm,...km->...nk", g, b)
    db = np.einsum("...nk,...nm->...km", a, g)
    return da.sum(0) if a.ndim < da.ndim else da, db.sum(0) if b.ndim < db.ndim else db
""",
    "finite_differences": """
import numpy as np
def finite_differences(f, x, g, eps=1e-6):
    out = np.empty(x.size)
    for i in range(x.size):
        sides = []
        for step in (eps, -eps):
            y = x.flatten()
            y[i] += step
            sides.append(np.vdot(g, f(y.reshape(x.shape))))
        out[i] = (sides[0] - sides[1]) / 2 / eps
    return out.reshape(x.shape)
""",
    "gradcheck": """
import math
import numpy as np
def gradcheck(f, vjp, x):
    g = np.random.default_rng(99).uniform(-1, 1, f(x).shape)
    got = vjp(g, x.copy())
    if got.shape != x.shape or not np.isfinite(got).all():
        return math.inf
    worst = largest = 0.0
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        true = ((f(up) - f(down)) * g).sum() / 2e-5
        worst, largest = max(worst, abs(got[i] - true)), max(largest, abs(true))
    return worst / largest if largest else worst
""",
}
SUMS = "g.sum(axis=tuple(stretched)).reshape(shape)"
PAIR = "return unbroadcast(g * b, a.shape), unbroadcast(g * a, b.shape)"
TURNED = "da, db = g @ np.swapaxes(b, -1, -2), np.swapaxes(a, -1, -2) @ g"
BACK = "return unbroadcast(da, a.shape), unbroadcast(db, b.shape)"
BOTH = "((g * f(x + nudge)).sum() - (g * f(x - nudge)).sum())"
NAN = ' or np.isnan(got).any():\n        return float("inf")'
ERROR = "float(np.abs(got - true).max() / (np.abs(true).max() or 1.0))"
WRONG = {
    "unbroadcast": [
        (SUMS, "g", "Nothing is summed"),
        (SUMS, "np.ones(shape) * g.sum()", "Everything is summed"),
        (SUMS, "g.sum(axis=tuple(range(new))) if new else g", "Only new dimensions"),
        (SUMS, "g.sum(axis=tuple(stretched))", "dimensions of size 1 are gone"),
        (SUMS, "g.mean(axis=tuple(stretched)).reshape(shape)", "the mean"),
        (SUMS, "g.max(axis=tuple(stretched)).reshape(shape)", "takes the largest"),
        ("d < new or (shape[d - new] == 1 and g.shape[d] != 1)]\n    return " + SUMS,
         "d >= new and shape[d - new] == 1]\n    return g.sum(axis=tuple(stretched), keepdims=True)", "new ones in front are not"),
        ("    new = g.ndim", "    g *= 2\n    g = g / 2\n    new = g.ndim", "copy"),
        (SUMS, "g.astype(float).sum(axis=tuple(stretched)).reshape(shape)", "float32"),
    ],
    "mul_vjp": [
        (PAIR, "return unbroadcast(g * a, a.shape), unbroadcast(g * b, b.shape)", "factors are swapped"),
        (PAIR, "return unbroadcast(b * np.ones_like(g), a.shape), unbroadcast(a * np.ones_like(g), b.shape)", "g is missing"),
        (PAIR, "return unbroadcast(g, a.shape), unbroadcast(g, b.shape)", "gradients of a sum"),
        (PAIR, "return b * g, a * g", "unbroadcast"),
        (PAIR, "return unbroadcast(b * g, a.shape), a * g", "b's is not"),
        (PAIR, "return b * g, unbroadcast(a * g, b.shape)", "a's is not"),
        (PAIR, "return unbroadcast(g * a, b.shape), unbroadcast(g * b, a.shape)", "first a's gradient"),
        (PAIR, "u = unbroadcast\n    return u(u(g, a.shape) * b, a.shape), u(u(g, b.shape) * a, b.shape)", "multiply first"),
    ],
    "matmul_vjp": [
        (TURNED, "da, db = np.swapaxes(b, -1, -2) @ g, g @ np.swapaxes(a, -1, -2)", "order of the products"),
        (TURNED, "da, db = g @ b, a @ g", "transposed"),
        (TURNED, "da, db = g @ b.T, a.T @ g", "`.T` reverses all axes"),
        (BACK, "return da, db", "the sum of all its gradients"),
        (BACK, "return unbroadcast(db, b.shape), unbroadcast(da, a.shape)", "first a's gradient"),
        (TURNED, "da, db = g * b, g * a", "elementwise products"),
        (TURNED, "da, db = (g * 0 + 1) @ np.swapaxes(b, -1, -2), np.swapaxes(a, -1, -2) @ (g * 0 + 1)", "g is missing"),
    ],
    "finite_differences": [
        (BOTH + " / (2 * eps)", "(g * (f(x + nudge) - f(x))).sum() / eps", "One side"),
        ("/ (2 * eps)\n", "/ eps\n", "Divide by 2 eps"),
        (BOTH, "(f(x + nudge).sum() - f(x - nudge).sum())", "g is missing"),
        ("nudge[i] = eps", "nudge += eps", "changed together"),
        ("/ (2 * eps)\n", "/ (2 * eps)\n        x = x + nudge\n", "Undo each change"),
        ("x + nudge)).sum() - (g * f(x - nudge", "x - nudge)).sum() - (g * f(x + nudge", "sign is wrong"),
        ("    return slopes", "    return np.abs(slopes)", "no absolute value"),
    ],
    "gradcheck": [
        ("np.random.default_rng(0).normal(size=np.shape(f(x)))", "np.ones(np.shape(f(x)))", "all ones"),
        ("np.random.default_rng(0).normal(size=np.shape(f(x)))", "np.ones_like(f(x))", "all ones"),
        ("np.abs(got - true).max()", "(got - true).max()", "below 0"),
        ("np.abs(got - true).max()", "np.abs(got - true).flat[0]", "first place only"),
        ("np.abs(got - true).max()", "np.abs(got - true).mean()", "mean hides"),
        (ERROR, "float(np.abs(got - true).max())", "not divided"),
        (NAN, ":\n        return float('inf')\n    got = np.where(np.isnan(got), true, got)", "NaN"),
        ("got.shape != true.shape or ", "", "compare the shapes"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_stub_solution_and_another_solution(name):
    assert_judged_right(name, OTHERWISE[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_s_own_mistakes(name):
    assert_mistakes_are_named(name)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"), [(n, *w) for n, wrong in WRONG.items() for w in wrong]
)
def test_wrong_answers_are_named(name, old, new, said):
    assert_mistake(name, changed(solved(name), old, new), said)


def test_through_the_sandbox(tmp_path):
    file = tmp_path / "02_gradient_checks.py"
    file.write_text(solved("gradcheck"), encoding="utf-8")
    assert check_file("gradcheck", file).passed
    file.write_text(stub("gradcheck"), encoding="utf-8")
    assert check_file("gradcheck", file).status == "unwritten"
