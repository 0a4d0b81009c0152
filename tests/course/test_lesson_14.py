"""Lesson 14: the checks of what tells model families apart are held against right and wrong answers."""

import numpy as np
import pytest
from cases import (
    assert_judged_right,
    assert_mistake,
    assert_mistakes_are_named,
    changed,
    judge_source,
    solved,
)

import minitransformer as mt
from minitransformer.course.solutions import lesson_14_model_families as solutions
from minitransformer.models import t5
from minitransformer.recipes import masked_lm
from minitransformer.recipes.span_corruption import corrupted

NAMES = (
    "cross_attention",
    "mask_tokens",
    "span_corruption",
    "relative_buckets",
    "rotary_pairs",
    "grouped_attention",
)

OTHERWISE = {
    "cross_attention": """
import numpy as np
def cross_attention(x, memory, w_q, w_k, w_v, padding):
    scores = np.einsum("tc,dc,de,se->ts", x, w_q, w_k, memory[~padding]) * w_q.shape[0] ** -0.5
    scores -= scores.max(axis=1)[:, None]
    table = np.exp(scores)
    return np.einsum("ts,sc,ec->te", table, memory[~padding], w_v) / table.sum(1)[:, None]
""",
    "mask_tokens": """
import numpy as np
def mask_tokens(ids, chosen, fate, others, mask):
    read, targets = ids.copy(), -100 * np.ones(ids.shape, dtype=int)
    for i, row in enumerate(ids):
        for j, token in enumerate(row):
            if not chosen[i, j]:
                continue
            targets[i, j] = token
            if fate[i][j] < 0.8:
                read[i, j] = mask
            elif not fate[i][j] < 0.9:
                read[i, j] = others[i, j]
    return read, targets
""",
    "span_corruption": """
def span_corruption(ids, spans, first_mark):
    text, answer = list(ids), []
    for n, (start, length) in reversed(list(enumerate(spans))):
        text[start:start + length] = [first_mark + n]
        answer = [first_mark + n, *ids[start:start + length]] + answer
    answer.append(first_mark + len(spans))
    return text, answer
""",
    "relative_buckets": """
import math
import numpy as np
def relative_buckets(distances, both_ways, count=32, furthest=128):
    n = count // 2 if both_ways else count
    e = n // 2
    def one(d):
        f = abs(d) if both_ways else max(-d, 0)
        b = f if f < e else min(e + math.floor(math.log(f / e, furthest / e) * (n - e)), n - 1)
        return b + n if both_ways and d > 0 else b
    return np.array([one(int(d)) for d in np.ravel(distances)], dtype=int).reshape(np.shape(distances))
""",
    "rotary_pairs": """
import numpy as np
def rotary_pairs(x, positions, base=10000.0, interleaved=False):
    n = x.shape[-1] // 2
    pairs = x.reshape(*x.shape[:-1], n, 2) if interleaved else np.stack([x[..., :n], x[..., n:]], -1)
    z = pairs[..., 0] + 1j * pairs[..., 1]
    z = z * np.exp(1j * np.outer(positions, base ** (-np.arange(n) / n)))
    parts = [z.real, z.imag]
    return (np.stack(parts, -1).reshape(x.shape) if interleaved else np.concatenate(parts, -1)).astype(x.dtype)
""",
    "grouped_attention": """
import math
import numpy as np
def grouped_attention(q, k, v):
    (H, T, d), G = q.shape, k.shape[0]
    q = q.reshape(G, H // G, T, d)
    s = np.einsum("ghtd,gsd->ghts", q, k) / math.sqrt(d)
    s[..., np.triu(np.ones((T, T), bool), 1)] = -np.inf
    s -= s.max(-1, keepdims=True)
    p = np.exp(s)
    p /= p.sum(-1, keepdims=True)
    return np.einsum("ghts,gsd->ghtd", p, v).reshape(H, T, -1)
""",
}

