"""Lesson 13: the checks of the judges of explanations are held against right and wrong answers."""

import pytest
from cases import assert_judged_right, assert_mistake, assert_mistakes_are_named, changed, solved

NAMES = ("prefixes", "removal_curves", "erased", "rank_correlation", "randomisation_test", "auroc")

OTHERWISE = {
    "prefixes": """
import numpy as np
def prefixes(order):
    turn = np.argsort(order)
    return turn[None, :] >= np.arange(len(order) + 1)[:, None]
""",
    "removal_curves": """
import numpy as np
def removal_curves(logit, relevance):
    n = len(relevance)
    up = sorted(range(n), key=relevance.__getitem__)
    curves = []
    for order in (up[::-1], up):
        points, keep = [], np.ones(n, bool)
        points.append(logit(keep[None])[0])
        for place in order:
            keep = keep.copy()
            keep[place] = False
            points.append(logit(keep[None])[0])
        curves.append(np.array(points))
    morf, lerf = curves
    inner = (lerf - morf)[1:-1].sum() / n + (lerf - morf)[[0, -1]].sum() / (2 * n)
    return morf, lerf, inner
""",
    "erased": """
import numpy as np
def erased(logit, relevance, shares=(0.01, 0.05, 0.1, 0.2, 0.5)):
    T = relevance.size
    total = float(logit(np.ones((1, T), bool))[0])
    gone, alone = 0.0, 0.0
    for p in shares:
        k = int(np.ceil(p * T))
        threshold = np.sort(relevance)[T - k]
        gone += total - float(logit((relevance < threshold)[None])[0])
        alone += total - float(logit((relevance >= threshold)[None])[0])
    return gone / len(shares), alone / len(shares)
""",
    "rank_correlation": """
import numpy as np
def rank_correlation(a, b):
    def ranks(v):
        out = np.empty(len(v))
        for value in set(v.tolist()):
            here = v == value
            out[here] = (v < value).sum() + (here.sum() + 1) / 2
        return out
    if len(set(a.tolist())) < 2 or len(set(b.tolist())) < 2:
        return 0.0
    return np.corrcoef(ranks(a), ranks(b))[0, 1]
""",
    "randomisation_test": """
import numpy as np
def rho(a, b):
    return np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1]
def randomisation_test(explain, layers, rng):
    before = explain(layers)
    n = len(layers)
    noise = [w.mean() + w.std() * rng.standard_normal(w.shape) for w in layers]
    return [rho(before, explain(layers[:n - k] + noise[n - k:])) for k in range(1, n + 1)]
""",
    "auroc": """
import numpy as np
def auroc(relevance, marked):
    n, m = marked.sum(), (~marked).sum()
    ranks = np.array([(relevance < r).sum() + ((relevance == r).sum() + 1) / 2 for r in relevance])
    return (ranks[marked].sum() - n * (n + 1) / 2) / (n * m)
""",
}  # fmt: skip

