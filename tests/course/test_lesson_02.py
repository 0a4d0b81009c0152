"""Lesson 02: the checks of array gradients, and of a gradient check, are held against right and wrong answers."""

import pytest
from cases import (
    assert_judged_right,
    assert_mistake,
    assert_mistakes_are_named,
    changed,
    judge_source,
    solved,
    stub,
)

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
    return back(np.multiply(b, g), a), back(np.multiply(a, g), b)
""",
    "matmul_vjp": """
import numpy as np
def matmul_vjp(g, a, b):
    da = np.einsum("...nm,...km->...nk", g, b)
    db = np.einsum("...nk,...nm->...km", a, g)
    return tuple(d.sum(tuple(range(d.ndim - x.ndim))) for d, x in ((da, a), (db, b)))
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
TURNED = "da = g @ np.swapaxes(b, -1, -2)\n    db = np.swapaxes(a, -1, -2) @ g"
BACK = "return unbroadcast(da, a.shape), unbroadcast(db, b.shape)"
BOTH = "((g * f(x + step)).sum() - (g * f(x - step)).sum())"
NAN = ' or np.isnan(got).any():\n        return float("inf")'
ERROR = "float(np.abs(got - true).max() / (np.abs(true).max() or 1.0))"
WRONG = {
    "unbroadcast": [
        (SUMS, "np.resize(g, shape)", "The first numbers are taken"),
        ("    new = g.ndim", "    while g.ndim > len(shape):\n        g[0] += g[1:].sum(0)\n        g = g[0]\n    new = g.ndim",
         "Work on a copy"),
        (SUMS, "g.sum(axis=tuple(stretched[:1]), keepdims=True).reshape(g.sum(axis=tuple(stretched[:1])).shape if new else shape)",
         ""),
        ("if d < new or (shape[d - new] == 1 and g.shape[d] != 1)]\n    return " + SUMS,
         "if d < len(shape) and shape[d] == 1]\n    return g.sum(axis=tuple(stretched), keepdims=True)",
         "new ones in front are not"),
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
        (PAIR, "u = unbroadcast\n    return u(g, a.shape) * b, u(g, b.shape) * a", "multiply first"),
        (PAIR, "return unbroadcast(g / b, a.shape), unbroadcast(g / a, b.shape)", "This divides"),
        (PAIR, "return unbroadcast(g * b, a.shape), -unbroadcast(g * a, b.shape)", "Number by number"),
        (PAIR, "return unbroadcast(g * b, a.shape)", "as a tuple"),
        (PAIR, "da = unbroadcast(g * b, a.shape)\n    g *= a\n    return da, unbroadcast(g, b.shape)", "Work on a copy"),
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
        (BACK, "return tuple(d.sum(0) if d.ndim > x.ndim else d for d, x in ((da, a), (db, b)))", "any number of batch dimensions"),
        (BACK, "return tuple(d.mean(0) if d.ndim > x.ndim else d for d, x in ((da, a), (db, b)))", "the mean over the batch"),
        (BACK, "return tuple(d[0] if d.ndim > x.ndim else d for d, x in ((da, a), (db, b)))", "the first sample"),
        (TURNED, "da, db = g @ np.swapaxes(b, -1, -2), np.swapaxes(g, -1, -2) @ a", "this is its transpose"),
        (TURNED, "da, db = g @ b.transpose(-1, -2), a.transpose(-1, -2) @ g", "np.swapaxes(x, 1, 2) exchanges two"),
        (TURNED, "da, db = np.swapaxes(b, -1, -2) @ g, g @ np.swapaxes(a, -1, -2)", "order of the products"),
        (TURNED, "da, db = g @ b, a @ g", "transposed"),
        (TURNED, "da, db = g @ b.T, a.T @ g", "`.T` reverses all axes"),
        (BACK, "return da, db", "the sum of all its gradients"),
        (BACK, "return unbroadcast(db, b.shape), unbroadcast(da, a.shape)", "first a's gradient"),
        (TURNED, "da, db = g * b, g * a", "elementwise products"),
        (TURNED, "da, db = (g * 0 + 1) @ np.swapaxes(b, -1, -2), np.swapaxes(a, -1, -2) @ (g * 0 + 1)", "g is missing"),
    ],
    "finite_differences": [
        ("/ (2 * eps)\n", "/ 2 * eps\n", "divides by 2 and multiplies"),
        ("step[i] = eps", "step[i] = eps / 2", "each step is eps"),
        ("step[i] = eps", "eps = 1e-6\n        step[i] = eps", "whatever `eps` is"),
        (BOTH, "((g * f(x + step)).mean() - (g * f(x - step)).mean())", "the mean over the results"),
        (BOTH, "(g * f(x + step)).sum() - (g * f(x - step)).sum()", "Only the second sum"),
        ("in np.ndindex(x.shape)", "in range(len(x))", "A whole row is changed at once"),
        ("    return slopes", "    return slopes.ravel()", "reshape(x.shape)"),
        ("    return slopes", "        return slopes", "inside the loop"),
        ("        step = np.zeros_like(x)\n        step[i] = eps\n",
         "        up = down = x\n        up[i] += eps\n        down[i] -= eps\n        step = 0\n", "no copy"),
        ("        step = np.zeros_like(x)\n", "        x[i] += eps\n        step = np.zeros_like(x)\n",
         "undo each change|Undo each"),
        (BOTH + " / (2 * eps)", "(g * (f(x + step) - f(x))).sum() / eps", "One side"),
        ("/ (2 * eps)\n", "/ eps\n", "Divide by 2 eps"),
        (BOTH, "(f(x + step).sum() - f(x - step).sum())", "g is missing"),
        ("step[i] = eps", "step += eps", "changed together"),
        ("/ (2 * eps)\n", "/ (2 * eps)\n        x = x + step\n", "Undo each change"),
        ("x + step)).sum() - (g * f(x - step", "x - step)).sum() - (g * f(x + step", "sign is wrong"),
        ("    return slopes", "    return np.abs(slopes)", "no absolute value"),
    ],
    "gradcheck": [
        ("size=np.shape(f(x))", "size=x.shape", "the shape of f(x)"),
        (ERROR, "float((np.abs(got - true) / (np.abs(true) + 1e-12)).max())", "single slopes may be nearly 0"),
        (ERROR, "float(np.abs(got - true).max() / np.abs(true).max())", "divide by 1"),
        (ERROR, "float(np.abs(got - true).max() / (np.abs(got).max() or 1.0))", "not `got`"),
        (ERROR, "float(np.sqrt(((got - true) ** 2).sum()) / (np.sqrt((true**2).sum()) or 1.0))", "no root"),
        (ERROR, "bool(np.abs(got - true).max() < 1e-6)", "a number, not whether"),
        ("got = np.asarray(vjp(g, x))", "got = np.asarray(vjp(g[::-1], x))", "One g, drawn once"),
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
    source = changed(solved(name), old, new)
    hint = judge_source(name, source).hint
    assert_mistake(name, source, next((part for part in said.split("|") if part in hint), said))


def test_float64_is_right_where_no_dtype_is_promised():
    source = changed(solved("matmul_vjp"), BACK, BACK.replace("(da,", "(da.astype(float),"))
    assert judge_source("matmul_vjp", source).passed
    assert judge_source(
        "mul_vjp", changed(solved("mul_vjp"), PAIR, PAIR.replace("g * b", "g.astype(float) * b"))
    ).passed


def test_through_the_sandbox(tmp_path):
    file = tmp_path / "02_gradient_checks.py"
    file.write_text(solved("gradcheck"), encoding="utf-8")
    assert check_file("gradcheck", file).passed
    file.write_text(stub("gradcheck"), encoding="utf-8")
    assert check_file("gradcheck", file).status == "unwritten"
