"""The average of models: its logits, its explanations, and its ledger."""

import numpy
import pytest
from lrp_models import VOCAB, classifier

import minitransformer as mt
from minitransformer import explain
from minitransformer.models import Average
from minitransformer.models.classifier import predict_proba
from minitransformer.tokenization import WordTokenizer

IDS = numpy.array([3, 1, 4, 1, 5])
MARGIN = (1, 0)


@pytest.fixture(params=[False, True], ids=["", "with a bag of words"])
def models(request):
    return [classifier(seed, bag_of_words=request.param) for seed in range(3)]


def test_the_logits_are_the_mean(models):
    ids = mt.tensor([[3, 1, 4], [1, 5, 0]])
    expected = numpy.mean([model(ids).detach().numpy() for model in models], axis=0)
    numpy.testing.assert_allclose(Average(models)(ids).detach().numpy(), expected, rtol=1e-12)
    assert len({tuple(model(ids).detach().numpy().ravel()) for model in models}) == 3
    assert (Average(models[:1])(ids).detach().numpy() == models[0](ids).detach().numpy()).all()


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_the_relevance_of_the_mean_is_the_mean_of_the_relevances(models, form):
    whole = explain.lrp(Average(models), IDS, MARGIN, form=form, eps=0)
    parts = [explain.lrp(model, IDS, MARGIN, form=form, eps=0) for model in models]
    numpy.testing.assert_allclose(
        whole.relevance, numpy.mean([p.relevance for p in parts], axis=0), atol=1e-12
    )
    for sink in whole.ledger:
        assert whole.ledger[sink] == pytest.approx(numpy.mean([p.ledger[sink] for p in parts]), abs=1e-10)
    assert abs(whole.ledger.gap) < 1e-10 and whole.ledger.closes


def test_lime_explains_the_average(models):
    tokenizer = WordTokenizer.train("the cold soup")
    assert tokenizer.vocab_size <= VOCAB
    average = Average(models)
    found = explain.lime(lambda texts: predict_proba(average, tokenizer, texts), "the cold soup", 1, 3, 100)
    assert found.prediction == pytest.approx(predict_proba(average, tokenizer, ["the cold soup"])[0, 1])
    assert set(found.words) == {"the", "cold", "soup"}


def test_no_model_has_no_average():
    with pytest.raises(ValueError, match="at least one model"):
        Average([])
