"""Lesson 10: the checks of drawing, searching and remembering are held against right and wrong answers."""

import pytest
from cases import (
    assert_judged_right,
    assert_mistake,
    assert_mistakes_are_named,
    changed,
    judge_source,
    solved,
)

from minitransformer.course.sandbox import check_file

NAMES = ("sample", "keep_top_k", "keep_top_p", "next_token_probabilities", "beam_search", "attention_step")

OTHERWISE = {
    "keep_top_k": """
import numpy as np
def keep_top_k(p, k):
    rank = [sum(1 for j in range(len(p)) if p[j] > p[i] or (p[j] == p[i] and j < i)) for i in range(len(p))]
    kept = np.array([x if r < k else 0 for x, r in zip(p, rank)], dtype=p.dtype)
    return kept / kept.sum()
""",
    "keep_top_p": """
import numpy as np
def keep_top_p(p, enough):
    left, out, total = p.copy(), np.zeros_like(p), 0.0
    while total < enough and left.any():
        i = int(left.argmax())
        total += left[i]
        out[i], left[i] = p[i], 0
    return out / out.sum()
""",
    "next_token_probabilities": """
import numpy as np
def next_token_probabilities(logits, temperature=1.0, top_k=None, top_p=None):
    x = np.asarray(logits, dtype=float)
    if not temperature:
        out = np.zeros(len(x))
        out[x.argmax()] = 1
        return out
    x = x / temperature
    order = np.lexsort((np.arange(len(x)), -x))
    if top_k:
        x = np.where(np.isin(np.arange(len(x)), order[:top_k]), x, -np.inf)
    p = np.exp(x - np.logaddexp.reduce(x[np.isfinite(x)]))
    if top_p:
        sums = np.cumsum(p[order])
        p[order[int(np.argmax(sums >= top_p - 1e-12)) + 1 :]] = 0
    return p / p.sum()
""",
    "sample": """
def sample(p, u):
    total, last = 0.0, None
    for i, x in enumerate(p):
        if x > 0:
            total, last = total + x, i
            if u < total:
                return i
    return last
""",
    "beam_search": """
import heapq
import numpy as np
def beam_search(step, start, width, length):
    scores, texts = np.zeros(1), [()]
    for _ in range(length):
        table = scores[:, None] + np.array([step(list(start) + list(t)) for t in texts])
        best = heapq.nlargest(width, np.ndindex(table.shape), key=lambda at: table[at])
        scores, texts = np.array([table[at] for at in best]), [texts[b] + (i,) for b, i in best]
    top = int(scores.argmax())
    return list(texts[top]), float(scores[top])
""",
    "attention_step": """
import numpy as np
def attention_step(q, k, v, keys, values):
    out = np.empty((*q.shape[:-1], v.shape[-1]), dtype=q.dtype)
    for t in range(q.shape[-2]):
        keys = np.append(keys, k[..., t : t + 1, :], axis=-2)
        values = np.append(values, v[..., t : t + 1, :], axis=-2)
        scores = (keys * q[..., t : t + 1, :]).sum(-1) * q.shape[-1] ** -0.5
        e = np.exp(scores - scores.max(-1, keepdims=True))
        out[..., t, :] = (e[..., None] * values).sum(-2) / e.sum(-1)[..., None]
    return [out, keys, values]
""",
}

