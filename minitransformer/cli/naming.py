"""The names of what `explain` explains: a class or a token, its probability, and the words that the model does not know."""

from __future__ import annotations

from typing import Any, cast

from minitransformer.explain import Explanation
from minitransformer.generation.reading import last_logits
from minitransformer.models import BertClassifier, SequenceClassifier
from minitransformer.models.classifier import predict_proba
from minitransformer.ops.creation.from_data import tensor
from minitransformer.pictures.tokens import visible
from minitransformer.tokenization import Tokenizer

CLASSES = ("negative", "positive")  # of reviews, on which every recipe of a classifier trains


def name(explanation: Explanation, model: Any, tokenizer: Tokenizer, text: str) -> Explanation:
    """Give an explanation the name and the probability of its target, and the words that the tokenizer does not know.

    Args:
        explanation: of one text, with an integer target.
        model: a classifier, or a writer.
        tokenizer: the tokenizer of its ids.
        text: the text.

    Returns:
        The explanation itself.
    """
    target = cast(int, explanation.target[0])
    if isinstance(model, SequenceClassifier | BertClassifier):
        probabilities = predict_proba(model, tokenizer, [text])[0]  # (num_classes,)
        title = CLASSES[target] if len(probabilities) == len(CLASSES) else f"class {target}"
    else:
        logits = last_logits(model, [tokenizer.encode(text)])  # (1, V)
        probabilities = tensor(logits).softmax(-1).numpy()[0]  # (V,)
        title = visible(tokenizer.decode([target])).strip()
    explanation.name = title
    explanation.probability = float(probabilities[target])
    explanation.unknown = unknown_words(tokenizer, text)
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


def check_length(model: Any, tokenizer: Tokenizer, text: str) -> None:
    """Raise ValueError for a text that is longer than what the model reads.

    Args:
        model: the model.
        tokenizer: the tokenizer of its ids.
        text: the text.
    """
    config = model.config
    most = getattr(config, "max_len", None) or getattr(config, "max_position_embeddings", None)
    count = len(tokenizer.encode(text))
    if most and count > most:
        raise ValueError(
            f"text: expected at most {most:,} tokens, as many as this model reads, got {count:,}; give a shorter part of it"
        )
