"""Explanations: relevance with a ledger that closes, in both forms, and LIME, which finds what a known predictor uses."""

import numpy as np
import pytest
from lrp_models import IDS, classifier, language_model

from minitransformer import explain


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("make", [language_model, classifier])
def test_every_unit_of_relevance_is_accounted_for(make, form):
    explanation = explain.lrp(make(), IDS, form=form)
    ledger = explanation.ledger
    gaps = [ledger.gap, *(row.gap for row in ledger.rows)]
    assert max(map(abs, gaps)) <= 1e-10 * ledger.scale
    assert explanation.relevance.shape == (len(IDS),) and ledger["tokens"] == pytest.approx(
        explanation.relevance.sum()
    )


def test_both_forms_agree_where_nothing_stabilises():
    model = language_model()
    plain, explicit = (
        explain.lrp(model, IDS, rule="cp-lrp", form=form, eps=0) for form in ("gradient", "explicit")
    )
    np.testing.assert_allclose(plain.relevance, explicit.relevance, rtol=1e-8, atol=1e-10)


def sentiment(texts):
    """(n,) texts -> (n, 2) probabilities: only two words count."""
    score = np.array([2.0 * ("good" in t.split()) - 1.0 * ("slow" in t.split()) for t in texts])
    positive = 1 / (1 + np.exp(-score))
    return np.stack([1 - positive, positive], axis=1)


def test_lime_finds_the_words_that_count():
    found = explain.lime(sentiment, "a good film but a slow one", num_samples=1000)
    weights = dict(found.as_list())
    assert found.as_list()[0][0] == "good" and weights["good"] > 0.2 and weights["slow"] < -0.1
    assert all(abs(w) < 0.02 for word, w in weights.items() if word not in ("good", "slow"))
