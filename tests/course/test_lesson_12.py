"""Lesson 12: the checks of LIME and Shapley values are held against right and wrong answers."""

import pytest
from cases import assert_judged_right, assert_mistake, assert_mistakes_are_named, changed, solved

NAMES = ("sample_masks", "kernel_weights", "weighted_ridge", "lime", "shapley_values")

OTHERWISE = {
    "sample_masks": """
import numpy as np
def sample_masks(T, num_samples, rng):
    gone = rng.integers(T, size=num_samples) + 1
    gone[0] = 0
    turn = rng.permuted(np.tile(np.arange(T), (num_samples, 1)), axis=1)
    return turn >= gone[:, None]
""",
    "kernel_weights": """
import numpy as np
def kernel_weights(masks, width=25.0):
    n = masks.shape[1]
    cosine = masks @ np.ones(n) / np.sqrt(np.maximum(masks.sum(1), 1) * n)
    return np.exp(-0.5 * ((1 - cosine) * 100 / width) ** 2)
""",
    "weighted_ridge": """
import numpy as np
def weighted_ridge(x, y, weight, alpha):
    k = x.shape[1]
    X = np.hstack([x, np.ones((len(x), 1))])
    penalty = np.diag([alpha] * k + [0.0])
    W = np.diag(weight)
    *c, b = np.linalg.inv(X.T @ W @ X + penalty) @ X.T @ W @ y
    guess = x @ np.array(c) + b
    base = np.average(y, weights=weight)
    total = np.average((y - base) ** 2, weights=weight)
    return c, b, 0.0 if total < 1e-15 else 1 - np.average((y - guess) ** 2, weights=weight) / total
""",
    "lime": """
import numpy as np
def lime(predict, words, num_features, num_samples, rng):
    n = len(words)
    x = np.ones((num_samples, n))
    for i in range(1, num_samples):
        x[i, rng.permutation(n)[:rng.integers(1, n + 1)]] = 0
    texts = []
    for row in x:
        texts.append(" ".join(np.array(words)[row > 0]))
    y = np.asarray(predict(texts))
    w = np.exp(-(100 * (1 - np.sqrt(x.mean(1)))) ** 2 / 1250)
    def fit(columns, alpha):
        X = np.column_stack([np.ones(num_samples), x[:, columns]])
        return np.linalg.solve((X.T * w) @ X + alpha * np.diag([0] + [1] * len(columns)), X.T @ (w * y))
    first = fit(list(range(n)), 0.01)[1:]
    best = sorted(range(n), key=lambda i: abs(first[i]), reverse=True)[:num_features]
    b, *c = fit(best, 1.0)
    rest = y - b - x[:, best] @ np.array(c)
    y_mean = (w * y).sum() / w.sum()
    return np.array([c[best.index(i)] if i in best else 0.0 for i in range(n)]), b, 1 - w @ rest**2 / (w @ (y - y_mean) ** 2)
""",
    "shapley_values": """
import itertools
from math import comb
import numpy as np
def shapley_values(game, n):
    def worth(members):
        mask = np.zeros(n, bool)
        mask[list(members)] = True
        return game(mask[None])[0]
    v = {S: worth(S) for k in range(n + 1) for S in itertools.combinations(range(n), k)}
    phi = [0.0] * n
    for S in v:
        for i in set(range(n)) - set(S):
            phi[i] += (v[tuple(sorted(S + (i,)))] - v[S]) / (n * comb(n - 1, len(S)))
    return phi
""",
}  # fmt: skip

