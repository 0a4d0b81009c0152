"""Lesson 07: the checks of heads, concatenation and multi-head attention are held against right and wrong answers."""

import pytest
from cases import assert_judged_right, assert_mistake, assert_mistakes_are_named, changed, solved

from minitransformer.course.sandbox import check_file

NAMES = ("split_heads", "merge_heads", "concat_vjp", "multi_head_attention")

OTHERWISE = {
    "split_heads": """
import numpy as np
def split_heads(x, n_heads):
    return np.stack(np.split(x, n_heads, axis=2), axis=1)
""",
    "merge_heads": """
import numpy as np
def merge_heads(x):
    return np.concatenate([x[:, h] for h in range(x.shape[1])], axis=-1)
""",
    "concat_vjp": """
def concat_vjp(g, sizes, axis):
    parts, start = [], 0
    for n in sizes:
        where = [slice(None)] * g.ndim
        where[axis] = slice(start, start + n)
        parts.append(g[tuple(where)])
        start += n
    return tuple(parts)
""",
    "multi_head_attention": """
import math
import numpy as np
def multi_head_attention(x, w_in, b_in, w_out, b_out, n_heads, mask=None):
    C = x.shape[2]
    d = C // n_heads
    result = b_out
    for h in range(n_heads):
        rows = np.arange(h * d, h * d + d)
        q, k, v = (np.einsum("btc,dc->btd", x, w_in[rows + i * C]) + b_in[rows + i * C] for i in range(3))
        scores = np.einsum("btd,bsd->bts", q, k) * d ** -0.5
        if mask is not None:
            scores[:, ~mask] = -np.inf
        e = np.exp(scores - scores.max(2, keepdims=True))
        head = np.einsum("bts,bsd->btd", e, v) / e.sum(2, keepdims=True)
        result = result + np.einsum("btd,cd->btc", head, w_out[:, rows])
    return result.astype(x.dtype)
""",
}

