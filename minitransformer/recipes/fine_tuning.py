"""The recipe of a review classifier on a published encoder: MiniLM and a head, of which all, the head, or LoRA learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from minitransformer import models
from minitransformer.autograd import no_grad
from minitransformer.data.reviews import Review
from minitransformer.models import Bert, BertClassifier, BertClassifierConfig, published
from minitransformer.nn.modes import in_use
from minitransformer.recipes.classifier import ClassifierRecipe, Sample, batches, encode, loss, mean_loss
from minitransformer.recipes.run import trainer_of
from minitransformer.tokenization import Tokenizer
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader, pad_collate

SUITS = {
    "full": {"steps": 480, "lr": 1e-4, "weight_decay": 0.01},
    "lora": {"steps": 480, "lr": 1e-3, "weight_decay": 0.01},
    "head": {
        "steps": 1800,
        "lr": 3e-3,
        "weight_decay": 0.1,
    },  # its steps are cheap: the encoder runs once for each review
}
SUITABLE: Any = None  # the default of a setting that depends on `adapt`: the number that stands in SUITS


@dataclass(frozen=True)
class FineTuningRecipe:
    """The settings of a run that trains a `BertClassifier` on the weights of MiniLM.

    Args:
        data: "reviews" or "movie-reviews".
        adapt: what learns: "full", all weights; "head", the head only; "lora", the head and low-rank additions.
        steps: batches to learn from; None takes what suits `adapt`, and so for `lr` and `weight_decay`.
        batch_size: reviews in a batch.
        lr: the highest learning rate.
        weight_decay: of AdamW.
        dropout: the share of activations set to zero while training.
        rank: of the low-rank additions.
        amp: whether products are computed in float16.

    Raises:
        ValueError: for another `adapt`.
    """

    data: str = "movie-reviews"
    adapt: str = "full"
    steps: int = SUITABLE
    batch_size: int = 32
    lr: float = SUITABLE
    weight_decay: float = SUITABLE
    dropout: float = 0.1
    rank: int = 8
    amp: bool = False

    kind = models.kind_of(BertClassifier)

    def __post_init__(self) -> None:
        if self.adapt not in SUITS:
            raise ValueError(f"adapt: expected one of {', '.join(SUITS)}, got {self.adapt!r}")
        for name, value in SUITS[self.adapt].items():
            if getattr(self, name) is SUITABLE:
                object.__setattr__(self, name, value)

    @classmethod
    def of(cls, data: str = "movie-reviews", **chosen: Any) -> FineTuningRecipe:
        """The recipe for a data set.

        Args:
            data: "reviews" or "movie-reviews".
            **chosen: settings that replace the defaults.

        Returns:
            The recipe.
        """
        return cls(data, **chosen)

    def split(self) -> tuple[list[Review], list[Review], list[Review]]:
        """Divide the data set.

        Returns:
            Reviews to train on, to choose the best checkpoint by, and to test on.

        Raises:
            ValueError: if `data` is unknown.
        """
        return ClassifierRecipe(self.data).split()

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """Make MiniLM with an untrained head, and everything that trains it. A frozen encoder runs only once for each review.

        Args:
            directory: the folder of the checkpoints; None writes none.

        Returns:
            The trainer, and the tokenizer.
        """
        train, validation, _ = self.split()
        model, tokenizer = self.model()
        samples, unseen = (encode(tokenizer, reviews) for reviews in (train, validation))
        answer = BertClassifier.__call__
        if self.adapt == "head":
            samples = read(model, samples)
            unseen = read(model, unseen)
            answer = BertClassifier.classify
        trainer = trainer_of(
            self,
            model,
            tokenizer,
            lambda model, batch: loss(partial(answer, model), batch),
            batches(samples, self.batch_size),
            weight_decay=self.weight_decay,
            evaluate=lambda model: mean_loss(model, unseen, answer=answer),
            evaluate_every=max(self.steps // 8, 1),
            directory=directory,
        )
        return trainer, tokenizer

    def model(self) -> tuple[BertClassifier, Tokenizer]:
        """Load MiniLM, and put an untrained head on it. Errors are those of `models.published.load`.

        Returns:
            The model, in training mode, and its tokenizer.
        """
        bert, tokenizer = published.load("minilm")
        assert isinstance(bert, Bert)
        config = {**asdict(bert.config), "dropout": self.dropout}
        rank = self.rank if self.adapt == "lora" else 0
        frozen = self.adapt == "head"
        model = BertClassifier(BertClassifierConfig(**config, lora_rank=rank, every_layer=frozen), bert)
        if frozen:
            bert.requires_grad_(False)
        model.train()  # a published model comes in evaluation mode
        return model, tokenizer


@no_grad()
def read(model: BertClassifier, samples: Sequence[Sample]) -> list[Sample]:
    """The inputs of the model's head.

    Args:
        model: the classifier; it runs in evaluation mode.
        samples: (ids, label) of each.

    Returns:
        (vector (F,), label) of each sample, in the order of the samples' lengths.
    """
    loader = DataLoader(sorted(samples, key=lambda sample: len(sample[0])), 64, collate_fn=pad_collate)
    pairs: list[Sample] = []
    with in_use(model):
        for ids, labels in loader:
            pairs += zip(model.read(ids).numpy(), labels.numpy().tolist(), strict=True)
    return pairs
