"""The names of what `explain` explains: a class or a token, its probability, and the words that the model does not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy

from minitransformer.cli.why import Asked, title
from minitransformer.explain import Explanation
from minitransformer.generation.reading import last_logits
from minitransformer.models import BertClassifier, SequenceClassifier
from minitransformer.models.classifier import predict_proba
from minitransformer.models.folder.using import is_classifier, probabilities
from minitransformer.ops.creation.from_data import tensor
from minitransformer.pictures.tokens import visible
from minitransformer.tokenization import Tokenizer

CLASSES = ("negative", "positive")  # of reviews, on which every recipe of a classifier trains


def predictor(model: Any, tokenizer: Tokenizer) -> Callable[[Sequence[str]], numpy.ndarray] | None:
    """The probabilities that a classifier gives.

    Args:
        model: any model.
        tokenizer: the tokenizer of its ids.

    Returns:
        A function of texts, which gives (N, L); None for a model that is no classifier of texts.
    """
    if isinstance(model, SequenceClassifier | BertClassifier):
        return partial(predict_proba, model, tokenizer)
    return partial(probabilities, model, tokenizer) if is_classifier(model) else None


def name(
    explanation: Explanation, model: Any, tokenizer: Tokenizer, text: str, asked: Asked | None = None
) -> Explanation:
    """Give an explanation the name and the probability of its target, and the words that the tokenizer does not know.

    Args:
        explanation: of one text.
        model: a classifier, or a writer.
        tokenizer: the tokenizer of its ids.
        text: the text.
        asked: what was asked for; None means an integer target.

    Returns:
        The explanation itself.
    """
    explanation.unknown = unknown_words(tokenizer, text)
    first = explanation.target[0]
    target = first[0] if isinstance(first, tuple) else cast(int, first)
    predict = predictor(model, tokenizer)
    if predict is not None:
        chances = predict([text])[0]  # (L,)
        own = len(chances) == len(CLASSES) and isinstance(model, SequenceClassifier | BertClassifier)
        explanation.name = CLASSES[target] if own else title(model, tokenizer, asked or Asked(), target)
    else:
        chances = tensor(last_logits(model, [tokenizer.encode(text)])).softmax(-1).numpy()[0]  # (V,)
        explanation.name = (
            title(model, tokenizer, asked, target) if asked else visible(tokenizer.decode([target])).strip()
        )
    if not isinstance(first, tuple) and not (asked and asked.phrase):
        explanation.probability = float(chances[target])
    return explanation


def unknown_words(tokenizer: Tokenizer, text: str) -> list[str]:
    """The pieces of a text that have no id of their own: a model reads the same for each of them.

    Args:
        tokenizer: the tokenizer.
        text: the text.

    Returns:
        The pieces, each once.
    """
    pairs = zip(tokenizer.tokens(text), tokenizer.encode(text), strict=True)
    return list(dict.fromkeys(piece.strip() for piece, i in pairs if i == tokenizer.unk_id))


def check_length(model: Any, count: int) -> None:
    """Raise ValueError for a text that is longer than what the model reads.

    Args:
        model: the model.
        count: how many tokens the text has.
    """
    config = model.config
    most = getattr(config, "max_len", None) or getattr(config, "max_position_embeddings", None)
    if most and count > most:
        raise ValueError(
            f"text: expected at most {most:,} tokens, as many as this model reads, got {count:,}; give a shorter part of it"
        )
