"""How the two models of the tour are made: a language model on prose, and a classifier on reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy

from minitransformer import nn
from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import generator
from minitransformer.data.reviews import Review
from minitransformer.models.classifier import PAD, ClassifierConfig, SequenceClassifier
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.ops.creation import tensor
from minitransformer.optim import AdamW
from minitransformer.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from minitransformer.tokenization import BPETokenizer, Tokenizer, WordTokenizer

Progress = Callable[[int, float], None]


def fit(model: nn.Module, losses: Iterable[Callable[[], Tensor]], steps: int, lr: float, progress: Progress) -> list[float]:
    """Take a step of AdamW for each loss, the learning rate warmed up over a tenth of `steps`, then a cosine to zero."""
    optimizer = AdamW(model.parameters(), lr=lr, weight_decay=0.1)
    warm_up = max(steps // 10, 1)
    phases = [LinearLR(optimizer, 0.01, 1.0, warm_up), CosineAnnealingLR(optimizer, max(steps - warm_up, 1))]
    schedule, curve = SequentialLR(optimizer, phases, [warm_up]), []
    model.train()
    for loss in losses:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        curve.append(value.item())
        progress(len(curve), curve[-1])
    model.eval()
    return curve


def language_model(text: str, vocab_size: int = 512) -> tuple[LanguageModel, Tokenizer]:
    """An untrained language model for `text`, and its byte-pair tokenizer."""
    tokenizer = BPETokenizer.train(text, vocab_size=vocab_size)
    return LanguageModel(LanguageModelConfig(tokenizer.vocab_size, dropout=0.0, max_len=128)), tokenizer


def train_language_model(model: LanguageModel, ids: Sequence[int], steps: int, progress: Progress, batch: int = 16) -> list[float]:
    """Predict the next token of random windows of `ids`, 64 tokens each; returns the loss at each step, in nats."""
    text, window = numpy.asarray(ids), numpy.arange(65)

    def loss() -> Tensor:
        chunk = text[generator().integers(0, len(text) - 65, (batch, 1)) + window]  # (B, T + 1)
        logits = model(tensor(chunk[:, :-1]))  # (B, T, V)
        return nn.functional.cross_entropy(logits.flatten(0, 1), tensor(chunk[:, 1:].ravel()))

    return fit(model, (loss for _ in range(steps)), steps, 3e-3, progress)


def padded(sequences: Sequence[Sequence[int]]) -> numpy.ndarray:
    """Sequences side by side, filled up with the padding id. [n_i] -> (B, T)."""
    ids = numpy.full((len(sequences), max(map(len, sequences))), PAD)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return ids


def train_classifier(
    reviews: Sequence[Review], epochs: int, progress: Progress, batch: int = 32
) -> tuple[SequenceClassifier, Tokenizer, list[float]]:
    """A review classifier, its word tokenizer, and the loss at each step. Words are left out at random while it learns."""
    tokenizer = WordTokenizer.train([r.text for r in reviews], vocab_size=4000, min_frequency=2)
    model = SequenceClassifier(ClassifierConfig(tokenizer.vocab_size))
    encoded, labels = [tokenizer.encode(r.text) for r in reviews], numpy.array([r.label for r in reviews])

    def loss(rows) -> Tensor:
        ids = padded([encoded[i] for i in rows])
        dropped = (generator().random(ids.shape) < 0.2) & (ids != PAD)
        logits = model(tensor(numpy.where(dropped, tokenizer.unk_id, ids)))  # (B, 2)
        return nn.functional.cross_entropy(logits, tensor(labels[rows]))

    batches = len(labels) // batch + 1
    order = [rows for _ in range(epochs) for rows in numpy.array_split(generator().permutation(len(labels)), batches)]
    curve = fit(model, (lambda rows=rows: loss(rows) for rows in order), len(order), 3e-3, progress)
    return model, tokenizer, curve


def predict_proba(model: SequenceClassifier, tokenizer: Tokenizer, texts: Sequence[str], batch: int = 256) -> numpy.ndarray:
    """The probability of each class for each text, (N, 2)."""
    parts = []
    with no_grad():
        for i in range(0, len(texts), batch):
            ids = padded([tokenizer.encode(t) or [tokenizer.unk_id] for t in texts[i : i + batch]])
            parts.append(model(tensor(ids)).softmax(-1).numpy())
    return numpy.concatenate(parts)


def accuracy(model: SequenceClassifier, tokenizer: Tokenizer, reviews: Sequence[Review]) -> float:
    """The share of reviews whose label gets the larger probability."""
    guesses = predict_proba(model, tokenizer, [r.text for r in reviews]).argmax(1)
    return float((guesses == [r.label for r in reviews]).mean())
