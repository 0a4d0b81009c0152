"""The tour, in small: every stage runs, and the page needs nothing from elsewhere."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import minitransformer as mt
from minitransformer import recipes
from minitransformer.cli import app
from minitransformer.data.reviews import load_reviews, train_test_split


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    page = tmp_path_factory.mktemp("tour") / "tour.html"
    result = CliRunner().invoke(app, ["tour", "--out", str(page), "--steps", "2", "--epochs", "1", "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), page.read_text(encoding="utf-8")


def test_the_figures(run):
    report, _ = run
    assert max(report["gradients"].values()) < 1e-6
    assert len(report["losses"]) == 2 and report["before"] != report["after"]
    assert set(report["accuracy"]) == {"majority", "naive Bayes", "Transformer"}
    ledger = report["ledger"]
    assert ledger["total"] == pytest.approx(sum(v for k, v in ledger.items() if k != "total"), abs=1e-4)


def test_the_page_stands_alone(run):
    _, page = run
    assert "<script" not in page and "http" not in page
    assert all(word in page for word in ("Gradients", "Before", "After", "softmax", "naive Bayes"))


def test_training_lowers_the_loss():
    mt.manual_seed(0)
    model, tokenizer = recipes.language_model("the cat sat on the mat. " * 50, vocab_size=270)
    losses = recipes.train_language_model(model, tokenizer.encode("the cat sat on the mat. " * 50), 25, lambda *a: None, batch=4)
    assert np.mean(losses[-3:]) < 0.7 * losses[0]


def test_the_classifier_learns_its_training_reviews():
    mt.manual_seed(0)
    train, _ = train_test_split(load_reviews(), held_out=0.8)
    model, tokenizer, _ = recipes.train_classifier(train, 40, lambda *a: None)
    assert recipes.accuracy(model, tokenizer, train) > 0.75
