"""Relevance: the ledger closes, the two forms agree, the rules are the published ones."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitransformer as mt
from minitransformer import explain, nn
from minitransformer.explain.propagation import Walk
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig

RULES = ("attnlrp", "cp-lrp")


def randomize(model, seed=0):
    """Every parameter at random, biases too: with biases of zero half of the ledger is never tested."""
    random = np.random.default_rng(seed)
    with mt.no_grad():
        for p in model.parameters():
            p.copy_(mt.tensor(random.standard_normal(p.shape) * 0.4))
    return model.double().eval()


def language_model(seed=0, **options):
    return randomize(LanguageModel(LanguageModelConfig(vocab_size=11, d_model=8, nhead=2, dim_feedforward=12, **options)), seed)


def classifier(seed=0, **options):
    return randomize(SequenceClassifier(ClassifierConfig(vocab_size=11, d_model=8, nhead=2, dim_feedforward=12, **options)), seed)


IDS = [3, 1, 4, 1, 5, 9]


@pytest.mark.parametrize("form", ["gradient", "explicit"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("make", [language_model, classifier])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_the_ledger_closes(make, rule, form, activation, norm_first):
    ledger = explain.lrp(make(activation=activation, norm_first=norm_first), IDS, rule=rule, form=form).ledger
    assert abs(ledger.gap) <= 1e-10 * ledger.scale
    assert ledger["bias"] != 0 and ledger["positions"] != 0
    assert (ledger["softmax"] == 0) == (rule == "cp-lrp")


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 3), st.sampled_from(RULES), st.sampled_from(["gradient", "explicit"]), st.integers(1, 9)
)
def test_the_ledger_closes_on_random_models(seed, layers, rule, form, length):
    ids = np.random.default_rng(seed).integers(1, 11, length)
    ledger = explain.lrp(language_model(seed, num_layers=layers), ids, rule=rule, form=form).ledger
    assert abs(ledger.gap) <= 1e-10 * ledger.scale


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("make", [language_model, classifier])
def test_both_forms_agree_without_a_stabiliser(make, rule):
    model = make()
    gradient = explain.lrp(model, IDS, rule=rule).relevance
    explicit = explain.lrp(model, IDS, rule=rule, form="explicit", eps=1e-14).relevance
    assert abs(gradient - explicit).max() <= 1e-8 * abs(gradient).max()


def test_an_error_planted_in_a_rule_breaks_the_closure(monkeypatch):
    right = mt.ops.linalg.Linear.modified

    def wrong(self, g, rule, *arrays):
        dx, *others = right(self, g, rule, *arrays)
        return dx * (1 + 1e-6), *others

    monkeypatch.setattr(mt.ops.linalg.Linear, "modified", wrong)
    ledger = explain.lrp(language_model(), IDS).ledger
    assert abs(ledger.gap) > 1e-10 * ledger.scale


def test_linear_epsilon_rule_by_hand():
    x, w, b, eps = np.array([1.0, -2.0]), np.array([[0.5, 1.0], [2.0, 0.25]]), np.array([0.1, -0.3]), 1e-2
    z = w @ x + b
    stable = z + eps * np.where(z < 0, -1, 1)
    r = np.array([0.7, -0.4])
    t = mt.tensor(x, requires_grad=True)
    out = nn.functional.linear(t, mt.tensor(w), mt.tensor(b))
    walk = Walk("attnlrp", "explicit", eps)
    (found,) = walk.run(out, r, [t]).values()
    assert np.allclose(found, x * (w.T @ (r / stable)), rtol=0, atol=1e-14)
    booked = {sink: float(amount) for _, sink, amount in walk.books.entries}
    assert math.isclose(booked["bias"], (b * r / stable).sum(), abs_tol=1e-14)


def test_softmax_rule_by_hand():
    x, r = np.array([0.3, -1.0, 0.8]), np.array([0.2, 0.5, -0.1])
    s = np.exp(x) / np.exp(x).sum()
    t = mt.tensor(x, requires_grad=True)
    walk = Walk("attnlrp", "explicit", 0.0)
    (found,) = walk.run(t.softmax(-1), r, [t]).values()
    assert np.allclose(found, x * (r - s * r.sum()), rtol=0, atol=1e-15)


def test_batches_are_sequences_side_by_side():
    model = language_model()
    both = explain.lrp(model, [IDS, IDS[::-1]]).relevance
    assert np.allclose(both, [explain.lrp(model, IDS).relevance, explain.lrp(model, IDS[::-1]).relevance], rtol=0, atol=1e-12)


def test_padding_does_not_matter():
    model = classifier()
    padded = explain.lrp(model, [IDS + [0, 0]], target=1).relevance[0]
    assert np.allclose(padded[:-2], explain.lrp(model, IDS, target=1).relevance, rtol=0, atol=1e-12)
    assert np.allclose(padded[-2:], 0, atol=1e-12)


def test_frozen_models_are_explained_and_left_as_they_were():
    model = language_model().requires_grad_(False).train()
    model.positions.dropout.p = model.encoder.layers[0].dropout.p = 0.5
    explain.lrp(model, IDS)
    assert model.training and not any(p.requires_grad for p in model.parameters())


def test_an_op_without_a_rule_raises_by_name():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match="Exp"):
        explain.relevance(x.exp().sum(), [x])


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"rule": "magic"}, ValueError, "attnlrp"),
        ({"form": "other"}, ValueError, "explicit"),
        ({"target": 11}, IndexError, "target"),
        ({"position": 6}, IndexError, "position"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        explain.lrp(language_model(), IDS, **options)


def test_empty_text():
    with pytest.raises(ValueError, match="at least one token"):
        explain.lrp(language_model(), np.zeros(0, int))


def test_an_explanation_shows_itself_and_escapes_tokens(tmp_path, capsys):
    e = explain.lrp(language_model(), IDS, tokens=["<b>", "a", " ", "\n", "&", "z"])
    assert "<b>" not in e.to_html() and "&lt;b&gt;" in e.to_html()
    e.save(tmp_path / "page.html")
    assert "http" not in (tmp_path / "page.html").read_text(encoding="utf-8")
    e.show()
    assert "softmax" in capsys.readouterr().out
    assert "gap" in repr(e)
