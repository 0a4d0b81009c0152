"""Lesson 08: the checks of layer normalization, the feed-forward network and the block are held against right and wrong answers."""

import ast
from pathlib import Path

import pytest
from article import listing
from cases import assert_mistake, assert_mistakes_are_named, changed, judge_source, solved, stub

from minitransformer.course.sandbox import check_file

NAMES = ("layer_norm", "layer_norm_vjp", "feed_forward", "encoder_block")
SOURCE = Path(__file__).parents[2] / "lessons" / "sources" / "08_transformer_encoder.py"

OTHERWISE = {
    "layer_norm": """
import numpy as np
def layer_norm(x, weight, bias, eps=1e-5):
    rows = x.reshape(-1, x.shape[-1])
    mean, spread = np.mean(rows, 1), np.sqrt(np.var(rows, 1) + x.dtype.type(eps))
    return (bias + weight * ((rows.T - mean) / spread).T).reshape(x.shape)
""",
    "layer_norm_vjp": """
import numpy as np
def layer_norm_vjp(g, x, weight, eps=1e-5):
    C = x.shape[-1]
    rows, up = x.reshape(-1, C), g.reshape(-1, C)
    dx, dweight, dbias = np.zeros_like(rows), np.zeros_like(weight), np.zeros_like(weight)
    for i, (row, gi) in enumerate(zip(rows, up)):
        z = row - row.mean()
        s = (z @ z / C + x.dtype.type(eps)) ** x.dtype.type(0.5)
        z = z / s
        jacobian = (np.eye(C, dtype=x.dtype) - 1 / x.dtype.type(C) - np.outer(z, z) / C) / s
        dx[i] = jacobian.T @ (weight * gi)
        dweight += gi * z
        dbias += gi
    return dx.reshape(x.shape), dweight, dbias
""",
    "feed_forward": """
import numpy as np
def feed_forward(x, w1, b1, w2, b2):
    hidden = np.einsum("...c,fc->...f", x, w1) + b1
    return b2 + np.einsum("...f,cf->...c", np.where(hidden > 0, hidden, np.zeros_like(hidden)), w2)
""",
    "encoder_block": """
def encoder_block(x, p, n_heads, mask=None, norm_first=False):
    heads = [p["self_attn." + n] for n in ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")]
    parts = [
        ("norm1", lambda t: multi_head_attention(t, *heads, n_heads, mask)),
        ("norm2", lambda t: feed_forward(t, *(p[f"linear{i}.{n}"] for i in (1, 2) for n in ("weight", "bias")))),
    ]
    for name, part in parts:
        norm = lambda t: layer_norm(t, p[name + ".weight"], p[name + ".bias"])
        x = part(norm(x)) + x if norm_first else norm(part(x) + x)
    return x
""",
}


def otherwise(name):
    """Another correct solution; the block's stands below the other three, which it uses."""
    return solved(name).replace("def encoder_block", "def _their_block") + OTHERWISE[name]


