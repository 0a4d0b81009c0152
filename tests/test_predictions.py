"""What classifiers of other libraries say of texts: each form gives LIME the same numbers, and no other form is guessed at."""

import re
import types

import numpy as np
import pytest
from later import torch

import minitransformer as mt
from minitransformer import explain
from minitransformer.explain.predictions import table

TEXT = "a good film, not a dull one"


def plain(texts):
    """(N, 2): the share of good words, and the rest."""
    good = np.array([(1 + t.count("good") + 0.5 * t.count("film")) / (3 + t.count("dull")) for t in texts])
    return np.stack([1 - good, good], 1)


def dicts(texts):
    return [dict(zip(("bad", "good"), row.tolist(), strict=True)) for row in plain(texts)]


def documents(texts):
    """As `nlp.pipe` of spaCy: a generator of objects with `cats`."""
    return (types.SimpleNamespace(cats=each) for each in dicts(texts))


def scored(texts):
    """As a pipeline of transformers with top_k=None: the best label first."""
    return [
        sorted(({"label": name, "score": p} for name, p in each.items()), key=lambda pair: -pair["score"])
        for each in dicts(texts)
    ]


FORMS = {
    "lists": lambda texts: plain(texts).tolist(),
    "one score": lambda texts: plain(texts)[:, 1],
    "a list of scores": lambda texts: plain(texts)[:, 1].tolist(),
    "a sigmoid": lambda texts: plain(texts)[:, 1:],
    "dicts": dicts,
    "documents": documents,
    "a pipeline": scored,
    "a tensor on a tape": lambda texts: torch.tensor(plain(texts), requires_grad=True),
    "our tensor on a tape": lambda texts: mt.tensor(plain(texts), requires_grad=True),
    "rows of tensors": lambda texts: list(torch.tensor(plain(texts))),
    "an object with predict_proba": types.SimpleNamespace(predict_proba=plain),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_explanation(form):
    for method in (explain.lime, explain.kernel_shap):
        for label in (0, 1):
            expected = method(plain, TEXT, label, num_samples=50)
            got = method(FORMS[form], TEXT, label, num_samples=50)
            assert np.allclose(got.relevance, expected.relevance, rtol=0, atol=1e-12), (method, label)


@pytest.mark.parametrize("form", ["dicts", "documents", "a pipeline"])
def test_classes_by_name(form):
    predict = FORMS[form]
    got = explain.lime(predict, TEXT, "good", num_samples=50)
    assert np.array_equal(got.relevance, explain.lime(plain, TEXT, 1, num_samples=50).relevance)
    assert got.target == ["good"] and "class good" in repr(got)
    both = explain.lime(predict, TEXT, ["bad", 1], num_samples=50)
    assert [each.target for each in both] == [["bad"], [1]]
    stable = explain.lime_stability(predict, TEXT, "good", sizes=(20,), seeds=range(2))
    assert repr(stable) == repr(explain.lime_stability(plain, TEXT, 1, sizes=(20,), seeds=range(2)))
    with pytest.raises(IndexError, match="label: expected one of bad, good, got 'great'"):
        explain.lime(predict, TEXT, "great", num_samples=50)


def test_a_pipeline_of_scikit_learn():
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = ["a good film", "good and warm", "a dull film", "dull and cold"]
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [1, 1, 0, 0])
    found = dict(explain.lime(pipeline, TEXT, num_samples=200).as_list())
    assert found == dict(explain.lime(pipeline.predict_proba, TEXT, num_samples=200).as_list())
    assert found["good"] > 0 > found["dull"]


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (lambda texts: [{"label": "good", "score": 0.5} for _ in texts], "give the pipeline top_k=None"),
        (lambda texts: [{t: 1.0} for t in texts], "expected the same classes for each text"),
        (lambda texts: [{"good": "much"} for _ in texts], "a dict of number by class"),
        (lambda texts: [[{"good": 1.0}] for _ in texts], "a list of {'label': .., 'score': ..}"),
        (lambda texts: ["good" for _ in texts], "got list"),
        (lambda texts: [None for _ in texts], "expected finite probabilities"),
        (lambda texts: [], "expected .* results, one for each text, got 0"),
        (lambda texts: [[0.5, 0.5], *([0.5] for _ in texts[1:])], "got list"),
    ],
)
def test_other_forms_are_refused(predict, message):
    with pytest.raises(ValueError, match=re.escape("predict: ")) as caught:
        explain.lime(predict, TEXT, num_samples=20)
    assert re.search(message, str(caught.value)), caught.value


def test_an_empty_batch_has_no_rows():
    assert table([], 0).numbers.shape[0] == 0