SCORES = "scores = logits / temperature"
LONGER = "longer += [([*ids, i], score + float(log_p[i])) for i in range(len(log_p))]"
MASK = "np.arange(n) <= np.arange(n - T, n)[:, None]"
BEST = 'best = np.argsort(-p, kind="stable")[:k]'
STAYS = "stays = order[before < enough]"
SOFT = "p = np.exp(scores - scores.max())\n    p = p / p.sum()"
ENDS = "    ends = np.cumsum(p)\n"
TOP_K = "    if top_k is not None:\n        p = keep_top_k(p, top_k)\n"
TOP_P = "    if top_p is not None:\n        p = keep_top_p(p, top_p)\n"
WRONG = {
    "keep_top_k": [
        (BEST, "best = np.argsort(p)[:k]", "smallest stay"),
        (BEST, "best = np.argsort(p, kind='stable')[::-1][:k]", "last stay"),
        (BEST, "best = p >= sorted(p)[-min(k, len(p))]", "more than k"),
        (BEST, "best = slice(0, k)", "first k ids"),
        (BEST, "best = np.argsort(-p, kind='stable')[: k + 1]", "One too many"),
        ("    kept[best] = p[best]\n    return", "    kept = p[best]\n    return", "return all V"),
        ("    kept[best] = p[best]\n    return", "    kept[: len(best)] = np.sort(p)[::-1][:k]\n    return", "sorted and left so"),
        ("    kept = np.zeros_like(p)\n    kept[best] = p[best]\n    return kept / kept.sum()\n\n\ndef keep_top_p",
         "    return np.where(np.isin(np.arange(len(p)), best), p, 0)\n\n\ndef keep_top_p", "Divide the remaining"),
        ("    kept = np.zeros_like(p)\n", "    kept = p\n    kept[np.argsort(-p, kind='stable')[k:]] = 0\n", "Work on a copy"),
        (BEST, "best = np.argsort(-p, kind='stable')[: k - 1]", "One too few"),
        (BEST, "best = np.arange(len(p))[-k:]", "last k ids"),
        (BEST, "best = np.argpartition(-p, k - 1)[:k]", "kind='stable'"),
        ("return kept / kept.sum()", "return np.exp(kept) / np.exp(kept).sum()", "shares already"),
        ("return kept / kept.sum()", "return kept + (kept > 0) * (1 - kept.sum()) / k", "spread evenly"),
        ("return kept / kept.sum()", "return best", "These are the ids"),
    ],
    "keep_top_p": [
        (STAYS, "stays = order[before + p[order] < enough]", "left out; it belongs"),
        (STAYS, "stays = before < enough", "pick with order"),
        (STAYS, "stays = order[before < 1 - enough]", "1 - enough"),
        (STAYS, "stays = p >= enough * max(p)", "min-p"),
        (STAYS, "stays = order[: int((before < enough).sum()) + 1]", "One too many stays"),
        (STAYS, "stays = order[(before + p[order] < enough) | (before == 0)]", "left out; it belongs"),
        (STAYS, "stays = order[np.maximum(before + p[order] <= enough, before == 0)]", "goes beyond"),
        (STAYS, "stays = order[before <= enough]", "one too many"),
        (STAYS, "order = range(len(p)); stays = np.flatnonzero(np.cumsum(p) - p < enough)",
         "order of their ids"),
        (STAYS, "stays = np.flatnonzero((p >= enough) | (np.arange(len(p)) == p.argmax()))",
         "on its own"),
        (STAYS, "stays = order[before < enough]\n    return p[stays] / p[stays].sum()", "return all V"),
        (STAYS, "return np.where(np.isin(np.arange(len(p)), order[before < enough]), p, 0)",
         "Divide the remaining probabilities by their sum"),
        ("    stays = order[before < enough]\n",
         "    p = np.where(before < enough, p[order], 0)\n    return p / p.sum()\n    stays = order\n", "sorted and left so"),
        ("    order = np.argsort(-p, kind=\"stable\")", "    order = np.argsort(p)", "smallest come first"),
    ],
    "next_token_probabilities": [
        (SCORES, "scores = logits", "temperature has no effect"),
        (SCORES, "scores = logits * temperature", "multiplied"),
        (SOFT, "p = np.exp(logits - logits.max())\n    p = p / p.sum() / temperature",
         "no longer sum to 1"),
        ("    p = p / p.sum()\n    if top_k is not None:", "    return scores\n    if top_k is not None:", "Softmax is missing"),
        ("p = keep_top_k(p, top_k)", "pass", "top_k is left out"),
        ("p = keep_top_p(p, top_p)", "pass", "top_p is left out"),
        (TOP_K + TOP_P, TOP_P + TOP_K, "top_p comes before"),
        ("    if temperature == 0:\n", "    if temperature is None:\n", "ask `if temperature == 0` first"),
        ("np.exp(scores - scores.max())", "np.exp(scores)", "take off the largest"),
        (SCORES, "scores = logits / temperature / temperature", "squared"),
        ("    if top_p is not None:", "    elif top_p is not None:", "not `elif`"),
        (SCORES, "logits /= temperature\n    scores = logits", "Work on a copy"),
        ("    if temperature == 0:\n", "    temperature = max(temperature, 1e-9)\n    if temperature == 0:\n",
         "very small temperature"),
        ("return np.where(np.arange(len(logits)) == np.argmax(logits), 1.0, 0.0)", "return np.argmax(logits)", "This is an id"),
        ("keep_top_k(p, top_k)", "keep_top_k(scores, top_k)", "work on the scores"),
        (TOP_P + "    return p", TOP_P + "    return int(np.argmax(p))", "This is an id"),
    ],
    "sample": [
        (ENDS, "    return int(np.argmax(p))\n    ends = np.cumsum(p)\n", "always the likeliest"),
        (ENDS, "    return next((i for i, x in enumerate(p) if u < x), 0)\n    ends = p\n", "each share on its own"),
        ("side=\"right\"", "side=\"left\"", "u < sum, not <="),
        ("side=\"right\"))", "side=\"right\")) + 1", "One too far"),
        ("side=\"right\"))", "side=\"right\")) - 1", "One short"),
        (ENDS, "    return int(u * len(p))\n    ends = p\n", "their shares do not count"),
        (ENDS, "    return int(np.random.default_rng().choice(len(p), p=p))\n    ends = p\n", "any other random number"),
        ("u * ends[-1]", "u", "end before u"),
        (ENDS, "    p = np.sort(p)[::-1]\n    ends = np.cumsum(p)\n", "the place in the sorted list"),
        (ENDS, "    return int(np.abs(np.cumsum(p) - u).argmin())\n    ends = p\n", "nearest to u"),
        (ENDS, "    return [i for i, end in enumerate(np.cumsum(p)) if u < end][:1]\n    ends = p\n", "the element that is meant"),
        (ENDS, "    p /= p.sum()\n    p *= 0.5\n    ends = np.cumsum(p)\n", "Work on a copy"),
    ],
    "beam_search": [
        ("[:width]", "[:1]", "what greedy search finds"),
        (LONGER, "longer.append(([*ids, int(np.argmax(log_p))], score + float(max(log_p))))", "greedy"),
        ("score + float(log_p[i])", "float(log_p[i])", "not added up"),
        ("score + float(log_p[i])", "score + math.exp(log_p[i])", "shares are added"),
        ("key=lambda candidate: -candidate[1]", "key=lambda candidate: candidate[1]", "lowest scores"),
        ("step([*start, *ids])", "step(ids if ids else start)", "given `start` too"),
        ("step([*start, *ids])", "step([*start, *ids][-1:])", "whole text so far"),
        ("return candidates[0]", "return [*start, *candidates[0][0]], candidates[0][1]", "without `start`"),
        ("return candidates[0]", "return candidates[0][0], candidates[0][1] / length if length else 0.0", "not their mean"),
        ("return candidates[0]", "return candidates[0][0], math.exp(candidates[0][1])", "exponential"),
        ("return candidates[0]", "return candidates[-1]", "worst of the beam"),
        ("return candidates[0]", "return candidates[0][0]", "Return two things"),
        ("return candidates[0]", "return candidates[0][1], candidates[0][0]", "ids first"),
        ("[:width]", "", "`width` is not used"),
        ("in range(length)", "in range(length - 1)", "One round is missing"),
        ("step([*start, *ids])", "step(ids)", "given `start` too"),
        ("step([*start, *ids])", "step((start.extend(ids), start)[1])", "grows from call to call"),
        ("key=lambda candidate: -candidate[1])[:width]", "key=lambda candidate: -candidate[1])[: width * len(candidates)]",
         "of *all* extensions together"),
    ],
    "attention_step": [
        ("keys = np.concatenate([keys, k], axis=-2)  # (..., S + T, d)\n    values = np.concatenate([values, v], axis=-2)",
         "keys, values = np.concatenate([k, keys], axis=-2), np.concatenate([v, values], axis=-2)", "before the earlier ones"),
        (MASK, "np.arange(n) <= np.arange(T)[:, None]", "begins at place 0"),
        (MASK, "np.ones((T, n), dtype=bool)", "look ahead"),
        (MASK, "(np.arange(n) < np.arange(n - T, n)[:, None]) | (n == 1)", "but not itself"),
        ("/ math.sqrt(q.shape[-1])", "", "1/sqrt(d) is missing"),
        ("/ math.sqrt(q.shape[-1])", "/ math.sqrt(n)", "length d of a query"),
        ("@ values, keys, values", "@ values, k, v", "next step needs all"),
        ("e / e.sum(axis=-1, keepdims=True) @ values, keys, values",
         "e / e.sum(axis=-1, keepdims=True) @ values, keys[..., :-T, :], values[..., :-T, :]", "not appended"),
        ("@ values, keys, values", "@ values", "Return three arrays"),
        (MASK, "np.arange(n) <= np.arange(n - T, n)[:, None] + 1", "one place too far"),
        ("/ math.sqrt(q.shape[-1])", "/ math.sqrt(v.shape[-1])", "length of a value"),
        ("np.exp(scores - scores.max(axis=-1, keepdims=True))", "np.exp(scores)", "subtract the row's maximum"),
        ("scores.dtype.type(-np.inf)", "scores.dtype.type(-100)", "A finite score"),
        ("scores.dtype.type(-np.inf)", "0", "exp(0) is 1"),
        ("scores.dtype.type(-np.inf)", "-10", "such as -1 or -10"),
        ("e = np.exp(scores - scores.max(axis=-1, keepdims=True))\n    return e / e.sum(axis=-1, keepdims=True)",
         "e = np.exp(scores - scores.max(axis=-1, keepdims=True))\n    return e / e.sum(axis=-2, keepdims=True)",
         "over the queries"),
        ("axis=-2)  # (..., S + T, d)", "axis=1)  # (..., S + T, d)", "joined along an axis"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_stub_solution_and_another_solution(name):
    assert_judged_right(name, OTHERWISE[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_s_own_mistakes(name):
    assert_mistakes_are_named(name)


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "old", "new", "said"), [(n, *w) for n, wrong in WRONG.items() for w in wrong]
)
def test_wrong_answers_are_named(name, old, new, said):
    head, _, body = solved(name).partition(f"def {name}(")
    assert_mistake(name, head + f"def {name}(" + changed_first(body, old, new), said)


def changed_first(source, old, new):
    """`source` with the first `old`, which must be there, made `new`."""
    assert old in source, f"{old!r} is not there"
    return source.replace(old, new, 1)


def test_one_list_for_all_candidates_is_not_passed():
    source = changed(
        solved("beam_search"), "longer += [([*ids, i], score", "longer += [((ids.append(i), ids)[1], score"
    )
    assert not judge_source("beam_search", source).passed


def test_through_the_sandbox(tmp_path):
    file = tmp_path / "10_generating.py"
    file.write_text(solved("sample"), encoding="utf-8")
    assert check_file("next_token_probabilities", file).passed
    assert check_file("attention_step", file).passed
