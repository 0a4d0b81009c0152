"""LIME against lime 0.2.0.1 on the same seed: words, weights, intercept, score and local prediction, to 1e-12."""

import numpy as np
import pytest
from lime.lime_text import LimeTextExplainer

from minitransformer.explain import lime

TEXTS = [
    "a good film, not bad at all: good!",
    "one two three four five six seven good nine ten eleven bad",
    "good",
    "naïve — bad, bad Ünïcode",
]


def predict(texts):
    score = np.array([t.count("good") - 0.7 * t.count("bad") + 0.1 * len(t) ** 0.5 for t in texts])
    p = 1 / (1 + np.exp(-score))
    return np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize("features", [1, 3, 6, 10, 20])
@pytest.mark.parametrize("bow", [True, False])
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_equal_to_the_reference(text, bow, features):
    ours = lime(predict, text, label=1, num_features=features, num_samples=300, seed=3, bow=bow)
    explainer = LimeTextExplainer(random_state=3, bow=bow)
    theirs = explainer.explain_instance(text, predict, labels=(1,), num_features=features, num_samples=300)
    assert [w for w, _ in ours.as_list()] == [w for w, _ in theirs.as_list()]
    assert np.allclose([c for _, c in ours.as_list()], [c for _, c in theirs.as_list()], rtol=0, atol=1e-12)
    assert abs(ours.score - theirs.score) < 1e-12
    assert abs(ours.intercept - theirs.intercept[1]) < 1e-12
    assert abs(ours.local_prediction - theirs.local_pred[0]) < 1e-12
