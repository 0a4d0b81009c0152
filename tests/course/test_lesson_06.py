"""Lesson 06: the checks of softmax and attention are held against right and wrong answers."""

import pytest
from cases import assert_judged_right, assert_mistake, assert_mistakes_are_named, changed, solved

from minitransformer.course.sandbox import check_file

FILE = "06_attention.py"
OTHERWISE = {
    "softmax": """
import numpy as np
def softmax(x):
    out = np.zeros_like(x)
    for index in np.ndindex(x.shape[:-1]):
        seen = x[index] > -np.inf
        if seen.any():
            logs = x[index][seen]
            out[index][seen] = np.exp(logs - np.logaddexp.reduce(logs))
    return out
""",
    "softmax_vjp": """
import numpy as np
def softmax_vjp(g, s):
    jacobian = np.eye(s.shape[-1], dtype=s.dtype) * s[..., None] - s[..., :, None] * s[..., None, :]
    return np.einsum("...ij,...i->...j", jacobian, g)
""",
    "attention": """
import math
import numpy as np
def attention(q, k, v, mask=None):
    scores = np.einsum("...td,...sd->...ts", q, k) * (1 / math.sqrt(k.shape[-1]))
    seen = np.ones(scores.shape, bool) if mask is None else np.broadcast_to(mask, scores.shape)
    top = np.where(seen, scores, scores.min()).max(-1, keepdims=True)
    e = np.where(seen, np.exp(np.minimum(scores - top, 0)), 0).astype(scores.dtype)
    total = e.sum(-1, keepdims=True)
    total[total == 0] = 1
    return np.einsum("...ts,...sv->...tv", e / total, v)
""",
    "causal_mask": "import numpy as np\ndef causal_mask(T):\n    return np.array([[j <= i for j in range(T)] for i in range(T)])\n",
}

