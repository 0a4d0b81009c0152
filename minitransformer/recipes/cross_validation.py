"""Cross-validation of a classifier beside naive Bayes: each review is held out once, and both learn from the same others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy

from minitransformer.data.naive_bayes import NaiveBayes
from minitransformer.data.reviews import Review, folds
from minitransformer.models import Average
from minitransformer.models.classifier import predict_proba
from minitransformer.recipes.classifier import ClassifierRecipe
from minitransformer.statistics import mean_and_error

MODELS = 3  # in an average
BAYES, ONE, MEAN = "naive Bayes", "one Transformer", "average of Transformers"  # the methods


@dataclass(frozen=True)
class CrossValidation:
    """Which reviews each method judged rightly while they were held out.

    Attributes:
        right: method -> 1 or 0 for each of the N reviews, (N,); of `ONE`, the share of its models that are right.
    """

    right: dict[str, numpy.ndarray]

    def accuracy(self, method: str) -> tuple[float, float]:
        """The accuracy of a method over all folds.

        Args:
            method: a key of `right`.

        Returns:
            (accuracy, its standard error), from 0 to 1.
        """
        return mean_and_error(self.right[method])

    def difference(self, method: str, other: str = BAYES) -> tuple[float, float]:
        """How much more accurate a method is than another one on the same reviews.

        Args:
            method: a key of `right`.
            other: another one.

        Returns:
            (difference of the accuracies, its standard error), from -1 to 1.
        """
        return mean_and_error(self.right[method] - self.right[other])


def judged_in_turn(
    recipe: ClassifierRecipe,
    number: int = 5,
    models: int = MODELS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> CrossValidation:
    """Hold out each of several equal parts of the reviews in turn, and train on the others.

    Args:
        recipe: of the classifier.
        number: of parts.
        models: how many models, which differ in their initial values and batches, are trained on each part.
        progress: is called with the number of models trained and to train.

    Returns:
        What each method judged rightly.

    Raises:
        ValueError: if there are fewer than two parts, or no model.
        KeyboardInterrupt: a training was stopped.
    """
    parts = []
    for i, (train, test) in enumerate(folds(recipe.reviews(), number)):
        report = partial(lambda before, done: progress(before + done, number * models), i * models)
        parts.append(judged(recipe, train, test, models, report))
    return CrossValidation(
        {method: numpy.concatenate([part[method] for part in parts]) for method in parts[0]}
    )


def judged(
    recipe: ClassifierRecipe,
    train: Sequence[Review],
    test: Sequence[Review],
    models: int = MODELS,
    report: Callable[[int], None] = lambda done: None,
) -> dict[str, numpy.ndarray]:
    """Train every method on the same samples, and judge other reviews.

    Args:
        recipe: of the classifier; the models are those after its last step.
        train: the reviews to learn from.
        test: the N reviews to judge.
        models: how many models are trained.
        report: is called with the number of models trained so far.

    Returns:
        method -> 1 or 0 for each review of `test`, (N,); see `CrossValidation.right`.
    """
    texts, labels = texts_and_labels(test)
    truth = numpy.array(labels)  # (N,)
    trainers, tokenizers = zip(*(recipe.trainer_on(train) for _ in range(models)), strict=True)
    for done, trainer in enumerate(trainers, start=1):
        if not trainer.run():
            raise KeyboardInterrupt
        report(done)
    average = Average([trainer.model for trainer in trainers]).eval()
    each = [predict_proba(model, tokenizers[0], texts).argmax(1) == truth for model in average.models]
    return {
        BAYES: (NaiveBayes.fit(*texts_and_labels(recipe.samples(train))).predict(texts) == truth).astype(
            float
        ),
        ONE: numpy.mean(each, axis=0),  # (models, N) -> (N,)
        MEAN: (predict_proba(average, tokenizers[0], texts).argmax(1) == truth).astype(float),
    }


def texts_and_labels(reviews: Sequence[Review]) -> tuple[list[str], list[int]]:
    """What naive Bayes learns from.

    Args:
        reviews: N reviews.

    Returns:
        The texts, and their labels.
    """
    return [r.text for r in reviews], [r.label for r in reviews]