WRONG = {
    "prefixes": [
        ("for step, place in enumerate(order)", "for place, step in enumerate(order)", "each place's turn"),
        ("keep[step + 1 :, place]", "keep[step:, place]", "first word goes in row 1"),
        ("return keep", "return keep.T", "exchanged"),
        ("return keep", "return keep[:-1]", "last row is missing"),
        ("return keep", "return keep[1:]", "first row is missing"),
        ("return keep", "return np.logical_not(keep)", "inverted"),
        ("keep[step + 1 :, place]", "keep[step + 1, place]", "stay away"),
        ("enumerate(order)", "enumerate(np.flip(order))", "last of the order goes first"),
        ("enumerate(order)", "enumerate(sorted(order))", "left to right"),
        ("keep = np.ones((n + 1, n), dtype=bool)", "keep = np.ones((n + 1, n))", "dtype=bool"),
    ],
    "removal_curves": [
        ("np.argsort(-relevance)", "np.argsort(-np.abs(relevance))", "signed"),
        ("np.argsort(-relevance)", "np.argsort(relevance)", "argsort goes upwards"),
        ("areas[1] - areas[0]", "areas[0] - areas[1]", "wrong sign"),
        ("areas[1] - areas[0]", "abs(areas[1] - areas[0])", "area has a sign"),
        ("(curve[1:] + curve[:-1]).mean()) / 2", "(curve[1:] + curve[:-1]).mean())", "half is missing"),
        ("np.argsort(-relevance)", "np.argsort(np.argsort(-relevance))", "second one gives"),
        ("    areas =", "    morf, lerf = morf / morf[0], lerf / lerf[0]\n    areas =", "nothing is divided"),
        ("areas[1] - areas[0]", "areas[1]", "not that under one"),
        ("return morf, lerf, ", "return lerf, morf, ", "The order is"),
        ("    areas =", "    relevance.sort()\n    areas =", "changes the array itself"),
        ("logit(prefixes(order))", "np.array([logit(row) for row in prefixes(order)])", "mask[None]"),
        ("(curve[1:] + curve[:-1]).mean()) / 2", "np.trapezoid(curve))", "1/T wide"),
        ("(curve[1:] + curve[:-1]).mean()) / 2", "np.mean(curve))", "divided by T + 1"),
        ("logit(prefixes(order[::-1]))", "logit(prefixes(order))[::-1]", "backwards"),
        ("logit(prefixes(order))\n    lerf = logit(prefixes(order[::-1]))",
         "logit(prefixes(order)[:-1])\n    lerf = logit(prefixes(order[::-1])[:-1])", "last point is missing"),
    ],
    "erased": [
        ("math.ceil(share * n)", "math.floor(share * n)", "not none"),
        ("    n = len", "    shares = (0.01, 0.05, 0.1, 0.2, 0.5)\n    n = len", "`shares` is an argument"),
        ("math.ceil(share * n)", "math.floor(share * n) + 1", "a first hint: Half of 4"),
        ("    full = logit", "    relevance -= 1\n    full = logit", "Sort and change a copy"),
        ("logit(~top)).mean()), float", "logit(~top[0][None])).mean()), float", "a first hint: Comprehensiveness"),
        ("math.ceil(share * n)", "round(share * n)", "2.1, are three words"),
        ("np.argsort(-relevance)", "np.argsort(-np.abs(relevance))", "signed"),
        ("np.argsort(-relevance)", "np.argsort(relevance)", "least relevant words"),
        ("logit(~top)).mean()), float((full - logit(top)).mean())",
         "logit(top)).mean()), float((full - logit(~top)).mean())", "swapped"),
        ("float((full - logit(top)).mean())", "float(logit(top).mean())", "not the score itself"),
        ("(full - logit(~top)).mean()), float((full - logit(top)).mean())",
         "(full - logit(~top)).sum()), float((full - logit(top)).sum())", "not the sum"),
        ("(full - logit(~top)).mean()), float((full - logit(top)).mean())",
         "(logit(~top) - full).mean()), float((logit(top) - full).mean())", "sign is wrong"),
    ],
    "rank_correlation": [
        ("b = ranks(b)", "b = b", "not one of them"),
        ("math.sqrt((a @ a) * (b @ b))", "((a @ a) * (b @ b))", "root is missing"),
        ("if size else 0.0", "if size else 1.0", "not 1"),
        ("    a = ranks(a)\n    b = ranks(b)\n", "", "replace them by ranks"),
        ("ranks(a)\n    b = ranks(b)", "np.argsort(a)\n    b = np.argsort(b)", "gives places"),
        ("ranks(a)\n    b = ranks(b)",
         "np.argsort(np.argsort(a, kind='stable'))\n    b = np.argsort(np.argsort(b, kind='stable'))", "share the mean"),
        ("if size else 0.0", "if size else float('nan')", "0 / 0 is nan"),
        ("return float(a @ b) / size", "return abs(float(a @ b)) / size", "sign is lost"),
        ("return below + (1 + (values[None] == values[:, None]).sum(axis=1)) / 2", "return below", "not the lowest"),
        ("    a = a - a.mean()\n    b = b - b.mean()\n", "", "Subtract the mean of the ranks"),
        ("    size = math.sqrt",
         "    return 1 - 6 * ((a - b) ** 2).sum() / (len(a) ** 3 - len(a))\n    size = math.sqrt", "squared differences"),
    ],
    "randomisation_test": [
        ("        ruined[i] = rng", "        ruined = list(layers)\n        ruined[i] = rng", "at last all are"),
        ("in reversed(range(len(layers)))", "in range(len(layers))", "begin at the last"),
        ("ruined = list(layers)", "ruined = layers", "list that was passed is changed"),
        ("rng.normal(layers[i].mean(), layers[i].std(), layers[i].shape)", "rng.standard_normal(layers[i].shape)", "own mean"),
        ("rng.normal(layers[i].mean(), layers[i].std(), layers[i].shape)", "layers[i] * 0", "Zeros are no noise"),
        ("        found.append(rank_correlation(learned, explain(list(ruined))))",
         "        now = explain(list(ruined))\n        found.append(rank_correlation(learned, now))\n        learned = now",
         "one before"),
        ("return found", "return found[-1:]", "Only the last"),
        ("return found", "return [1.0, *found]", "compared with nothing"),
        ("layers[i].std(), layers[i].shape)", "layers[i].var(), layers[i].shape)", "not the variance"),
        ("rng.normal(layers[i].mean(), layers[i].std(), layers[i].shape)",
         "layers[i].mean() + layers[i].std() * rng.uniform(-3**0.5, 3**0.5, layers[i].shape)", "draws normal noise"),
        ("    learned =", "    rng = np.random.default_rng(3)\n    learned =", "handed in"),
        ("rank_correlation(learned, explain",
         "(lambda a, b: np.corrcoef(a, b)[0, 1] if a.std() else 1.0)(learned, explain", "values"),
        ("rng.normal(layers[i].mean(), layers[i].std(), layers[i].shape)",
         "rng.permutation(layers[i].ravel()).reshape(layers[i].shape)", "Draw new ones"),
    ],
    "auroc": [
        (" + (ahead == 0) / 2", " + 0.0", "not 0"),
        ("((ahead > 0) + (ahead == 0) / 2)", "np.sign(ahead)", "not -1"),
        ("((ahead > 0) + (ahead == 0) / 2)", "(ahead >= 0)", "not 1"),
        ("ahead > 0", "ahead < 0", "not marked has more"),
        ("relevance[marked][:, None] - relevance[~marked]", "abs(relevance[marked])[:, None] - abs(relevance[~marked])", "signed"),
        (".mean())", ".sum() / len(relevance) ** 2)", "all T * T"),
        ("    ahead = ", "    return np.mean(marked[np.argsort(relevance)[::-1]][:marked.sum()])\n    ahead = ", "among the first"),
        ("    ahead = ", "    return float(((relevance > 0) == marked).sum() / len(marked))\n    ahead = ", "sign of relevance"),
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
    # the exercises share some lines: change this one's
    head, start, body = solved(name).partition(f"def {name}(")
    body, end, rest = body.partition("\n\n\ndef ")
    source = head + start + changed(body, old, new) + end + rest
    assert_mistake(name, source, said)
