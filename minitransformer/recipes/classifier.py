"""The recipe of a review classifier: a vocabulary of words, some words hidden while it trains, and cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from minitransformer import models, nn
from minitransformer.autograd import Tensor, no_grad
from minitransformer.data.movie_reviews import movie_reviews
from minitransformer.data.reviews import Review, load_reviews, marked_words, train_test_split
from minitransformer.data.word_vectors import word_vectors
from minitransformer.devices import to_device
from minitransformer.models import ClassifierConfig, SequenceClassifier
from minitransformer.models.classifier import PAD, predict_proba
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.from_data import tensor
from minitransformer.randomness import generator, own
from minitransformer.recipes.run import trainer_of
from minitransformer.recipes.taught import Taught
from minitransformer.tokenization import Tokenizer, WordTokenizer
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader, LengthSampler, pad_collate

Sample = tuple[
    Sequence[int] | numpy.ndarray, int
]  # the ids of a review, or the vector that a head reads; and its label
DATA = {"reviews": load_reviews, "movie-reviews": movie_reviews}
SETTLED = 800  # of the shipped reviews: only these are held out, so that the test stays as it is when others are written
SETTINGS: dict[str, dict[str, Any]] = {
    "reviews": {"marked": True, "vectors": True, "bag_of_words": True, "eps": 1e-3},
    # ten times as much text; without positions, one review in a hundred more is judged rightly
    "movie-reviews": {"steps": 1000, "batch_size": 32, "vocab_size": 12_000, "position_scale": 0.0},
}


@dataclass(frozen=True)
class ClassifierRecipe(Taught):
    """The settings of a run that trains a `SequenceClassifier`.

    A few hundred reviews are soon memorised. Against that, the model is small, the steps are few, words are hidden, weights
    decay and labels are smoothed.

    Args:
        data: "reviews" or "movie-reviews".
        steps: batches to learn from.
        batch_size: reviews in a batch.
        lr: the highest learning rate.
        weight_decay: of AdamW.
        eps: of AdamW. Where gradients are smaller than it, as those of rare words are, steps are smaller too.
        hidden: the probability that a word is read as an unknown one while training.
        smoothing: the share of each label that is spread over all classes.
        marked: whether the marked words of each review are one more sample.
        vocab_size: the largest number of different words.
        d_model: width of the model.
        nhead: attention heads.
        num_layers: layers.
        dropout: the share of activations set to zero while training.
        vectors: whether the words' vectors begin with those of `word_vectors`, instead of random ones.
        position_scale: a factor for the positional encoding; 0 for none.
        bag_of_words: whether one weight for each word and class is added to the logits.
        amp: whether products are computed in float16.

    Those of `Taught` are there, too.
    """

    data: str = "reviews"
    steps: int = 500
    batch_size: int = 16
    lr: float = 5e-3
    weight_decay: float = 0.3
    eps: float = 1e-8
    hidden: float = 0.4
    smoothing: float = 0.1
    marked: bool = False
    vocab_size: int = 4000
    d_model: int = 16
    nhead: int = 4
    num_layers: int = 1
    dropout: float = 0.1
    vectors: bool = False
    position_scale: float = 0.1
    bag_of_words: bool = False
    amp: bool = False

    kind = models.kind_of(SequenceClassifier)

    @classmethod
    def of(cls, data: str = "reviews", **chosen: Any) -> ClassifierRecipe:
        """The recipe with the settings that suit a data set.

        Args:
            data: "reviews" or "movie-reviews".
            **chosen: settings that replace those that suit the data set.

        Returns:
            The recipe.

        Raises:
            ValueError: for other data.
        """
        if data not in SETTINGS:
            raise ValueError(f"data: expected one of {', '.join(SETTINGS)}, got {data!r}")
        return cls(data, **SETTINGS[data] | chosen)

    def split(self) -> tuple[list[Review], list[Review], list[Review]]:
        """Divide the data set.

        Returns:
            Reviews to train on, to choose the best checkpoint by, and to test on.

        Raises:
            ValueError: if `data` is unknown.
        """
        reviews = self.reviews()
        settled = SETTLED if self.data == "reviews" else len(reviews)
        known, test = train_test_split(reviews[:settled], held_out=0.2)
        train, validation = train_test_split(known, held_out=0.1)
        return train + reviews[settled:], validation, test

    def reviews(self) -> list[Review]:
        """The whole data set.

        Returns:
            The reviews, in their order.

        Raises:
            ValueError: if `data` is unknown.
        """
        if self.data not in DATA:
            raise ValueError(f"data: expected one of {', '.join(DATA)}, got {self.data!r}")
        return DATA[self.data]()

    def samples(self, reviews: Sequence[Review]) -> list[Review]:
        """What is learned from reviews: themselves and, if `marked`, the marked words of each.

        Args:
            reviews: the reviews.

        Returns:
            The samples.
        """
        return [*reviews, *(marked_words(reviews) if self.marked else [])]

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """Make an untrained model and everything that trains it.

        Args:
            directory: the folder of the checkpoints; None writes none.

        Returns:
            The trainer, and the tokenizer.
        """
        train, validation, _ = self.split()
        return self.trainer_on(train, validation, directory)

    def trainer_on(
        self, train: Sequence[Review], unseen: Sequence[Review] = (), directory: Path | None = None
    ) -> tuple[Trainer, Tokenizer]:
        """Make an untrained model and everything that trains it on given reviews.

        Args:
            train: the reviews to train on; the vocabulary is theirs.
            unseen: the reviews on which the loss is measured while it trains; with none it is not measured.
            directory: the folder of the checkpoints; None writes none.

        Returns:
            The trainer, and the tokenizer.
        """
        tokenizer = WordTokenizer.train([r.text for r in train], vocab_size=self.vocab_size, min_frequency=2)
        samples, held_out = encode(tokenizer, self.samples(train)), encode(tokenizer, unseen)
        model = SequenceClassifier(self.config(tokenizer.vocab_size))
        if self.vectors:
            begin_with(
                model.embedding,
                word_vectors(known_words(tokenizer, train), tokenizer.vocab_size, self.d_model),
            )
        trainer = trainer_of(
            self,
            model,
            tokenizer,
            self.taught(
                partial(loss, hidden=self.hidden, smoothing=self.smoothing, unknown=tokenizer.unk_id),
                model,
                tokenizer,
                real=lambda batch: batch[0] != PAD,
            ),
            batches(samples, self.batch_size),
            weight_decay=self.weight_decay,
            eps=self.eps,
            evaluate=(lambda model: mean_loss(model, held_out)) if held_out else None,
            evaluate_every=25,
            directory=directory,
        )
        return trainer, tokenizer

    def config(self, vocab_size: int) -> ClassifierConfig:
        """The sizes of the model.

        Args:
            vocab_size: the number of ids.

        Returns:
            The configuration.
        """
        sizes = (vocab_size, 2, self.d_model, self.nhead, self.num_layers, 2 * self.d_model, self.dropout)
        return ClassifierConfig(
            *sizes,
            final_norm=False,
            position_scale=self.position_scale,
            bag_of_words=self.bag_of_words,
        )


@no_grad()
def begin_with(embedding: nn.Embedding, vectors: numpy.ndarray) -> None:
    """Set the vectors of an embedding, as large as its own were.

    Args:
        embedding: the embedding.
        vectors: (V, C).
    """
    size = embedding.weight.numpy().std() / max(vectors.std(), 1e-12)
    embedding.weight.copy_(tensor(vectors * size, device=embedding.weight.device))


def known_words(tokenizer: Tokenizer, reviews: Sequence[Review]) -> list[list[int]]:
    """The ids of reviews without unknown words.

    Args:
        tokenizer: the tokenizer.
        reviews: the reviews.

    Returns:
        The ids of each.
    """
    return [[i for i in tokenizer.encode(r.text) if i != tokenizer.unk_id] for r in reviews]


def encode(tokenizer: Tokenizer, reviews: Sequence[Review]) -> list[Sample]:
    """Turn reviews into ids.

    Args:
        tokenizer: the tokenizer.
        reviews: the reviews.

    Returns:
        (ids, label) of each review.
    """
    return [(tokenizer.encode(r.text), r.label) for r in reviews]


def batches(samples: Sequence[Sample], batch_size: int) -> DataLoader:
    """Batches of samples of similar length, which need little padding.

    Args:
        samples: (ids, label) of each.
        batch_size: samples in a batch.

    Returns:
        The loader.
    """
    sampler = LengthSampler([len(ids) for ids, _ in samples], batch_size)
    return DataLoader(samples, batch_sampler=sampler, collate_fn=pad_collate)


def loss(
    model: Callable[[Tensor], Tensor],
    batch: tuple[Tensor, Tensor],
    hidden: float = 0.0,
    smoothing: float = 0.0,
    unknown: int = 1,
) -> Tensor:
    """The mean cross-entropy of the labels.

    Args:
        model: gives the logits (B, C) of ids (B, T).
        batch: ids (B, T) and labels (B,).
        hidden: the probability that a word is replaced by `unknown`.
        smoothing: the share of each label that is spread over all classes.
        unknown: the id of an unknown word.

    Returns:
        A scalar in nats.
    """
    ids, labels = batch
    if hidden:
        drop = to_device(generator().random(ids.shape) < hidden, ids.device)  # (B, T), of all ranks' rows
        ids = ids.masked_fill((ids != PAD) & Tensor(drop), unknown)  # so that no single word decides
    return nn.functional.cross_entropy(model(own(ids)), own(labels), label_smoothing=smoothing)


@no_grad()
def mean_loss(
    model: nn.Module,
    samples: Sequence[Sample],
    batch_size: int = 64,
    answer: Callable[[Any, Tensor], Tensor] = nn.Module.__call__,
) -> float:
    """The mean cross-entropy over all samples.

    Args:
        model: the classifier; it runs in evaluation mode.
        samples: (ids, label) of each.
        batch_size: samples in a batch.
        answer: `answer(model, ids)` gives the logits.

    Returns:
        The mean, in nats.
    """
    loader = DataLoader(samples, batch_size, collate_fn=pad_collate)
    with in_use(model):
        sums = [loss(partial(answer, model), batch).item() * len(batch[1]) for batch in loader]
    return sum(sums) / len(samples)


def accuracy(model: nn.Module, tokenizer: Tokenizer, reviews: Sequence[Review]) -> float:
    """The share of reviews whose label has the largest probability.

    Args:
        model: the classifier.
        tokenizer: the tokenizer of its ids.
        reviews: the reviews.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: if there is no review.
    """
    if not reviews:
        raise ValueError("accuracy: expected at least one review, got none")
    guesses = predict_proba(model, tokenizer, [r.text for r in reviews]).argmax(1)
    return float((guesses == numpy.array([r.label for r in reviews])).mean())
