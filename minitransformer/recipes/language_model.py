"""The recipe of a language model: English prose, a byte-pair vocabulary, windows of text, next-token cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy

from minitransformer import files, models, nn
from minitransformer.autograd import Tensor
from minitransformer.data.corpus import python_topics, split
from minitransformer.models import LanguageModel, LanguageModelConfig
from minitransformer.optim import AdamW
from minitransformer.recipes.schedule import warm_up_and_cosine
from minitransformer.tokenization import BPETokenizer, Tokenizer
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader, Dataset

PYTHON_TOPICS = "python-topics"


@dataclass(frozen=True)
class LanguageModelRecipe:
    """All that decides what comes out. `data` is "python-topics" or the path of a text; sizes as in PyTorch."""

    data: str = PYTHON_TOPICS
    steps: int = 600
    batch_size: int = 16
    length: int = 64
    lr: float = 3e-3
    vocab_size: int = 512
    d_model: int = 64
    nhead: int = 4
    num_layers: int = 2
    dropout: float = 0.0
    amp: bool = False

    kind = "language-model"

    @classmethod
    def of(cls, data: str, **chosen) -> LanguageModelRecipe:
        """The recipe for a text, but for what is `chosen`."""
        return cls(data, **chosen)

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """An untrained model with all that trains it, and its tokenizer; the last tenth of the text is held out."""
        text, held_out = split(read_text(self.data))
        tokenizer = BPETokenizer.train(text, vocab_size=self.vocab_size)
        model = self.model(tokenizer.vocab_size)
        optimizer = AdamW(model.parameters(), lr=self.lr, weight_decay=0.1)
        windows, unseen = (Windows(tokenizer.encode(part), self.length) for part in (text, held_out))
        return Trainer(
            model,
            next_token_loss,
            DataLoader(windows, self.batch_size, shuffle=True),
            optimizer,
            warm_up_and_cosine(optimizer, self.steps),
            steps=self.steps,
            max_norm=1.0,
            amp=self.amp,
            evaluate=lambda model: mean_over(unseen, partial(next_token_loss, model)),
            directory=directory,
            description={**models.describe(model, tokenizer), "recipe": asdict(self)},
        ), tokenizer

    def model(self, vocab_size: int) -> LanguageModel:
        """The model before it learns."""
        sizes = (vocab_size, self.d_model, self.nhead, self.num_layers, 4 * self.d_model, self.dropout)
        return LanguageModel(LanguageModelConfig(*sizes, max_len=2 * self.length))


def read_text(data: str) -> str:
    """The chapters of Python's help, or the text of a UTF-8 file. Raises FileError if the file is not UTF-8."""
    return python_topics() if data == PYTHON_TOPICS else files.read_text(data)


class Windows(Dataset):
    """N tokens cut into pieces of `length` + 1, each beginning with the last token of the one before."""

    def __init__(self, ids: Sequence[int], length: int):
        self.ids, self.length = numpy.asarray(ids), length
        if len(self.ids) <= length:
            raise ValueError(
                f"text: expected more than {length} tokens, got {len(self.ids)}; take a longer text"
            )

    def __len__(self) -> int:
        return (len(self.ids) - 1) // self.length

    def __getitem__(self, i: int) -> numpy.ndarray:
        return self.ids[i * self.length : (i + 1) * self.length + 1]  # (T + 1,)


def next_token_loss(model: LanguageModel, windows: Tensor) -> Tensor:
    """The mean cross-entropy of each token given those before it, in nats. (B, T + 1) -> ()."""
    windows = windows.to(next(model.parameters()).device)
    logits = model(windows[:, :-1])  # (B, T, V)
    return nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


def mean_over(windows: Windows, loss: Callable[[Tensor], Tensor], batch_size: int = 32) -> float:
    """The mean of `loss(batch)` over all windows; of a loss in nats per token, exp of it is the perplexity."""
    sums = [loss(batch).item() * len(batch) for batch in DataLoader(windows, batch_size)]
    return sum(sums) / len(windows)
