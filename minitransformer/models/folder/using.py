"""What a folder's model is asked for: the probabilities of its classes, and vectors of texts; in batches, with masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.models.folder.model import PublishedModel
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.from_data import tensor
from minitransformer.tokenization import Tokenizer
from minitransformer.tokenization.encoding import Encoding

CLASSIFIER = "ForSequenceClassification"
READER = "ForQuestionAnswering"
TAGGER = "ForTokenClassification"
WITHOUT_HEAD = "Model"
WITH_HEAD = "HeadModel"


def is_classifier(model: object) -> bool:
    """Whether a model is a classifier of texts that came from a folder.

    Args:
        model: any model.

    Returns:
        True or False.
    """
    return _architecture(model).endswith(CLASSIFIER)


def finds_answers(model: object) -> bool:
    """Whether a model came from a folder and finds the answer to a question in a text.

    Args:
        model: any model.

    Returns:
        True or False.
    """
    return _architecture(model).endswith(READER)


def labels_tokens(model: object) -> bool:
    """Whether a model came from a folder and gives each token a class.

    Args:
        model: any model.

    Returns:
        True or False.
    """
    return _architecture(model).endswith(TAGGER)


def gives_vectors(model: object) -> bool:
    """Whether a model came from a folder and has no head, so that it gives a vector for each token.

    Args:
        model: any model.

    Returns:
        True or False.
    """
    name = _architecture(model)
    return name.endswith(WITHOUT_HEAD) and not name.endswith(WITH_HEAD)


def segments_of(model: PublishedModel, encoding: Encoding) -> list[int] | None:
    """The segments that a model reads beside its ids.

    Args:
        model: a model from a folder.
        encoding: what its tokenizer made of a pair of texts.

    Returns:
        T integers; None for a model that has no second segment.
    """
    several = getattr(model.config, "type_vocab_size", 0) > 1
    return encoding.type_ids if several and any(encoding.type_ids) else None


def _architecture(model: object) -> str:
    """The published name of a model's class; empty if it came from no folder."""
    origin = model.origin if isinstance(model, PublishedModel) else None
    return "" if origin is None else origin.architecture


@no_grad()
def probabilities(
    model: PublishedModel, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 32
) -> numpy.ndarray:
    """The probability of each class for each text.

    Args:
        model: a classifier of texts; it runs in evaluation mode.
        tokenizer: the tokenizer of its ids.
        texts: N texts.
        batch_size: texts in a batch.

    Returns:
        (N, L): in each row they sum to 1, or where the folder says that a text may have several classes, each is by itself.

    Raises:
        ValueError: if the model gives one number for a text, which is no probability.
    """
    rows: list[numpy.ndarray] = []
    several = (
        model.origin is not None and model.origin.config.get("problem_type") == "multi_label_classification"
    )
    with in_use(model):
        for ids, mask in _batches(model, tokenizer, texts, batch_size):
            logits = model(ids, attention_mask=mask)  # (B, L)
            if logits.shape[-1] == 1:
                raise ValueError(
                    "expected a classifier of two classes or more, got one that gives one number"
                )
            rows.extend((logits.sigmoid() if several else logits.softmax(-1)).numpy())
    return numpy.stack(rows)


@no_grad()
def vectors(
    model: PublishedModel, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 32
) -> numpy.ndarray:
    """A vector of length 1 for each text: the mean of its tokens' vectors. Their scalar product is their cosine similarity.

    Args:
        model: a model without a head; it runs in evaluation mode.
        tokenizer: the tokenizer of its ids.
        texts: N texts.
        batch_size: texts in a batch.

    Returns:
        (N, C).
    """
    rows: list[numpy.ndarray] = []
    with in_use(model):
        for ids, mask in _batches(model, tokenizer, texts, batch_size):
            x = model(ids, attention_mask=mask)  # (B, T, C)
            real = mask.unsqueeze(-1).to(x.dtype)  # (B, T, 1)
            mean = (x * real).sum(1) / real.sum(1)  # (B, C)
            rows.extend((mean / (mean * mean).sum(-1, keepdim=True).sqrt()).numpy())
    return numpy.stack(rows)


def _batches(
    model: PublishedModel, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """ids (B, T), padded at the right, and their masks: 1 for a token, 0 for padding."""
    padding = getattr(model.config, "pad_token_id", None)
    size = 1 if padding is None else batch_size  # without an id of padding, each text by itself
    device = next(model.parameters()).device
    for start in range(0, len(texts), size):
        rows = [tokenizer.encode(text) or [tokenizer.unk_id] for text in texts[start : start + size]]
        lengths = numpy.array([len(row) for row in rows])
        ids = numpy.full((len(rows), lengths.max()), padding or 0)
        for row, own in zip(ids, rows, strict=True):
            row[: len(own)] = own
        mask = numpy.arange(ids.shape[1]) < lengths[:, None]
        yield tensor(ids, device=device), tensor(mask.astype(numpy.int64), device=device)