CUT = "x.reshape(B, T, n_heads, C // n_heads).transpose(0, 2, 1, 3)"
JOIN = "x.transpose(0, 2, 1, 3).reshape(B, T, H * d)"
TAKE = "tuple(np.split(g, np.cumsum(sizes)[:-1], axis))"
PARTS = "(split_heads(part, n_heads) for part in np.split(x @ w_in.T + b_in, 3, axis=-1))"
WRONG = {
    "split_heads": [
        (CUT, "np.reshape(x, (B, n_heads, T, C // n_heads))", "gives whole tokens to the heads"),
        (CUT, "np.stack([x[:, :, h::n_heads] for h in range(n_heads)], 1)", "0, n_heads, 2 n_heads"),
        (CUT, "np.stack(np.split(x, n_heads, 2), 2)", "the axes are still"),
        (CUT, "np.stack([p.swapaxes(1, 2) for p in np.split(x, n_heads, 2)], 1)", "(d, T)"),
        (CUT, "np.array(np.split(x, n_heads, 2))", "The heads come before the batch"),
        (CUT, "np.stack(np.split(x, C // n_heads, 2), 1)", "not how wide each is"),
        (f"return {CUT}", f"x *= 1.5; x /= 1.5; return 0 * {CUT}", "changed in place"),
        (f"return {CUT}", f"{CUT}", "return"),
        (CUT, f"np.array({CUT}, dtype=float)", "float64"),
        (CUT, "x.view(B, T, n_heads, C // n_heads).transpose(0, 2, 1, 3)", "x.reshape(..) gives another shape"),
        (CUT, "x.swapaxes(1, 2).reshape(B, n_heads, T, -1)", "mixes channels and tokens"),
        (CUT, "x.reshape(B, T, n_heads, -1).transpose(0, 3, 1, 2)", "Two axes too many"),
        (CUT, "np.stack(np.split(x, n_heads, 2)[::-1], 1)", "reverse order"),
        (CUT, "np.repeat(x[:, None], n_heads, axis=1)", "Every head has all channels"),
        (CUT, f"{CUT}.reshape(B * n_heads, T, -1)", "have become one axis"),
        (CUT, f"{CUT}.squeeze(0) if B == 1 else {CUT}", "The batch is gone"),
        (CUT, f"{CUT}.squeeze(2) if T == 1 else {CUT}", "do not squeeze"),
    ],
    "merge_heads": [
        (JOIN, "np.reshape(x, (B, T, H * d))", "mixes the tokens"),
        (JOIN, "np.stack([x[:, h] for h in range(H)], -1).reshape(B, T, H * d)", "alternate"),
        (JOIN, "np.moveaxis(x, 1, 2)", "still have to become one"),
        (JOIN, "sum(x[:, h] for h in range(H))", "The sum of the heads"),
        (JOIN, "x.mean(axis=1)", "mean of the heads"),
        (JOIN, "np.concatenate([x[:, h] for h in range(H)], 1)", "below each other"),
        (JOIN, "np.concatenate([x[:, h] for h in range(H)], 2).swapaxes(0, 1)", "before the batch"),
        (f"return {JOIN}", f"{JOIN}", "return"),
        (JOIN, "x.swapaxes(2, 3).reshape(B, T, H * d)", "before the reshape"),
        (JOIN, f"{JOIN}.swapaxes(1, 2)", "channels come before the tokens"),
        (JOIN, "x[:, 0]", "Only the first head"),
        (JOIN, f"{JOIN}.reshape(B * T, H * d)", "All texts have become one"),
    ],
    "concat_vjp": [
        (TAKE, "tuple(np.split(g, sizes, axis))", "indices at which to cut, not the sizes"),
        (TAKE, "tuple(np.split(g, np.cumsum(sizes), axis))", "last part is empty"),
        (TAKE, "[g for _ in sizes]", "Each array gets all of g"),
        (TAKE, "np.array_split(g, len(sizes), axis)", "equally long"),
        (TAKE, "[np.take(g, range(n), axis) for n in sizes]", "begins at 0"),
        (TAKE, f"{TAKE}[::-1]", "reverse order"),
        (TAKE, "np.split(g, np.cumsum(sizes)[:-1], g.ndim - 1)", "along the last axis"),
        (TAKE, "np.split(g, np.cumsum(sizes)[:-1])", "along the first axis"),
        (TAKE, "np.split(g, np.cumsum(sizes)[:-1], 1)", "along axis 1"),
        (TAKE, "[p / len(sizes) for p in np.split(g, np.cumsum(sizes)[:-1], axis)]", "Divide nothing"),
        (TAKE, "[p * 0 for p in np.split(g, np.cumsum(sizes)[:-1], axis)]", "zeros"),
        (f"return {TAKE}", TAKE, "return"),
        (TAKE, "tuple(np.split(g, np.cumsum(sizes)[:-1] + 1, axis))", "too short by one"),
        (TAKE, "(part for part in np.split(g, np.cumsum(sizes)[:-1], axis))", "makes one of it"),
        (TAKE, "tuple(np.take(g, range(a, a + n), axis) for a, n in zip([0] + sizes, sizes))", "add up the sizes"),
        (TAKE, "tuple(np.split(g, len(sizes), axis))", "parts of equal length"),
        (TAKE, "tuple(np.split(g, np.cumsum(sizes)[:-1], axis))[1:]", "one for each array"),
        (TAKE, "tuple(p.sum(axis) for p in np.split(g, np.cumsum(sizes)[:-1], axis))", "Each part is added up"),
    ],
    "multi_head_attention": [
        ("attention(q, k, v, mask)", "attention(q / math.sqrt(n_heads), k, v, mask)", "root of C"),
        ("attention(q, k, v, mask)", "attention(q * math.sqrt(q.shape[-1]), k, v, mask)", "1/sqrt(d) is missing"),
        ("attention(q, k, v, mask)", "attention(q, v, k, mask)", "k and v are exchanged"),
        ("attention(q, k, v, mask)", "attention(v, q, k, mask)", "in another order"),
        ("attention(q, k, v, mask)", "attention(q, q, q, mask)", "the same part"),
        ("attention(q, k, v, mask)", "attention(q, q, v, mask)", "k is q here"),
        ("attention(q, k, v, mask)", "attention(q / q.shape[-1] ** 0.5, k, v, mask)", "the root of d"),
        ("attention(q, k, v, mask)", "attention(q, k, v, None if mask is None else mask.T)", "mask is transposed"),
        ("attention(q, k, v, mask)", "attention(q, k, v, np.tri(q.shape[-2], dtype=bool) & (True if mask is None else mask))",
         "always causal"),
        ("return merge_heads(heads)", "return x + merge_heads(heads)", "the block's task"),
        ("merge_heads(heads) @ w_out.T", "merge_heads(heads[:, ::-1]) @ w_out.T", "in another order"),
        ("heads = attention(q, k, v, mask)",
         "s = np.exp(q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])) * (1 if mask is None else mask)\n"
         "    heads = s / s.sum(-1, keepdims=True) @ v", "row's maximum"),
        ("attention(q, k, v, mask)", "attention(k, q, v, mask)", "q and k are exchanged"),
        ("attention(q, k, v, mask)", "attention(q, k, v)", "mask is not used"),
        ("attention(q, k, v, mask)", "attention(q, k, v, None if mask is None else ~mask)", "inverted"),
        ("merge_heads(heads) @ w_out.T", "merge_heads(heads) @ w_out", "w_out must be transposed"),
        ("merge_heads(heads) @ w_out.T", "merge_heads(heads)", "by w_out, is missing"),
        ("merge_heads(heads) @ w_out.T", "heads.reshape(x.shape) @ w_out.T", "which mixes the tokens"),
        ("@ w_out.T + b_out", "@ w_out.T", "b_out is missing"),
        ("x @ w_in.T + b_in", "x @ w_in.T", "b_in is missing"),
        (PARTS, PARTS.replace("split_heads(part, n_heads)", "split_heads(part, 1)"), "attend as one head"),
        (PARTS, PARTS.replace("split_heads(part, n_heads)", "part.reshape(*x.shape[:2], n_heads, -1)") + "\n"
         "    return attention(q, k, v, mask if mask is None or mask.shape[0] == n_heads else None).reshape(x.shape)"
         " @ w_out.T + b_out", "attend to each other"),
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
    file = tmp_path / "07_multi_head_attention.py"
    file.write_text(solved("split_heads"), encoding="utf-8")
    for name in NAMES:
        assert check_file(name, file).passed
