"""Lesson 11: the checks of the relevance rules are held against right and wrong answers."""

import pytest
from cases import (
    assert_judged_right,
    assert_mistake,
    assert_mistakes_are_named,
    changed,
    judge_source,
    solved,
)

NAMES = ("stabilised", "epsilon_rule", "explain_mlp", "matmul_rule", "softmax_rule", "layer_norm_rule")

OTHERWISE = {
    "stabilised": """
import numpy as np
def stabilised(z, eps=1e-6):
    out = np.array(z, copy=True)
    out[z >= 0] += eps
    out[z < 0] -= eps
    return out
""",
    "epsilon_rule": """
import numpy as np
def epsilon_rule(r, x, weight, bias, eps=1e-6):
    terms = x[:, None, :] * weight[None]                       # (N, n_out, n_in)
    z = terms.sum(-1) + bias
    signed = np.copysign(np.full_like(z, eps), z + (z == 0))
    per_unit = np.divide(r, z + signed)
    r_x = np.einsum("noi,no->ni", terms, per_unit)
    return r_x, np.dot(per_unit.sum(0), bias), np.sum(signed * per_unit)
""",
    "explain_mlp": """
import numpy as np
def explain_mlp(x, layers, target, eps=1e-6):
    sums, bias, epsilon = {}, 0, 0
    def back(i, h):
        # relevance of the input h of layer i, having gone on to the end
        nonlocal bias, epsilon
        w, b = layers[i]
        z = w @ h + b
        if i + 1 < len(layers):
            r = back(i + 1, np.clip(z, 0, None))
        else:
            r = np.where(np.arange(len(z)) == target, z, 0.0)
            sums["total"] = z[target]
        s = np.where(z >= 0, z + eps, z - eps)
        per = r / s
        bias += b @ per
        epsilon += (s - z) @ per
        return h * (w.T @ per)
    r = back(0, x)
    return r, dict(sums, inputs=r.sum(), bias=bias, epsilon=epsilon)
""",
    "matmul_rule": """
import numpy as np
def matmul_rule(r, a, b, eps=1e-6):
    terms = a[..., :, :, None] * b[..., None, :, :]            # (.., n, k, m)
    o = 2 * terms.sum(-2)
    signed = np.where(o >= 0, eps, -eps).astype(o.dtype)
    share = r / (o + signed)
    each = terms * share[..., None, :]
    return each.sum(-1), each.sum(-3), (signed * share).sum()
""",
    "softmax_rule": """
import numpy as np
def softmax_rule(r, x):
    top = np.max(x, -1)[..., None]
    s = np.exp(x - top) / np.exp(x - top).sum(-1)[..., None]
    x = np.nan_to_num(x, neginf=0.0)
    jacobian = np.eye(x.shape[-1], dtype=x.dtype) - s[..., None, :]          # ds_i/dx_j / s_i
    r_x = x * np.einsum("...i,...ij->...j", r, jacobian)
    return r_x, np.sum(r) - np.einsum("...i,...ij,...j->...", r, jacobian, x).sum()
""",
    "layer_norm_rule": """
import numpy as np
def layer_norm_rule(r, x, weight, bias, eps=1e-6):
    n = x.shape[-1]
    sigma = np.sqrt(x.var(-1, keepdims=True) + 1e-5).astype(x.dtype)
    w = weight[:, None] * (np.eye(n, dtype=x.dtype) - np.ones((n, n), x.dtype) / n) / sigma[..., None]   # (.., j, i)
    z = np.einsum("...ji,...i->...j", w, x) + bias
    s = np.where(z >= 0, z + eps, z - eps).astype(x.dtype)
    per = r / s
    return x * np.einsum("...ji,...j->...i", w, per), np.sum(per * bias), np.sum(per * (s - z))
""",
}

