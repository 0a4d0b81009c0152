"""The first part of a tour: a classifier learns to decide between praise and blame, and one of its decisions is explained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy
from rich.console import Console

from minitransformer.data.naive_bayes import NaiveBayes, majority
from minitransformer.data.reviews import Review
from minitransformer.explain import Explanation, gradient_x_input, lime, lrp
from minitransformer.models import Average
from minitransformer.models.classifier import predict_proba
from minitransformer.nn import Module
from minitransformer.recipes import ClassifierRecipe
from minitransformer.recipes.classifier import accuracy
from minitransformer.recipes.cross_validation import MODELS, texts_and_labels
from minitransformer.tokenization import Tokenizer
from minitransformer.tour.learning import attention_of, train
from minitransformer.tour.leaving_out import without
from minitransformer.tour.measured import cross_validated
from minitransformer.tour.result import ClassifierResult
from minitransformer.tour.verdict import is_word

SHORT = range(8, 19)  # words in a review that is quickly read
SURE = 0.95
SAMPLES = 1000  # of LIME
SHOWN = 3  # mistakes


def train_classifier(
    recipe: ClassifierRecipe, seed: int, console: Console, form: str = "gradient", text: str | None = None
) -> ClassifierResult:
    """Train the classifier, an average of several models, on reviews, and explain one of its decisions.

    Args:
        recipe: of the classifier.
        seed: of LIME's samples.
        console: where the progress bar is drawn.
        form: of LRP, "gradient" or "explicit".
        text: the text whose decision is explained; None for a review that the classifier never saw.

    Returns:
        Its losses, its accuracy beside that of simpler methods, and one decision explained by three methods.

    Raises:
        ValueError: the text has no word, or more than the classifier can read.
    """
    learning, validation, test = recipe.split()
    known = learning + validation  # no checkpoint is chosen, so nothing need be held out for the choice
    trainer, tokenizer = recipe.trainer_on(known, test)
    trainers = [trainer, *(recipe.trainer_on(known)[0] for _ in range(MODELS - 1))]
    model = Average([trainer.model for trainer in trainers])
    if text is not None:
        check_length(text, tokenizer, model.config.max_len)
    learned = [train(trainer, console) for trainer in trainers]
    scores = {
        **simpler(recipe.samples(known), test),
        "Transformer": accuracy(model, tokenizer, test),
    }
    probabilities = predict_proba(model, tokenizer, [r.text for r in test])  # (N, 2)
    predict = partial(predict_proba, model, tokenizer)
    review = (
        test[choose(test, probabilities, tokenizer)]
        if text is None
        else Review(text, int(predict([text]).argmax()))
    )
    chances = predict([review.text])[0]  # (2,)
    label = int(chances.argmax())
    explanations = explain(model, tokenizer, review.text, label, seed, form)
    return ClassifierResult(
        learned[0],
        scores,
        len(test),
        cross_validated(recipe.data),
        review,
        label,
        float(chances.max()),
        explanations,
        attention_of(trainer.model, tokenizer, review.text),
        mistakes(test, probabilities),
        without(predict, explanations[0].tokens, label),
    )


def check_length(text: str, tokenizer: Tokenizer, longest: int) -> None:
    """Check, before any work is done, that the classifier can read a text.

    Args:
        text: the text.
        tokenizer: of the classifier's ids.
        longest: the largest number of tokens.

    Raises:
        ValueError: the text has no word, or too many tokens.
    """
    tokens = tokenizer.tokens(text)
    if not any(map(is_word, tokens)):
        raise ValueError(f'sentence: expected one word or more, such as "The soup was cold.", got {text!r}')
    if len(tokens) > longest:
        raise ValueError(f"sentence: expected at most {longest} words and signs, got {len(tokens)}")


def simpler(train: Sequence[Review], test: Sequence[Review]) -> dict[str, float]:
    """The accuracy of simpler methods.

    Args:
        train: reviews to learn from.
        test: reviews to measure the accuracy on.

    Returns:
        The accuracy, from 0 to 1, of the most frequent label for every review, and of naive Bayes.
    """
    truth = numpy.array([r.label for r in test])
    texts, labels = texts_and_labels(train)
    bayes = NaiveBayes.fit(texts, labels).predict([r.text for r in test])
    return {
        "majority": float((truth == majority(labels)).mean()),
        "naive Bayes": float((bayes == truth).mean()),
    }


def choose(reviews: Sequence[Review], probabilities: numpy.ndarray, tokenizer: Tokenizer) -> int:
    """Choose the review to explain: the one with the highest probability of its true label, up to `SURE`.

    Beyond `SURE`, no single word can change the decision any more, and there is little to explain. Short reviews come first, and
    among them those with the fewest words that the classifier does not know.

    Args:
        reviews: N reviews.
        probabilities: of both labels, (N, 2).
        tokenizer: of the classifier's ids.

    Returns:
        The index of the review.
    """
    short = [i for i, r in enumerate(reviews) if len(r.text.split()) in SHORT] or range(len(reviews))
    right = {i: float(probabilities[i, reviews[i].label]) for i in short}
    fitting = [i for i in short if 0.5 < right[i] <= SURE] or short
    unknown = {i: tokenizer.encode(reviews[i].text).count(tokenizer.unk_id) for i in fitting}
    return max(fitting, key=lambda i: (-unknown[i], right[i]))


def mistakes(reviews: Sequence[Review], probabilities: numpy.ndarray) -> list[tuple[Review, float]]:
    """The wrong decisions with the highest probabilities.

    Args:
        reviews: N reviews.
        probabilities: of both labels, (N, 2).

    Returns:
        At most `SHOWN` reviews, each with the probability of the wrong label; the highest comes first.
    """
    wrong = [
        (r, float(p.max())) for r, p in zip(reviews, probabilities, strict=True) if p.argmax() != r.label
    ]
    return sorted(wrong, key=lambda pair: -pair[1])[:SHOWN]


def explain(
    model: Module, tokenizer: Tokenizer, text: str, label: int, seed: int, form: str = "gradient"
) -> list[Explanation]:
    """Explain a decision by LRP, by LIME and by gradient x input.

    Args:
        model: the classifier.
        tokenizer: of its ids.
        text: the text that it read.
        label: the label that it chose, 0 or 1.
        seed: of LIME's samples.
        form: of LRP, "gradient" or "explicit".

    Returns:
        The three explanations, each of the same tokens.
    """
    ids = tokenizer.encode(text)
    tokens = tokenizer.tokens(text)
    predict = partial(predict_proba, model, tokenizer)
    margin = (label, 1 - label)  # the decision depends on the difference of the two logits
    by_lrp = lrp(model, ids, margin, tokens=tokens, form=form)
    pairs = zip(tokens, ids, strict=True)
    by_lrp.unknown = list(dict.fromkeys(token.strip() for token, i in pairs if i == tokenizer.unk_id))
    return [
        by_lrp,
        lime(predict, text, label, len(tokens), SAMPLES, seed, tokenizer=tokenizer.tokens),
        gradient_x_input(model, ids, margin, tokens=tokens),
    ]