CENTRED = "centred = x - x.mean(axis=-1, keepdims=True)  # (..., C)"
VAR = "var = (centred * centred).mean(axis=-1, keepdims=True)"
SCALE = "return centred / np.sqrt(var + eps) * weight + bias"
S = "s = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)"
DX = "dx = (h - h.mean(axis=-1, keepdims=True) - z * (h * z).mean(axis=-1, keepdims=True)) / s"
SUMS = "return dx, (g * z).sum(axis=tokens), g.sum(axis=tokens)"
FFN = "np.maximum(x @ w1.T + b1, 0) @ w2.T + b2"
POST1, POST2 = "x = norm(1, x + attend(x))", "return norm(2, x + think(x))"
PRE1, PRE2 = "x = x + attend(norm(1, x))", "return x + think(norm(2, x))"
BOTH = f"    if norm_first:\n        {PRE1}\n        {PRE2}\n    {POST1}\n    {POST2}\n"
WRONG = {
    "layer_norm": [
        (f"{CENTRED}\n    {VAR}", "centred = x - x.mean(); var = np.var(x)", "go over everything"),
        (f"{CENTRED}\n    {VAR}", "centred = x - x.mean(0); var = np.var(x, 0)", "batch normalization"),
        (f"{CENTRED}\n    {VAR}", "centred = x - x.mean(-2, keepdims=True); var = x.var(-2, keepdims=True)", "go over the tokens"),
        (VAR, "var = np.square(centred).sum(-1, keepdims=True) / (x.shape[-1] - 1)", "C - 1"),
        (VAR, "var = np.einsum('...c,...c->...', x, x)[..., None] / x.shape[-1] - (x - centred) ** 2", "two huge numbers"),
        (SCALE, "return centred / (np.std(x, -1, keepdims=True) + eps) * weight + bias", "beside the root"),
        (SCALE, "return centred / np.sqrt(var + 1e-5) * weight + bias", "use the argument"),
        (SCALE, "return centred / np.std(x, axis=-1, keepdims=True) * weight + bias", "eps is missing"),
        (SCALE, "return weight * centred / (var + eps) + bias", "root is missing"),
        (SCALE, "return x / np.sqrt(var + eps) * weight + bias", "mean is not subtracted."),
        (SCALE, "return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + eps) * weight + bias", "RMSNorm"),
        (SCALE, "return centred * weight + bias", "not yet divided"),
        (SCALE, "return centred / np.sqrt(var + eps)", "weight and bias are not used"),
        (SCALE, "return weight * (centred / np.sqrt(var + eps) + bias)", "comes last"),
        (SCALE, "x -= x.mean(axis=-1, keepdims=True); " + SCALE, "copy"),
        (SCALE, SCALE.removeprefix("return "), "return"),
        (VAR, "var = (centred * centred).sum(axis=-1, keepdims=True)", "sum of squares"),
        (VAR, "var = np.abs(centred).mean(axis=-1, keepdims=True) ** 2", "mean of |x - mean|"),
        (SCALE, "return centred * np.sqrt(var + eps) * weight + bias", "divide by it"),
        (SCALE, "return centred / np.sqrt(var + eps) * bias + weight", "are exchanged"),
        (SCALE, "with np.errstate(all='ignore'):\n        return centred / np.sqrt(var - eps) * weight + bias",
         "eps is subtracted"),
    ],
    "layer_norm_vjp": [
        (DX, "dx = h / s", "treated as constants"),
        (DX, "dx = (h - np.mean(h, -1)[..., None]) / s", "through s is missing"),
        (DX, "dx = (h - z * np.mean(h * z, -1)[..., None]) / s", "through the mean is missing"),
        (DX, "dx = (h - h.sum(-1, keepdims=True) - z * (h * z).sum(-1, keepdims=True)) / s", "Sums stand where means"),
        (DX, "dx = (h - h.mean() - z * (h * z).mean()) / s", "go over everything"),
        (DX, "dx = (h - h.mean(-2, keepdims=True) - z * (h * z).mean(-2, keepdims=True)) / s", "go over the tokens"),
        (DX, DX.removesuffix(" / s"), "not divided by s"),
        (DX, DX.replace("- z * (h * z)", "- centred * (h * centred)"), "here it is x - mean"),
        ("    h = g * weight  # (..., C)\n", "    h = g\n", "h = g * weight"),
        (S, "s = x.std(axis=-1, keepdims=True)", "eps is missing"),
        (SUMS, "return dx, (x * g).sum(axis=tokens), g.sum(axis=tokens)", "not x"),
        (SUMS, "return dx, (h * z).sum(axis=tokens), g.sum(axis=tokens)", "does not contain weight"),
        (SUMS, "return dx, g * z, g", "sum over all axes but the last"),
        (SUMS, "return dx, (g * z).sum(axis=tokens), h.sum(axis=tokens)", "sum of g itself"),
        (SUMS, "return dx / s, (g * z).sum(axis=tokens), g.sum(axis=tokens)", "twice"),
        (DX, DX.replace("- z * (h * z)", "+ z * (h * z)"), "A sign is wrong"),
        (DX, DX.replace("- z * (h * z)", "- (h * z)"), "z is missing in front"),
        (DX, DX.removesuffix(" / s") + " * s", "multiplied by s"),
        ("tokens = tuple(range(x.ndim - 1))", "tokens = (0, 1)[: x.ndim - 1]", "however many"),
        (SUMS, "return dx, (g * z).sum(), g.sum()", "summed over everything"),
        (SUMS, "return dx, (g * z).sum(axis=0), g.sum(axis=0)", "first axis only"),
        (SUMS, "return dx, np.mean(g * z, tokens), np.mean(g, tokens)", "not means"),
        (SUMS, "return dx, g.sum(axis=tokens), (g * z).sum(axis=tokens)", "exchanged"),
        (SUMS, "return np.zeros_like(x), np.zeros_like(weight), np.zeros_like(weight)", "zeros"),
        (SUMS, "return dx", "dx, dweight, dbias"),
        (SUMS, SUMS.removeprefix("return "), "return"),
    ],
    "feed_forward": [
        (FFN, "(x @ w1.T + b1) @ w2.T + b2", "two linear maps in a row are one"),
        (FFN, "np.sqrt((x @ w1.T + b1) ** 2) @ w2.T + b2", "absolute value of a"),
        (FFN, "np.where(x @ w1.T + b1 < 0, x @ w1.T + b1, 0) @ w2.T + b2", "keeps the negative"),
        (FFN, "np.max(x @ w1.T + b1, 0) @ w2.T + b2", "np.maximum(a, 0) compares"),
        (FFN, "np.heaviside(x @ w1.T + b1, 0) @ w2.T + b2", "gives 1 where"),
        (FFN, "np.tanh(x @ w1.T + b1) @ w2.T + b2", "tanh"),
        (FFN, "np.maximum(np.maximum(x @ w1.T + b1, 0) @ w2.T + b2, 0)", "at the end as well"),
        (FFN, "np.maximum((x @ w1.T + b1) @ w2.T + b2, 0)", "relu comes at the end;"),
        (FFN, "(np.maximum(x, 0) @ w1.T + b1) @ w2.T + b2", "of x itself"),
        (FFN, "(np.maximum(x @ w1.T, 0) + b1) @ w2.T + b2", "after relu"),
        (FFN, "np.maximum(x @ w1.T, 0) @ w2.T + b2", "b1 is missing"),
        (FFN, "np.maximum(x @ w1.T + b1, 0) @ w2.T", "b2 is missing"),
        (FFN, f"x + {FFN}", "block's task"),
        (f"return {FFN}", FFN, "return"),
        (FFN, "np.where(x @ w1.T + b1 > 0, x @ w1.T + b1, 0.01 * (x @ w1.T + b1)) @ w2.T + b2", "leaky relu"),
        (FFN, "np.logaddexp(0, x @ w1.T + b1) @ w2.T + b2", "smooth relu"),
        (FFN, "np.clip(x @ w1.T + b1, 0, 6) @ w2.T + b2", "have a limit"),
        (FFN, "np.maximum(x @ w1.T + b1, 0) ** 2 @ w2.T + b2", "square of relu"),
        (FFN, "np.maximum(x @ w1.T - b1, 0) @ w2.T + b2", "bias is subtracted"),
    ],
    "encoder_block": [
        (BOTH, "    if norm_first:\n        return think(norm(2, attend(norm(1, x))))\n"
         "    return norm(2, think(norm(1, attend(x))))\n",
         "x is missing in the sums"),
        (BOTH, BOTH.replace("x + attend", "attend"), "first sum, around attention"),
        (BOTH, BOTH.replace("x + think", "think"), "second sum, around the network"),
        (BOTH, "    if norm_first:\n        y = x + attend(norm(1, x))\n        return x + think(norm(2, y))\n"
         "    y = norm(1, x + attend(x))\n    return norm(2, x + think(y))\n", "adds the x that came in"),
        (f"{PRE1}\n        {PRE2}",
         "x = norm(1, x)\n        x = x + attend(x)\n        x = norm(2, x)\n        return x + think(x)",
         "what is added is x itself"),
        (BOTH, f"    {POST1}\n    {POST2}\n", "norm_first is not used"),
        (BOTH, f"    {PRE1}\n    {PRE2}\n", "in both cases; they do so only"),
        ("if norm_first:", "if not norm_first:", "inverted"),
        (f"    {POST1}\n    {POST2}\n", "    x = x + norm(1, attend(x))\n    return x + norm(2, think(x))\n",
         "The norm is taken of what is added; without"),
        (BOTH, BOTH.replace("attend(norm(1, x))", "norm(1, attend(x))").replace("think(norm(2, x))", "norm(2, think(x))"),
         "Norms first: the norm is applied to what is added"),
        (BOTH, BOTH.replace("attend(norm(1, x))", "attend(x)").replace("think(norm(2, x))", "think(x)"), "get x, not its norm"),
        (BOTH, BOTH.replace("norm(2,", "norm(1,"), "norm1 is used twice"),
        (BOTH, BOTH.replace("norm(2,", "norm(0,").replace("norm(1,", "norm(2,").replace("norm(0,", "norm(1,"), "exchanged"),
        (BOTH, BOTH.replace("think", "_").replace("attend", "think").replace("_(", "attend("), "comes before attention"),
        (BOTH, "    if norm_first:\n        return x + attend(norm(1, x)) + think(norm(2, x))\n"
         "    return norm(2, norm(1, x + attend(x)) + think(x))\n", "side by side"),
        (BOTH, BOTH.replace(f"{PRE1}\n        ", "").replace("x + attend(x)", "x"), "Attention is missing"),
        (BOTH, BOTH.replace(" + think(norm(2, x))", "").replace(" + think(x)", ""), "network is missing"),
        ("n_heads, mask)\n\n    def think", "n_heads)\n\n    def think", "mask is not used"),
        (PRE1, "x += attend(norm(1, x))", "x = x + ..."),
        (f"{PRE1}\n        {PRE2}", "return x + attend(norm(1, x)) + think(norm(2, x))", "side by side"),
        (f"{POST1}\n    {POST2}", "return norm(2, x + think(norm(1, x + attend(x))))", "adds the x that came in"),
        (POST1, "x = norm(1, attend(x))", "first sum, around attention"),
        (PRE2, "return norm(2, x + think(norm(2, x)))", "a norm more at the end"),
        (PRE2, "return x + think(x)", "second norm is missing"),
        (POST2, "return x + think(x)", "last norm is missing"),
        ("n_heads, mask)\n\n    def think", "1, mask)\n\n    def think", "as one head"),
        (POST2, POST2.removeprefix("return "), "return"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_stub_solution_and_another_solution(name):
    assert judge_source(name, stub(name)).status == "unwritten"
    assert judge_source(name, solved(name)).passed, judge_source(name, solved(name))
    assert judge_source(name, otherwise(name)).passed, judge_source(name, otherwise(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_s_own_mistakes(name):
    assert_mistakes_are_named(name)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"), [(n, *w) for n, wrong in WRONG.items() for w in wrong]
)
def test_wrong_answers_are_named(name, old, new, said):
    assert_mistake(name, changed(solved(name), old, new), said)


def test_through_the_sandbox(tmp_path):
    file = tmp_path / "08_transformer_encoder.py"
    file.write_text(solved("layer_norm"), encoding="utf-8")
    for name in NAMES:
        assert check_file(name, file).passed


def test_the_lesson_shows_the_listing_that_is_tested():
    """The class of the article, word for word as in tests/article.py."""
    nodes = ast.parse(SOURCE.read_text(encoding="utf-8")).body
    (shown,) = (
        n.value.value for n in nodes if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "LISTING"
    )
    assert shown.split("class TransformerModel")[1] == listing("torch").split("class TransformerModel")[1]