LAST = "[*answer, first_mark + len(spans)]"
HALVES = "(slice(0, d, 2), slice(1, d, 2)) if interleaved else (slice(0, d // 2), slice(d // 2, d))"
RATIO = "np.log(np.maximum(far, exact) / exact) / np.log(furthest / exact)"
SHARED = "np.repeat(k, size, axis=0)  # (H, T, d)\n    v = np.repeat(v, size, axis=0)"
SCORES = "    scores = np.where(np.tri(q.shape[1], dtype=bool), scores, -np.inf)\n"
WRONG = {
    "cross_attention": [
        ("k = memory @ w_k.T  # (S, d)\n    v = memory @", "k = x @ w_k.T\n    v = x @", "as in self-attention|a token for each"),
        (" / np.sqrt(len(w_q))", "", "not divided"),
        ("np.sqrt(len(w_q))", "len(w_q)", "divided by d;"),
        ("np.where(padding, -np.inf, q @ k.T / np.sqrt(len(w_q)))", "q @ k.T / np.sqrt(len(w_q))", "not hidden"),
        ("np.where(padding,", "np.where(~padding,", "wrong way round"),
        ("padding, -np.inf", "padding, 0.0", "score like any other"),
        ("np.exp(scores - scores.max(axis=1, keepdims=True))", "np.exp(scores)", "as in lesson 06"),
        ("weights.sum(axis=1,", "weights.sum(axis=0,", "axis -1"),
        ("weights / weights.sum(axis=1, keepdims=True) @ v", "weights @ v", "not divided by their sum"),
        ("np.where(padding,", "np.where(padding | (np.tri(len(x), len(memory)) == 0),", "later tokens"),
        ("v = memory @ w_v.T", "v = memory", "multiply by w_v"),
        ("    q = x @ w_q.T", "    memory[padding] = 0\n    q = x @ w_q.T", "Work on a copy"),
        ("weights / weights.sum(axis=1, keepdims=True) @ v", "weights / weights.sum() @ v", "whole table"),
        ("len(w_q)", "len(memory)", "another dimension"),
        ("len(w_q)", "x.shape[-1]", "another dimension"),
        ("q = x @ w_q.T", "q = x @ w_q", "matrix product do not fit"),
        ("memory @ w_v.T", "x @ w_v.T", "values come from x"),
        ("q = x @ w_q.T", "q = memory @ w_q.T", "the tokens of x ask"),
    ],
    "mask_tokens": [
        ("chosen & (fate >= 0.9)", "chosen & (fate >= 0.8)", "No chosen token stays"),
        ("chosen & (fate >= 0.9), others, ids", "chosen & (fate >= 0.9), mask, ids", "from 0.9 to 1 as the mark"),
        ("chosen & (fate < 0.8)", "chosen", "Every chosen token is hidden"),
        ("chosen & (fate < 0.8)", "fate < 0.8", "a first hint: A token that is not chosen"),
        ("read = np.where(chosen & (fate >= 0.9), others, ids)\n    read = np.where(chosen & (fate < 0.8)",
         "read = np.where(fate >= 0.9, others, ids)\n    read = np.where(fate < 0.8", "their fate does not matter"),
        ("np.where(chosen, ids, -100)", "ids", "Every token is asked"),
        ("np.where(chosen, ids, -100)", "np.where(chosen, read, -100)", "not what is read"),
        ("np.where(chosen, ids, -100)", "np.where(chosen & (fate < 0.8), ids, -100)", "are asked too"),
        ("np.where(chosen, ids, -100)", "np.where(chosen, ids, 0)", "the target is -100"),
        ("np.where(chosen, ids, -100)", "np.where(chosen, -100, ids)", "targets are the wrong way round"),
        ("read, np.where(chosen, ids, -100)", "np.where(chosen, ids, -100), read", "changed places"),
        ("fate < 0.8", "fate <= 0.8", "At the limits"),
        ("    read = np.where(chosen & (fate >= 0.9), others, ids)",
         "    other = chosen & (fate >= 0.9)\n    read = ids\n    read[other] = others[other]", "begin with a copy"),
        ("read = np.where(chosen & (fate < 0.8), mask, read)", "read = np.where(chosen & (fate < 0.8), mask, ids)", "exchanged"),
        ("others, ids)\n    read = np.where(chosen & (fate < 0.8), mask, read)",
         "mask, ids)\n    read = np.where(chosen & (fate < 0.8), others, ids)", "from 0 to 0.8 as the other token"),
        ("return read, np.where(chosen, ids, -100)", "return read", "both, in this order"),
        ("    return read, np", "    read, np", "return"),
    ],
    "span_corruption": [
        (LAST, "answer", "last mark is missing"),
        ("first_mark + i]", "*[first_mark + i] * length]", "Each token of a span"),
        ("[*text, *ids[at:]], " + LAST, LAST + ", [*text, *ids[at:]]", "changed places"),
        ("answer += [first_mark + i, *", "answer += [*", "no marks"),
        ("ids[start : start + length]]", "ids[start : start + length + 1]]", "one token more"),
        ("        at = start + length", "        at = start", "behind their marks"),
        ("[*text, *ids[at:]], ", "text, ", "follows the last span"),
        ("    text = []", "    text = ids", "begin with an empty one"),
        ("    return [*text, *ids[at:]], " + LAST, "    [*text, *ids[at:]], " + LAST, "return"),
        (LAST, "[*answer, first_mark]", "The last mark is wrong"),
        (LAST, "[*answer, -100]", "a first hint: The text is ids[:start]"),
        ("first_mark + i]\n        answer += [first_mark + i,", "first_mark - i]\n        answer += [first_mark - i,",
         "count down"),
        ("at = start + length", "at = start + length - 1", "lost or written twice"),
        ("answer += [first_mark + i, *ids[start : start + length]]", "answer += [*ids[start : start + length], first_mark + i]",
         "stands before the tokens"),
        ("first_mark + i]\n        answer", "]\n        answer", "nothing stands for what was cut out"),
        ("*ids[start : start + length]]", "ids[start : start + length]]", "appends the list itself"),
        ("[*text, *ids[at:]], " + LAST, "tuple([*text, *ids[at:]]), " + LAST, "makes a list of a tuple"),
        ("at = start + length\n", "at = start + length\n    ids.clear() if spans else None\n", "What follows the last span"),
        ("    return [*text", "    spans.sort(reverse=True)\n    return [*text", "list(spans)"),
    ],
    "relative_buckets": [
        ("    return bucket + n * (distances > 0) if both_ways else bucket", "    return bucket", "share buckets"),
        ("    n = count // 2 if both_ways else count\n", "    n, distances = count // 2 if both_ways else count, -distances\n",
         "changed places"),
        ("    n = count // 2 if both_ways else count\n", "    n = count\n", "only count // 2"),
        (RATIO, "(np.maximum(far, exact) / exact - 1) / (furthest / exact - 1)", "take logarithms"),
        (RATIO, "np.log2(np.maximum(far, exact) / exact) / np.log(furthest / exact)", "same base"),
        (RATIO, "np.log(np.maximum(far, exact)) / np.log(furthest / exact)", "of a ratio to e"),
        ("np.maximum(-distances, 0)", "np.abs(distances)", "not np.abs"),
        ("np.maximum(-distances, 0)", "np.maximum(distances, 0)", "One way, the sign is wrong"),
        ("n * (distances > 0)", "n * (distances >= 0)", "own place counts as a key ahead"),
        ("n * (distances > 0) if both_ways else bucket", "n * (distances > 0)", "One way, nothing is added"),
        ("(ratio * (n - exact)).astype(int)", "np.ceil(ratio * (n - exact)).astype(int)", "not up"),
        ("np.minimum(exact + (ratio", "np.minimum(0 * exact + (ratio", "`e +` is missing"),
        (", n - 1)\n", ", n)\n", "not n: keep"),
        ("(ratio * (n - exact))", "(ratio * n)", "multiply by n - e"),
        ("exact = n // 2", "exact = n // 2 - 1", "half the buckets of one direction"),
        ("np.log(furthest / exact)", "np.log(128 / exact)", "a first hint: count and furthest are arguments"),
        ("np.minimum(exact + (ratio * (n - exact)).astype(int), n - 1)", "exact + (ratio * (n - exact)).astype(int)", "keep them"),
        ("(ratio * (n - exact)).astype(int)", "np.round(ratio * (n - exact)).astype(int)", "Round down"),
        ("np.where(far < exact, far, wide)", "np.minimum(far, n - 1)", "Every distance has a bucket of its own"),
        ("    return bucket + n * (distances > 0) if both_ways else bucket",
         "    return (bucket + n * (distances > 0) if both_ways else bucket) * 1.0", "astype(int) helps"),
    ],
    "rotary_pairs": [
        (HALVES, "(slice(0, d, 2), slice(1, d, 2))", "Neighbours are pairs here"),
        (HALVES, "(slice(0, d // 2), slice(d // 2, d))", "i goes with i + d/2 here"),
        ("if interleaved else", "if not interleaved else", "wrong way round"),
        ("positions[:, None] / base", "-positions[:, None] / base", "other way"),
        ("x[..., first] * cos - x", "x[..., first] * cos + x", "One sine has a minus"),
        ("y[..., second] = x[..., first]", "y[..., second] = y[..., first]", "keep the old one"),
        ("base ** (np.arange(0, d, 2) / d)", "np.ones(d // 2)", "All pairs turn alike"),
        ("[:, None] / base **", "[:, None] / 1e4 **", "`base` is not used"),
        ("np.empty_like(x)", "np.empty(x.shape)", "float32"),
        ("np.arange(0, d, 2) / d", "np.arange(d // 2) / d", "exponent is 2i / d"),
        (" / base ** (np", " * base ** (np", "The speeds grow"),
        ("positions[:, None] / base", "(positions + 1)[:, None] / base", "count begins at 1"),
        ("positions[:, None] / base", "np.arange(len(positions))[:, None] / base", "rows are counted"),
        ("x[..., first] * sin + x", "x[..., first] * -sin + x", "One sine has a minus"),
        ("cos = np.cos(angles).astype(x.dtype)\n    sin = np.sin", "sin = np.cos(angles).astype(x.dtype)\n    cos = np.sin",
         "changed places"),
        ("np.cos(angles).astype", "np.cos(np.degrees(angles)).astype", "a first hint: At place 1"),
        ("    return y\n", "    return y if x.ndim < 4 else y[:, :, ::-1]\n", "any number of dimensions in front"),
        ("np.empty_like(x)", "x", "keep the old one"),
        ("    return y\n", "    return np.concatenate([y[..., first], y[..., second]], axis=-1)\n", "stand apart"),
    ],
    "grouped_attention": [
        (SHARED, "np.tile(k, (size, 1, 1))\n    v = np.tile(v, (size, 1, 1))", "take turns"),
        (SHARED, "k[np.zeros(len(q), int)]\n    v = v[np.zeros(len(q), int)]", "All heads use the first"),
        (SCORES, "", "hide it"),
        (" / q.shape[-1] ** 0.5", "", "not divided"),
        (" / q.shape[-1] ** 0.5", " / q.shape[-1]", "divided by d;"),
        (SCORES + "    shares = np.exp(scores - scores.max(-1, keepdims=True))\n"
         "    return shares / shares.sum(-1, keepdims=True) @ v",
         "    shares = np.exp(scores - scores.max(-1, keepdims=True))\n"
         "    return np.tril(shares / shares.sum(-1, keepdims=True)) @ v", "after the softmax"),
        ("np.exp(scores - scores.max(-1, keepdims=True))", "np.exp(scores)", "as in lesson 06"),
        (" / q.shape[-1] ** 0.5", " / len(q) ** 0.5", "root is of another dimension"),
        (SHARED, "np.repeat(k, size, axis=0)\n    v = np.tile(v, (size, 1, 1))", "belong together"),
        (SHARED, "np.repeat(k, size, axis=1).reshape(q.shape)\n    v = np.repeat(v, size, axis=1).reshape(q.shape)",
         "along the places"),
        ("scores, -np.inf)", "scores, 0)", "score like any other"),
        ("np.tri(q.shape[1], dtype=bool)", "np.tri(q.shape[1], dtype=bool).T", "This looks ahead"),
        ("np.tri(q.shape[1], dtype=bool)", "np.tri(q.shape[1], k=1, dtype=bool)", "one place too many"),
        ("np.tri(q.shape[1], dtype=bool)", "np.tri(q.shape[1], k=-1, dtype=bool)", "own place"),
        ("shares.sum(-1, keepdims=True) @ v", "shares.sum(-2, keepdims=True) @ v", "over the queries"),
        ("shares / shares.sum(-1, keepdims=True) @ v", "shares @ v", "not divided by their sum"),
        ("    size = len(q)", "    v *= 1 + 1e-9\n    size = len(q)", "Work on a copy"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_stub_solution_and_another_solution(name):
    assert_judged_right(name, OTHERWISE[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_s_own_mistakes(name):
    assert_mistakes_are_named(name)


@pytest.mark.filterwarnings("ignore:invalid value")  # 0 / 0 is a mistake that has a name
@pytest.mark.parametrize("name, old, new, said", [(name, *wrong) for name in NAMES for wrong in WRONG[name]])
def test_wrong_answers_are_named(name, old, new, said):
    source = changed(solved(name), old, new)
    hint = judge_source(name, source).hint
    assert_mistake(name, source, next((part for part in said.split("|") if part in hint), said))


def test_where_no_dtype_is_promised_float64_is_right():
    source = changed(solved("grouped_attention"), " / q.shape[-1] ** 0.5", " / np.sqrt(q.shape[-1:])")
    assert judge_source("grouped_attention", source).passed


def test_a_list_that_an_answer_changes_stays_whole_for_the_next_check():
    empties = "def span_corruption(ids, spans, first_mark):\n    ids.clear()\n    return [], [first_mark]"
    first = judge_source("span_corruption", empties)
    assert judge_source("span_corruption", empties) == first
    assert judge_source("span_corruption", solved("span_corruption")).passed


def test_what_is_taught_is_what_the_library_does():
    distances = np.arange(-300, 301)
    for both_ways in (True, False):
        ours = solutions.relative_buckets(distances, both_ways)
        # exact powers, which rounding decides
        assert np.mean(ours != t5.buckets(distances, both_ways)) < 0.01
    x = np.random.default_rng(0).normal(size=(2, 5, 8))
    for interleaved in (True, False):
        rotary = mt.nn.RotaryEmbedding(8, 5, interleaved=interleaved)
        got = solutions.rotary_pairs(x, np.arange(5), interleaved=interleaved)
        np.testing.assert_allclose(rotary(mt.tensor(x)).numpy(), got, atol=1e-6)
    q, k, v = (np.random.default_rng(1).normal(size=(n, 5, 4)) for n in (6, 2, 2))
    shared = [mt.tensor(a).unsqueeze(1).expand(2, 3, 5, 4).flatten(0, 1) for a in (k, v)]
    theirs = mt.nn.functional.scaled_dot_product_attention(mt.tensor(q), *shared, is_causal=True)
    np.testing.assert_allclose(solutions.grouped_attention(q, k, v), theirs.numpy(), atol=1e-12)


def test_texts_are_asked_and_hidden_as_the_library_does():
    rng = np.random.default_rng(2)
    x, memory, w_q, w_k, w_v = (rng.normal(size=size) for size in ((3, 4), (5, 4), (2, 4), (2, 4), (6, 4)))
    padding = np.array([False, True, False, False, True])
    qkv = (mt.tensor(a) for a in (x @ w_q.T, memory @ w_k.T, memory @ w_v.T))
    theirs = mt.nn.functional.scaled_dot_product_attention(*qkv, mt.tensor(~padding))
    got = solutions.cross_attention(x, memory, w_q, w_k, w_v, padding)
    np.testing.assert_allclose(got, theirs.numpy(), atol=1e-12)
    ids, others = rng.integers(9, 99, (2, 3, 50))
    drawn = (ids, rng.random((3, 50)) < 0.5, rng.random((3, 50)), others, 4)
    np.testing.assert_array_equal(solutions.mask_tokens(*drawn), masked_lm.hidden(*drawn))


def test_spans_are_cut_as_the_recipe_cuts_them():
    ids = list(range(40))
    text, answer = corrupted(ids, 100, np.random.default_rng(0))
    starts, at = [], 0
    for token in text:
        if token < 100:
            at = token + 1
        else:
            starts.append((at, answer.index(token + 1) - answer.index(token) - 1))
    assert solutions.span_corruption(ids, starts, 100) == (text, answer)
