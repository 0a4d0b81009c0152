"""The recipe of a review classifier: a vocabulary of words, some of them hidden while it learns, cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy

from minitransformer import models, nn
from minitransformer.autograd import Tensor, no_grad
from minitransformer.data.movie_reviews import movie_reviews
from minitransformer.data.reviews import Review, load_reviews, train_test_split
from minitransformer.devices import to_device
from minitransformer.models import ClassifierConfig, SequenceClassifier
from minitransformer.models.classifier import PAD, predict_proba
from minitransformer.nn.modes import in_use
from minitransformer.optim import AdamW
from minitransformer.randomness import generator
from minitransformer.recipes.schedule import warm_up_and_cosine
from minitransformer.tokenization import Tokenizer, WordTokenizer
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader, LengthSampler, pad_collate

DATA = {"reviews": load_reviews, "movie-reviews": movie_reviews}
# ten times the text
SETTINGS = {"reviews": {}, "movie-reviews": {"steps": 1000, "batch_size": 32, "vocab_size": 12_000}}


@dataclass(frozen=True)
class ClassifierRecipe:
    """All that decides what comes out. `data` is "reviews" or "movie-reviews"; `hidden` the share of words hidden.

    Few reviews are learned by heart before they are understood, so much here holds back: words hidden, weights pulled to
    zero, labels not quite believed, a small model and few steps.
    """

    data: str = "reviews"
    steps: int = 500
    batch_size: int = 16
    lr: float = 5e-3
    weight_decay: float = 0.3
    hidden: float = 0.4
    smoothing: float = 0.1
    vocab_size: int = 4000
    d_model: int = 16
    nhead: int = 4
    num_layers: int = 1
    dropout: float = 0.1
    amp: bool = False

    kind = "classifier"

    @classmethod
    def of(cls, data: str, **chosen) -> ClassifierRecipe:
        """The recipe that suits a data set, but for what is `chosen`. Raises ValueError for unknown data."""
        if data not in SETTINGS:
            raise ValueError(f"data: expected one of {', '.join(SETTINGS)}, got {data!r}")
        return cls(data, **SETTINGS[data] | chosen)

    def split(self) -> tuple[list[Review], list[Review], list[Review]]:
        """Reviews to train on, to choose the best checkpoint by, and to be judged on. Raises ValueError for unknown data."""
        if self.data not in DATA:
            raise ValueError(f"data: expected one of {', '.join(DATA)}, got {self.data!r}")
        known, test = train_test_split(DATA[self.data](), held_out=0.2)
        train, validation = train_test_split(known, held_out=0.1)
        return train, validation, test

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """An untrained model with all that trains it, and its tokenizer."""
        train, validation, _ = self.split()
        tokenizer = WordTokenizer.train([r.text for r in train], vocab_size=self.vocab_size, min_frequency=2)
        model = SequenceClassifier(self.config(tokenizer.vocab_size))
        samples, unseen = (encode(tokenizer, reviews) for reviews in (train, validation))
        loader = DataLoader(
            samples, batch_sampler=by_length(samples, self.batch_size), collate_fn=pad_collate
        )
        optimizer = AdamW(model.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        return Trainer(
            model,
            partial(loss, hidden=self.hidden, smoothing=self.smoothing, unknown=tokenizer.unk_id),
            loader,
            optimizer,
            warm_up_and_cosine(optimizer, self.steps),
            steps=self.steps,
            max_norm=1.0,
            amp=self.amp,
            evaluate=lambda model: mean_loss(model, unseen),
            evaluate_every=25,
            directory=directory,
            description={**models.describe(model, tokenizer), "recipe": asdict(self)},
        ), tokenizer

    def config(self, vocab_size: int) -> ClassifierConfig:
        return ClassifierConfig(
            vocab_size,
            2,
            self.d_model,
            self.nhead,
            self.num_layers,
            2 * self.d_model,
            self.dropout,
            final_norm=False,
        )


def encode(tokenizer: Tokenizer, reviews: Sequence[Review]) -> list[tuple[list[int], int]]:
    """(ids, label) of each review."""
    return [(tokenizer.encode(r.text), r.label) for r in reviews]


def by_length(samples: Sequence[tuple[list[int], int]], batch_size: int) -> LengthSampler:
    return LengthSampler([len(ids) for ids, _ in samples], batch_size)


def loss(
    model: SequenceClassifier,
    batch: tuple[Tensor, Tensor],
    hidden: float = 0.0,
    smoothing: float = 0.0,
    unknown: int = 1,
) -> Tensor:
    """The mean cross-entropy of the labels, in nats. (B, T), (B,) -> ().

    Each word is unknown with probability `hidden`; `smoothing` spreads that share of each label over all classes.
    """
    ids, labels = batch
    if hidden:
        drop = to_device(generator().random(ids.shape) < hidden, ids.device)
        ids = ids.masked_fill((ids != PAD) & Tensor(drop), unknown)  # no review is about one word alone
    return nn.functional.cross_entropy(model(ids), labels, label_smoothing=smoothing)


@no_grad()
def mean_loss(
    model: nn.Module,
    samples: Sequence[tuple[list[int], int]],
    batch_size: int = 64,
    answer: Callable = nn.Module.__call__,
) -> float:
    """The mean cross-entropy over all samples, in nats; `answer(model, ids)` gives the logits."""
    loader = DataLoader(samples, batch_size, collate_fn=pad_collate)
    with in_use(model):
        return sum(loss(partial(answer, model), batch).item() * len(batch[1]) for batch in loader) / len(
            samples
        )


def accuracy(model: SequenceClassifier, tokenizer: Tokenizer, reviews: Sequence[Review]) -> float:
    """The share of reviews whose label gets the larger probability. Raises ValueError for none."""
    if not reviews:
        raise ValueError("accuracy: expected at least one review, got none")
    guesses = predict_proba(model, tokenizer, [r.text for r in reviews]).argmax(1)
    return float((guesses == numpy.array([r.label for r in reviews])).mean())