MEANS = "weight @ x / weight.sum()  # (k,)\n    y_mean = weight @ y / weight.sum()"
WRONG = {
    "sample_masks": [
        ("row[rng.choice(T, gone, replace=False)] = False", "row[:] = rng.random(T) < 0.5", "coin for each word"),
        ("rng.integers(1, T + 1)", "rng.integers(1, T)", "all T words never go together"),
        ("rng.integers(1, T + 1)", "rng.integers(T + 1)", "Some samples lose nothing"),
        ("rng.integers(1, T + 1)", "rng.integers(T)", "0 .. T - 1 words go"),
        ("rng.choice(T, gone, replace=False)", "rng.integers(0, T, gone)", "drawn twice"),
        ("in masks[1:]", "in masks", "whole text"),
        ("return masks", "return np.logical_not(masks)", "inverted"),
        ("row[rng.choice(T, gone, replace=False)]", "row[:gone]", "same words that go"),
        ("gone = rng.integers", "gone = np.random.randint", "with it, and with nothing else"),
        ("np.ones((num_samples, T)", "np.ones((1 + num_samples, T)", "one row too many"),
        ("    for row in masks[1:]:\n        gone = rng.integers(1, T + 1)",
         "    gone = rng.integers(1, T + 1)\n    for row in masks[1:]:\n        pass", "once for all"),
        (", dtype=bool)", ")", "dtype=bool"),
        ("    for row in masks[1:]:", "    rng = np.random.default_rng(0)\n    for row in masks[1:]:", "do not make your own"),
        ("rng.choice(T, gone, replace=False)", "np.sort((rng.integers(T) + np.arange(gone)) % T)", "draws which"),
    ],
    "kernel_weights": [
        ("    return np.sqrt(np.exp", "    width = width * 2\n    return np.sqrt(np.exp", "no other factor"),
        ("    return np.sqrt(np.exp(-(distance**2) / width**2))", "    w = np.sqrt(np.exp(-(distance**2) / width**2))\n"
         "    return w / w.sum()", "need not add up"),
        ("masks.mean(axis=1)", "masks.mean()", "a weight of its own"),
        ("100 * (1 -", "(1 -", "factor 100"),
        ("np.sqrt(np.exp(-(distance**2) / width**2))", "np.exp(-((distance / width) ** 2))", "root around exp"),
        ("np.sqrt(masks.mean(axis=1))", "masks.sum(axis=1) / masks.shape[1]", "root of the share"),
        ("-(distance**2) / width**2", "-distance / width", "Square the distance"),
        ("width**2", "width", "Square the width"),
        ("-(distance**2)", "distance**2", "minus in the exponent"),
        ("np.sqrt(masks.mean(axis=1))", "np.sqrt(1 - masks.mean(axis=1))", "words that are gone"),
        ("    distance = ", "    width = 25\n    distance = ", "argument for the width is not used"),
        ("masks.mean(axis=1)", "masks.mean(axis=0)", "down the columns"),
        ("np.sqrt(np.exp(-(distance**2) / width**2))", "distance", "This is the distance"),
    ],
    "weighted_ridge": [
        ("xc.T * weight @ xc +", "xc.T @ xc +", "one side of the equations"),
        ("xc.T * weight @ yc)", "xc.T @ yc)", "one side of the equations"),
        ("if total else 0.0", "if total else 1.0", "a first hint: Where all y are equal"),
        ("    x_mean =", "    weight = np.ones(len(y))\n    x_mean =", "not used"),
        (MEANS, "x.mean(axis=0)\n    y_mean = y.mean()", "weighted ones"),
        (MEANS, "0 * x[0]\n    y_mean = 0.0", "no b"),
        ("    x_mean =", "    X = np.c_[x, np.ones(len(x))]\n    c = np.linalg.solve((X.T * weight) @ X + alpha * "
         "np.eye(len(X.T)), (X.T * weight) @ y)\n    m = weight @ y / weight.sum()\n    return c[:-1], c[-1], 1 - weight @ "
         "(y - X @ c) ** 2 / max(weight @ (y - m) ** 2, 1e-300)\n    x_mean =", "b is penalised too"),
        (" + alpha * np.eye(x.shape[1])", "", "penalty alpha is missing"),
        ("alpha * np.eye(x.shape[1])", "alpha", "on the diagonal"),
        ("alpha * np.eye(x.shape[1])", "alpha * len(x) * np.eye(x.shape[1])", "alpha counts once"),
        ("alpha * np.eye(x.shape[1])", "alpha**2 * np.eye(x.shape[1])", "not alpha squared"),
        ("xc.T * weight @ xc + alpha * np.eye(x.shape[1]), xc.T * weight @ yc",
         "xc.T * np.sqrt(weight) @ xc + alpha * np.eye(x.shape[1]), xc.T * np.sqrt(weight) @ yc", "root of the weights once"),
        ("xc.T * weight @ xc + alpha * np.eye(x.shape[1]), xc.T * weight @ yc",
         "xc.T * weight**2 @ xc + alpha * np.eye(x.shape[1]), xc.T * weight**2 @ yc", "count twice"),
        ("total = weight @ yc**2\n    left = weight @ (yc - xc @ c) ** 2", "total, left = ((y - y.mean()) ** 2).sum(), "
         "((yc - xc @ c) ** 2).sum()", "R^2 must be weighted"),
        ("float(1 - left / total) if total else 0.0", "float(1 - np.float64(left) / np.float64(total))", "divides by zero"),
        ("float(y_mean - x_mean @ c)", "float(y_mean)", "second part is missing"),
        ("return c, float(y_mean - x_mean @ c), ", "return float(y_mean - x_mean @ c), c, ", "The order is"),
    ],
    "lime": [
        ("y, weight, 0.01)", "y, weight, 1.0)", "which decides which words are kept"),
        ("found[chosen] = c", "found[:num_features] = c", "order of their size"),
        ("masks[:, chosen].astype(float), y", "1.0 - masks[:, chosen], y", "for a word that is gone"),
        ("return found, b, score", "return found, b, score**2", "The weights are right"),
        ("return found, b, score", "words.reverse()\n    return found, b, score", "Make new lists"),
        ("    c, b, score", "    masks = sample_masks(len(words), num_samples, rng)\n    c, b, score",
         "Both fits take the same masks"),
        ("found[chosen] = c", "found[chosen] = np.abs(c)", "signed"),
        ("    found = np.zeros", "    c = every[chosen]\n    found = np.zeros", "first fit"),
        ("[:num_features]", "", "others get 0"),
        ("np.argsort(-abs(every))", "np.argsort(-every)", "Choose by |c|"),
        ("np.argsort(-abs(every))", "np.argsort(abs(every))", "matter least"),
        ("= kernel_weights(masks)", "= np.ones(num_samples)", "not weighed"),
        ("return found, b", "return c, b", "in the chosen places"),
        ("y, weight, 1.0)", "y, weight, 0.01)", "last fit has alpha = 1"),
        ("    found[chosen] = c", "    for i in chosen:\n        gone = [w for j, w in enumerate(words) if j != i]\n"
         "        found[i] = y[0] - predict([' '.join(gone)])[0]", "one word at a time"),
        ('" ".join(', '"".join(', "stick together"),
        ("if left)", "if not left)", "words that are gone"),
        ("word for word, left in zip(words, row, strict=True) if left", "word * int(left) for word, left in zip(words, row)",
         "its space stays"),
        ("predict(texts)", "np.array([predict([t])[0] for t in texts])", "all texts in one call"),
    ],
    "shapley_values": [
        ("share[size[without]] @ (worth", "np.mean((worth", "count alike"),
        ("share[size[without]] @ (worth", "np.sum((worth", "weights are missing"),
        ("without = numbers[~masks[:, i]]", "without = numbers[:1]; share[0] = 1", "adds to the empty coalition"),
        ("without = numbers[~masks[:, i]]", "without = numbers[[2**n - 1 - 2**i]]; share[-1] = 1", "leaves the whole"),
        (" / f[n]", "", "Divide by n!"),
        ("f[k] * ", "f[k + 1] * ", "itself is not in"),
        ("    return phi", "    return phi / phi.sum() * worth[-1]", "belongs to no player"),
        ("(worth[without + 2**i] - worth[without])", "(worth[without] - worth[without + 2**i])", "sign is wrong"),
        ("    return phi", "    come = np.tril(np.ones((n, n), bool))\n    v = np.r_[worth[0], game(come)]\n"
         "    return v[1:] - v[:-1]", "one order only"),
    ],
}  # fmt: skip
FURTHER = {
    "count alike": ("worth[without])", "worth[without]))"),
    "weights are missing": ("worth[without])", "worth[without]))"),
}


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
    # the exercises share some lines: change this one's
    head, start, body = solved(name).partition(f"def {name}(")
    body, end, rest = body.partition("\n\n\ndef ")
    docstring, quotes, code = body.rpartition('"""')
    for change in ((old, new), FURTHER[said]) if said in FURTHER else ((old, new),):
        code = changed(code, *change)
    assert_mistake(name, head + start + docstring + quotes + code + end + rest, said)


def test_too_many_questions_are_named():
    source = """
from itertools import permutations
import numpy as np
def shapley_values(game, n):
    phi, count = np.zeros(n), 0
    for order in permutations(range(n)):
        mask, count = np.zeros(n, bool), count + 1
        for i in order:
            before = game(mask[None])[0]
            mask[i] = True
            phi[i] += game(mask[None])[0] - before
    return phi / count
"""
    assert_mistake("shapley_values", source, "2^n coalitions")
