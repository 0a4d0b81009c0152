"""Our LIME compared with the package `lime`: the same text, the same number of samples."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Iterator
from functools import partial

import numpy

from minitransformer.bench.pairs import Ratio, in_turn
from minitransformer.bench.row import Row, held_to
from minitransformer.data.reviews import load_reviews
from minitransformer.explain import lime
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier, predict_proba
from minitransformer.tokenization import WordTokenizer

Predict = Callable[[list[str]], numpy.ndarray]  # texts (N) -> class probabilities (N, 2)
FEATURES = (6, 10)  # words in an explanation
OUTSIDE, END_TO_END = "outside predict", "end to end"
# samples, what is timed, and for each number of words in the text the largest ratio, if there is a target
PLAN: list[tuple[int, str, dict[int, float | None]]] = [
    (1000, OUTSIDE, {8: 1 / 5, 15: 1 / 5, 25: 1 / 5, 40: 1 / 5}),
    (1000, END_TO_END, {8: 1 / 3, 15: None, 25: None, 40: None}),
    (5000, OUTSIDE, {8: 1 / 5, 40: 1 / 5}),  # the package's default number of samples
    (5000, END_TO_END, {8: 1.0, 40: 1.0}),
]


def surrogate(pairs: int) -> Iterator[Row]:
    """LIME of a function that costs nothing, and of a Transformer; with 1,000 samples, and with the package's default of 5,000.

    Args:
        pairs: Measurements of each side; slow comparisons take fewer.

    Yields:
        A row for each comparison.
    """
    package = f"lime {importlib.metadata.version('lime')}"
    predicts: dict[str, Predict] = {OUTSIDE: _instantly, END_TO_END: _classifier()}
    few = max(pairs // 3, 3)
    for samples, what, limits in PLAN:
        for words, limit in limits.items():
            for k in FEATURES:
                ratio = _compared(predicts[what], words, k, samples, few if samples == 1000 else 3)
                name = f"LIME {what}, {words} words, k = {k}, {samples:,} samples"
                yield Row(name, package, ratio) if limit is None else held_to(name, package, ratio, limit)


def _compared(predict: Predict, words: int, k: int, samples: int, pairs: int) -> Ratio:
    ours = partial(lime, predict, text_of(words), num_features=k, num_samples=samples)
    theirs = partial(_lime_package, predict, text_of(words), k, samples)
    return in_turn(ours, theirs, pairs)


def _lime_package(predict: Predict, text: str, num_features: int, num_samples: int) -> None:
    from lime.lime_text import LimeTextExplainer

    explainer = LimeTextExplainer(random_state=0)
    explainer.explain_instance(text, predict, labels=(1,), num_features=num_features, num_samples=num_samples)


def _classifier() -> Predict:
    """A Transformer with initial weights: it takes as long as a trained one."""
    tokenizer = WordTokenizer.train([review.text for review in load_reviews()])
    model = SequenceClassifier(ClassifierConfig(tokenizer.vocab_size)).eval()
    return partial(predict_proba, model, tokenizer)


def _instantly(texts: list[str]) -> numpy.ndarray:
    """Class probabilities that cost nothing, so that only the time outside of the model is measured."""
    return numpy.tile([[0.25, 0.75], [0.5, 0.5]], (len(texts) // 2 + 1, 1))[: len(texts)]


def text_of(words: int) -> str:
    """Make a text of different words.

    Args:
        words: The number of words.

    Returns:
        The text.
    """
    every = re.findall(r"[a-z]+", " ".join(review.text for review in load_reviews()).lower())
    return " ".join(list(dict.fromkeys(every))[:words])
