"""LIME against lime 0.2.0.1 on the same seed: words, weights, intercept, score and local prediction, to 1e-12."""

import warnings
import zlib

import numpy as np
import pytest
from later import Later

from minitransformer.explain import lime, lime_tabular

of_rows, of_text = Later("lime.lime_tabular"), Later("lime.lime_text")
TEXTS = [
    "a good film, not bad at all: good!",
    "one two three four five six seven good nine ten eleven bad",
    "good",
    "naïve — bad, bad Ünïcode",
]
WORDS = "good bad film the a was not very naïve 42 don't soup 好吃 мир _x_ A Good GOOD".split()
SEPARATORS = [" ", "  ", ", ", ". ", "\n", " - ", "...", "!? "]


def random_text(seed):
    """Words that repeat, odd separators, sometimes none at an end."""
    random = np.random.default_rng(seed)
    pieces = [random.choice(WORDS) + random.choice(SEPARATORS) for _ in range(random.integers(1, 40))]
    return "".join(pieces).strip() if seed % 2 else random.choice(SEPARATORS) + "".join(pieces)


def predict(texts):
    """Three classes, from counts, from which words stand side by side, and from the length."""
    score = np.array([t.count("good") - 0.7 * t.count("bad") + 0.1 * len(t) ** 0.5 for t in texts])
    other = np.array([zlib.crc32(t.encode()) % 1000 / 999 for t in texts])
    e = np.exp(np.stack([score, -score, other], axis=1))
    return e / e.sum(axis=1, keepdims=True)


def assert_equal(ours, theirs, label, features=None):
    expected = theirs.as_map()[label] if features else theirs.as_list(label)
    names = [features[i] for i, _ in expected] if features else [w for w, _ in expected]
    assert [w for w, _ in ours.as_list()] == names
    assert np.allclose([c for _, c in ours.as_list()], [c for _, c in expected], rtol=0, atol=1e-12)
    assert abs(ours.score - np.ravel(theirs.score)[0]) < 1e-12
    assert abs(ours.intercept - theirs.intercept[label]) < 1e-12
    assert abs(ours.local_prediction - theirs.local_pred[0]) < 1e-12


def check(text, bow, features, samples, seed, replacement=None):
    options = {"labels": (0, 2), "num_features": features, "num_samples": samples}
    explainer = of_text.LimeTextExplainer(random_state=seed, bow=bow, mask_string=replacement)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reference solves singular equations when the fit is perfect
        theirs = explainer.explain_instance(text, predict, **options)
    ours = lime(predict, text, (0, 2), features, samples, seed, bow, replacement=None if bow else replacement)
    # the reference keeps one score and one local prediction, those of the last label
    assert [w for w, _ in ours[0].as_list()] == [w for w, _ in theirs.as_list(0)]
    assert np.allclose(ours[0].weights, [c for _, c in theirs.as_list(0)], rtol=0, atol=1e-12)
    assert abs(ours[0].intercept - theirs.intercept[0]) < 1e-12
    assert_equal(ours[1], theirs, 2)


@pytest.mark.parametrize("features", [1, 3, 6, 10, 20])
@pytest.mark.parametrize("bow", [True, False])
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_equal_to_the_reference(text, bow, features):
    check(text, bow, features, samples=300, seed=3)


@pytest.mark.parametrize("seed", range(8))
def test_random_texts(seed):
    features = [1, 4, 6, 7, 10, 30][seed % 6]
    for bow in (True, False):
        check(
            random_text(seed),
            bow,
            features,
            samples=100 + 50 * seed,
            seed=seed,
            replacement=[None, "[gap]"][seed % 2],
        )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 150))
def test_fifty_more_random_texts(seed):
    for bow in (True, False):
        for features in (2, 6, 10, 50):
            for samples in (60, 700):
                check(random_text(seed), bow, features, samples, seed + 1, [None, "", "#"][seed % 3])


def of_numbers(rows):
    """Two classes, from sums and a product."""
    score = rows @ np.linspace(-1, 1, rows.shape[1]) + 0.2 * rows[:, 0] * rows[:, -1]
    p = 1 / (1 + np.exp(-score))
    return np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize("features", [1, 3, 6, 7, 20])
@pytest.mark.parametrize("columns", [1, 4, 9])
def test_rows_of_numbers(columns, features):
    random = np.random.default_rng(columns)
    data = (
        random.normal(size=(80, columns)) * random.uniform(0.1, 9, columns) + random.normal(size=columns) * 4
    )
    if columns == 9:
        data[:, 3] = 2.5  # a column that does not vary
    for row in data[:3]:
        ours = lime_tabular(of_numbers, row, data, 1, num_features=features, num_samples=400, seed=5)
        explainer = of_rows.LimeTabularExplainer(data, discretize_continuous=False, random_state=5)
        theirs = explainer.explain_instance(
            row, of_numbers, labels=(1,), num_features=features, num_samples=400
        )
        assert_equal(ours, theirs, 1, [f"x{i}" for i in range(columns)])
