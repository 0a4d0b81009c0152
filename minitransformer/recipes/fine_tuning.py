"""The recipe of a review classifier that could read before: MiniLM with a head, all of it, only the head, or LoRA learning."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from minitransformer import models
from minitransformer.data.reviews import Review
from minitransformer.models import BertClassifier, BertClassifierConfig, published
from minitransformer.optim import AdamW
from minitransformer.recipes.classifier import ClassifierRecipe, by_length, encode, loss, mean_loss
from minitransformer.recipes.schedule import warm_up_and_cosine
from minitransformer.tokenization import Tokenizer
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader, pad_collate

RATES = {"head": 1e-2, "full": 1e-4, "lora": 1e-3}  # the fewer numbers learn, the larger their steps


@dataclass(frozen=True)
class FineTuningRecipe:
    """All that decides what comes out. `adapt` is "full", "head" or "lora"; `lr` 0 takes what suits it.

    Raises ValueError for another `adapt`, and as `published.load` does if MiniLM is not to be had.
    """

    data: str = "movie-reviews"
    adapt: str = "full"
    steps: int = 480
    batch_size: int = 32
    lr: float = 0.0
    dropout: float = 0.1
    rank: int = 8

    kind = "bert-classifier"

    def __post_init__(self):
        if self.adapt not in RATES:
            raise ValueError(f"adapt: expected one of {', '.join(RATES)}, got {self.adapt!r}")

    @classmethod
    def of(cls, data: str) -> FineTuningRecipe:
        """The recipe for a data set of reviews."""
        return cls(data)

    def split(self) -> tuple[list[Review], list[Review], list[Review]]:
        """Reviews to train on, to choose the best checkpoint by, and to be judged on. Raises ValueError for unknown data."""
        return ClassifierRecipe(self.data).split()

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """MiniLM with an untrained head, all that trains it, and its tokenizer."""
        train, validation, _ = self.split()
        model, tokenizer = self.model()
        samples, unseen = (encode(tokenizer, reviews) for reviews in (train, validation))
        loader = DataLoader(samples, batch_sampler=by_length(samples, self.batch_size), collate_fn=pad_collate)
        learning = [p for p in model.parameters() if p.requires_grad]
        optimizer = AdamW(learning, lr=self.lr or RATES[self.adapt], weight_decay=0.01)
        return Trainer(
            model,
            loss,
            loader,
            optimizer,
            warm_up_and_cosine(optimizer, self.steps),
            steps=self.steps,
            max_norm=1.0,
            evaluate=lambda model: mean_loss(model, unseen),
            evaluate_every=60,
            directory=directory,
            description={**models.describe(model, tokenizer), "recipe": asdict(self)},
        ), tokenizer

    def model(self) -> tuple[BertClassifier, Tokenizer]:
        """The model before it learns, and its tokenizer."""
        bert, tokenizer = published.load("minilm")
        config = {**asdict(bert.config), "dropout": self.dropout}
        rank = self.rank if self.adapt == "lora" else 0
        model = BertClassifier(BertClassifierConfig(**config, lora_rank=rank), bert)
        if self.adapt == "head":
            bert.requires_grad_(False)
        return model, tokenizer