WRONG = {
    "stabilised": [
        ("z < 0, -eps", "z <= 0, -eps", "zero counts as positive"),
        ("-eps, eps)", "-1e-6, 1e-6)", "eps is an argument"),
        ("return z + ", "return z + abs(z) * ", "no product with z"),
        ("z < 0", "z > np.inf", "eps is added to negative numbers too"),
        ("np.where(z < 0, -eps, eps)", "(np.sign(z) * eps)", "sign(0) is 0"),
        ("np.where(z < 0, -eps, eps)", "np.where(z < 0, eps, -eps)", "towards zero"),
        ("return z + ", "return ", "only the stabiliser"),
        ("return z + ", "return np.abs(z) + eps + 0 * ", "sign of z is lost"),
        ("return z + ", "return z + (abs(z) < eps) * ", "Only numbers nearer"),
        (".astype(z.dtype)", ".astype(float)", "makes float64"),
        ("return z + ", "z += ", "return"),
    ],
    "epsilon_rule": [
        ("stable = stabilised(z, eps)\n    share = r / stable  # (N", "stable = z\n    share = r / stable  # (N", "not by z"),
        ("return x * (share @ weight), (share * bias).sum()", "return x * (share @ weight), (share * bias).mean()",
         "a first hint: The biases keep"),
        ("return x * (share", "return (share", "weights alone do not depend"),
        ("(share @ weight)", "share.sum(1, keepdims=True)", "the weight is missing"),
        ("z = x @ weight.T + bias  # (N, n_out)\n    stable", "z = x @ weight.T\n    stable", "bias is missing in z"),
        ("stable = stabilised(z, eps)\n    share = r / stable  # (N",
         "stable = z + eps\n    share = r / stable  # (N", "sign of z"),
        ("return x * (share @ weight)", "return r @ (weight / weight.sum(0)) * x", "sums over the inputs i"),
        ("(share @ weight), (share * bias).sum(), (share * (stable - z)).sum()",
         "(share @ weight), (share * (stable - z)).sum(), (share * bias).sum()", "swapped"),
        ("(share @ weight), (share * bias).sum(), (share * (stable - z)).sum()",
         "(share @ weight), (share * bias).sum(), eps * share.sum()", "S(z) - z, not eps"),
        ("return x * (share @ weight)", "return np.repeat(r.mean(1, keepdims=True) * r.shape[1], x.shape[1], 1) / x.shape[1]",
         "All inputs get the same"),
    ],
    "explain_mlp": [
        ("    r = np.zeros_like(z)\n    r[0, target] = z[0, target]",
         "    r = np.zeros_like(z)\n    r[0, target] = 1", "begins as 1"),
        ('ledger["bias"] +=', 'ledger["bias"] =', "bias"),
        ("z if i == 0 else np.maximum(z, 0)", "np.maximum(z, 0)", "into the first layer as it is"),
        ('ledger["inputs"] = float(r.sum())', 'ledger["inputs"] = float(x.sum())', "not of x"),
        ("return r[0], ledger", "return r, ledger", "without its first axis"),
        ("r, value, weight, bias, eps)", "r, value, weight, bias, 2 * eps)", "a first hint: Every layer"),
        ("np.maximum(z, 0))", "z)", "missing on the way forward"),
        ("return r[0], ledger", "return r[0] * (r[0] > 0), ledger", "cut off"),
        ('ledger["epsilon"] +=', 'ledger["bias"] +=', "booked under bias"),
        ("return r[0], ledger", "return r[0]", "return"),
        ("r = np.zeros_like(z)\n    r[0, target] = z[0, target]", "r = z.copy()", "All outputs"),
        ("    r = np.zeros_like(z)\n", "    z = z * (z > 0)\n    r = np.zeros_like(z)\n", "after the last layer"),
    ],
    "matmul_rule": [
        ("twice = 2 * (a @ b)", "twice = a @ b", "Both sides get all"),
        ("stabilised(twice, eps)", "twice + eps", "sign of O"),
        ("np.swapaxes(a, -1, -2) @ share", "a.reshape(*a.shape[:-2], *a.shape[:-3:-1]) @ share", "a first hint: R_B ="),
        ("    return r_a, r_b,", "    return r_a / a, r_b / b,", "multiply by a"),
        ("stabilised(twice, eps)", "2 * stabilised(twice / 2, eps)", "S(2 O), not 2 S(O)"),
        ("return r_a, r_b,", "return r_b, r_a,", "swapped"),
        ("(share * (stable - twice)).sum()", "share.sum() * eps", "not eps"),
        ("    return r_a, r_b, (share * (stable - twice))", "    share = r / stabilised(twice / 2, eps)\n"
         "    return 0 * a, b * (np.swapaxes(a, -1, -2) @ share), (share * stabilised(0 * twice, eps) * np.sign(twice))",
         "All goes to b"),
    ],
    "softmax_rule": [
        ("(r - s * r.sum(axis=-1, keepdims=True))", "r", "sum is missing"),
        ("kept = r * (1 - x", "kept = r * (1 + x", "x_i is subtracted"),
        ("x.max(axis=-1, keepdims=True)", "0", "largest score of each row"),
        ("x * (r - s * r.sum(axis=-1, keepdims=True))", "x * (r - s * r.sum())", "here everything is summed"),
        ("return x * (r - s", "return (r - s", "factor x_i is missing"),
        ("x * (r - s * r.sum(axis=-1, keepdims=True))", "x * (s * r - s * (s * r).sum(axis=-1, keepdims=True))", "s cancels"),
        ("s * r.sum(axis=-1,", "s * r.sum(axis=0,", "wrong axis"),
        ("np.where(np.isneginf(x), 0, x).astype(x.dtype)", "x", "nan"),
        (", kept.sum()", ", 0.0", "constant part keeps"),
        ("(r - s * r", "(r + s * r", "sign is wrong"),
        ("return x * (r", "return 0 * (r", "CP-LRP"),
    ],
    "layer_norm_rule": [
        ("slope - slope.mean(axis=-1, keepdims=True)", "slope", "mean is missing"),
        ("share * weight / sigma", "share * weight", "sigma is missing"),
        ("slope = share * weight", "slope = share", "weight is missing"),
        ("r_x = x *", "r_x = centred *", "not x less its mean"),
        ("x * (slope - slope.mean(axis=-1, keepdims=True))", "centred * slope", "its own z_i alone"),
        (" + x.dtype.type(1e-5))", ")", "1e-5 is missing"),
        ("np.sqrt((centred**2)", "((centred**2)", "root is missing"),
        ("z = weight * centred", "z = centred", "weight is missing in z"),
        ("return r_x, (share * bias).sum()", "return r_x, share * bias", "One number is asked for"),
        ("bias\n    stable = stabilised(z, eps)", "bias\n    stable = stabilised(z, eps / 2)",
         "a first hint: The denominator is S(z)"),
        ("return r_x, (share * bias).sum()", "return r_x, (share * bias)[0].sum()", "a first hint: The biases keep"),
        ("centred / sigma + bias\n    stable", "centred / sigma\n    stable", "bias is missing"),
        ("(centred**2).mean(axis=-1, keepdims=True)", "(centred**2).sum(axis=-1, keepdims=True) / (x.shape[-1] - 1)", "not n - 1"),
        ("return r_x, (", "return r, (", "unchanged"),
        ("    slope = share * weight / sigma\n", "    slope = share * weight / sigma\n"
         "    slope = slope - centred * (slope * centred).mean(axis=-1, keepdims=True) / sigma**2\n", "not held still"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_stub_solution_and_another_solution(name):
    assert_judged_right(name, OTHERWISE[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_s_own_mistakes(name):
    assert_mistakes_are_named(name)


@pytest.mark.parametrize("name", ["epsilon_rule", "matmul_rule", "layer_norm_rule"])
def test_where_no_dtype_is_promised_float64_is_right(name):
    source = changed(solved("stabilised"), ".astype(z.dtype)", "")
    assert judge_source(name, source).passed and not judge_source("stabilised", source).passed


def test_layers_walked_in_the_wrong_order_are_not_a_matter_of_keepdims():
    source = changed(solved("explain_mlp"), "reversed(inputs), reversed(layers)", "inputs, layers")
    report = judge_source("explain_mlp", source)
    assert not report.passed and "keepdims" not in report.hint


@pytest.mark.parametrize(
    ("name", "old", "new", "said"), [(n, *w) for n, wrong in WRONG.items() for w in wrong]
)
def test_wrong_answers_are_named(name, old, new, said):
    assert_mistake(name, changed(solved(name), old, new), said)