SOFTMAX = "return e / np.where(total == 0, 1, total)"
VJP = "return s * (g - (g * s).sum(axis=-1, keepdims=True))"
SCORES = "scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])"
MASKED = "scores = np.where(mask, scores, scores.dtype.type(-np.inf))"
LAST = "return softmax(scores) @ v"
CAUSAL = "return np.arange(T)[:, None] >= np.arange(T)"
WRONG = {
    "softmax": [
        ("m = x.max(axis=-1, keepdims=True)", "m = np.zeros(1)", "exp(1000) is infinite"),
        ("m = x.max(axis=-1, keepdims=True)", "m = x.max()", "own maximum"),
        ("np.where(np.isfinite(m), m, 0)", "(m if np.isfinite(m).all() else 0)", "subtract 0"),
        ("total = e.sum(axis=-1, keepdims=True)", "total = e.sum()", "goes over everything"),
        ("total = e.sum(axis=-1, keepdims=True)", "total = e.sum(axis=0, keepdims=True)", "down the columns"),
        ("total = e.sum(axis=-1, keepdims=True)", "total = e.sum(axis=-1)", "keepdims"),
        (SOFTMAX, "return e / total", "so is 0 / 0"),
        ("np.where(np.isfinite(m), m, 0)", "m", "-inf - -inf is nan"),
        (SOFTMAX, "return e", "not yet divided"),
        (SOFTMAX, "return np.log(e / total)", "logarithm"),
        (SOFTMAX, "e / np.where(total == 0, 1, total)", "`return`"),
        ("e = np.exp(x - np.where(np.isfinite(m), m, 0))", "x -= np.where(np.isfinite(m), m, 0); e = np.exp(x)", "Work on a copy"),
        (SOFTMAX, "return (e / np.where(total == 0, 1, total)).astype(float)", "float32"),
        (SOFTMAX, "return e / (total + 1e-3)", "by nothing else"),
        ("e = np.exp(x - np.where(np.isfinite(m), m, 0))", "e = 2.0 ** (x - np.where(np.isfinite(m), m, 0))", "base of the powers"),
        ("e = np.exp(x - np.where(np.isfinite(m), m, 0))", "e = (x == m) * np.ones_like(x)", "largest score gets the whole"),
        ("m = x.max(axis=-1, keepdims=True)", "x = np.clip(x, -50, 50); m = x.max(axis=-1, keepdims=True)",
         "cut off"),
        ("m = x.max(axis=-1, keepdims=True)", "x = np.maximum(x, -1e30); m = x.max(-1, keepdims=True)", "equal finite numbers"),
        ("m = x.max(axis=-1, keepdims=True)", "x[np.isneginf(x)] = -1e30; m = x.max(axis=-1, keepdims=True)", "equal finite"),
        ("total = e.sum(axis=-1, keepdims=True)", "total = e.sum(axis=1, keepdims=True)", "not always along axis 1"),
        ("total = e.sum(axis=-1, keepdims=True)",
         "total = np.stack([r.sum(keepdims=r.ndim > 1) for r in e])\n    total = total[:, None] if e.ndim < 3 else total",
         "x[i] is taken"),
        (SOFTMAX, "return 1 / (1 + np.exp(-x))", "sigmoid"),
        ("m = x.max(axis=-1, keepdims=True)", "m = abs(x).max(axis=-1, keepdims=True)", "no other number"),
        ("m = x.max(axis=-1, keepdims=True)", "m = x.mean(axis=-1, keepdims=True)", "no other number"),
    ],
    "softmax_vjp": [
        (VJP, "return g * s", "sum is missing"),
        (VJP, "return g * s * (1 - s)", "diagonal"),
        (VJP, "return s * (g - (g * s).sum())", "over everything"),
        (VJP, "return s * (g - (g * s).sum(axis=0))", "wrong axis"),
        (VJP, "return s * ((g * s).sum(axis=-1, keepdims=True) - g)", "sign"),
        (VJP, "return np.zeros_like(s)", "Zeros"),
        (VJP, "return s * (g - g.sum(axis=-1, keepdims=True))", "weighted by the shares"),
        (VJP, "return g - (g * s).sum(axis=-1, keepdims=True)", "s_i in front"),
        (VJP, "return s * (g - (g * s).sum(axis=-1))", "keepdims"),
        (VJP, "return s * (g - g.mean(axis=-1, keepdims=True))", "plain mean"),
        (VJP, "g -= (g * s).sum(axis=-1, keepdims=True)\n    return s * g", "Work on a copy"),
        (VJP, "s = softmax(s)\n    " + VJP, "applied to s again"),
        (VJP, "return s * (g - np.mean(g * s, axis=-1, keepdims=True))", "it is their sum"),
        (VJP, "return s - g", "cross-entropy"),
        (VJP, "return s * g - np.vecdot(g, s)[..., None]", "multiplies both terms"),
        (VJP, "return s * (1 - s)", "g is missing"),
        (VJP, "return s * (g - (g * s).sum(axis=1, keepdims=True))", "wrong axis"),
    ],
    "attention": [
        (SCORES, "scores = q @ np.swapaxes(k, -1, -2)", "1/sqrt(d) is missing"),
        (SCORES, SCORES.replace("math.sqrt(q.shape[-1])", "q.shape[-1]"), "it is the root of d"),
        (SCORES, SCORES.replace("q.shape[-1]", "k.shape[-2]"), "length d of a query"),
        (SCORES, SCORES.replace("math.sqrt", "np.sqrt"), "np.sqrt(8)"),
        (SCORES, SCORES.replace("np.swapaxes(k, -1, -2)", "k.T"), "np.swapaxes"),
        (MASKED, MASKED.replace("mask, scores, scores.dtype.type(-np.inf)", "mask, scores.dtype.type(-np.inf), scores"), "invert"),
        (MASKED, MASKED.replace("scores.dtype.type(-np.inf)", "0.0"), "exp(0) is 1"),
        (MASKED, MASKED.replace("scores.dtype.type(-np.inf)", "scores.dtype.type(-1e9)"), "-1e9"),
        (LAST, "e = np.exp(scores)\n    return e / e.sum(-1, keepdims=True) @ v", "Your softmax of above"),
        (SCORES, SCORES.replace("q.shape[-1]", "len(q)"), "number of texts"),
        (MASKED, "pass", "mask is not used"),
        (MASKED, "return softmax(scores) * mask @ v", "after softmax"),
        (LAST, "return softmax(scores)", "shares themselves"),
        (LAST, "return scores @ v", "Softmax is missing"),
        (LAST, "return softmax(scores) @ v / math.sqrt(q.shape[-1])", "no longer sum to 1"),
        (SCORES, SCORES.replace("q.shape[-1]", "v.shape[-1]"), "length of a value"),
        (LAST, "return softmax(np.where(causal_mask(max(scores.shape[-2:]))[:scores.shape[-2], :scores.shape[-1]], scores, "
         "scores.dtype.type(-np.inf))) @ v", "always causal"),
        (MASKED, "scores = scores + mask", "by 1 alone"),
        (MASKED, MASKED.replace("scores.dtype.type(-np.inf)", "scores.dtype.type(-10)"), "such as -1 or -10"),
        (LAST, "return np.exp(scores) @ v", "not divided by its sum"),
        (SCORES, "k *= 1.5; k /= 1.5; k += 0.1; k = k - 0.1\n    " + SCORES, "Work on a copy"),
        (LAST, "e = np.exp(scores)\n    t = e.sum(-1)[..., None]\n    return e / np.where(t == 0, 1, t) @ v", "row's maximum"),
        (LAST, "return softmax(scores.swapaxes(-1, -2)).swapaxes(-1, -2) @ v", "over the queries"),
    ],
    "causal_mask": [
        (CAUSAL, CAUSAL.replace(">=", ">"), "No position sees itself"),
        (CAUSAL, CAUSAL.replace(">=", "<="), "transpose it"),
        (CAUSAL, CAUSAL.replace(">=", "<"), "forbids where it should allow"),
        (CAUSAL, CAUSAL + " - 1", "one step ahead"),
        (CAUSAL, "return np.tri(T)", "gives booleans"),
        (CAUSAL, "return np.where(np.tri(T), 0.0, -np.inf)", "to be added"),
        (CAUSAL, "return np.ones((T, T), dtype=bool)", "Each position sees all positions"),
        (CAUSAL, "return np.eye(T, dtype=bool)", "only itself"),
        (CAUSAL, "np.tri(T, dtype=bool)", "`return`"),
        (CAUSAL, "return np.tri(T, dtype=bool)[None]", "a third of size 1"),
        (CAUSAL, "return np.tri(T, dtype=bool)[::-1]", "reverse order"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERWISE)
def test_stub_solution_and_another_solution(name):
    assert_judged_right(name, OTHERWISE[name])


@pytest.mark.parametrize("name", OTHERWISE)
def test_the_exercise_s_own_mistakes(name):
    assert_mistakes_are_named(name)


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "old", "new", "said"), [(n, *w) for n, wrong in WRONG.items() for w in wrong]
)
def test_wrong_answers_are_named(name, old, new, said):
    assert_mistake(name, changed(solved(name), old, new), said)


def test_through_the_sandbox(tmp_path):
    file = tmp_path / FILE
    file.write_text(solved("softmax"), encoding="utf-8")
    assert all(check_file(name, file).passed for name in OTHERWISE)
