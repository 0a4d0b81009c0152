"""The recipe of a BERT from nothing: English prose, a vocabulary of pieces, and words hidden to be guessed from both sides."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy

from minitransformer import models, nn
from minitransformer.autograd import Tensor
from minitransformer.data.corpus import split
from minitransformer.models import BertConfig, BertMaskedLM
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation import tensor
from minitransformer.optim import AdamW
from minitransformer.randomness import generator
from minitransformer.recipes.language_model import PYTHON_TOPICS, Windows, mean_over, read_text
from minitransformer.recipes.schedule import warm_up_and_cosine
from minitransformer.tokenization import Tokenizer, WordPieceTokenizer
from minitransformer.tokenization.word_piece import MARKS
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader

NOT_ASKED = -100  # the target of a token that nothing is asked of


@dataclass(frozen=True)
class MaskedLMRecipe:
    """All that decides what comes out. `data` is "python-topics" or the path of a text; sizes as in PyTorch."""

    data: str = PYTHON_TOPICS
    steps: int = 1000
    batch_size: int = 16
    length: int = 64
    lr: float = 3e-3
    vocab_size: int = 1024
    d_model: int = 64
    nhead: int = 4
    num_layers: int = 2
    dropout: float = 0.0
    amp: bool = False

    kind = "bert-masked-lm"

    @classmethod
    def of(cls, data: str, **chosen) -> MaskedLMRecipe:
        """The recipe for a text, but for what is `chosen`."""
        return cls(data, **chosen)

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """An untrained model with all that trains it, and its tokenizer; the last tenth of the text is held out."""
        text, held_out = split(read_text(self.data))
        tokenizer = WordPieceTokenizer.train(text, vocab_size=self.vocab_size)
        model = BertMaskedLM(self.config(tokenizer.vocab_size))
        optimizer = AdamW(model.parameters(), lr=self.lr, weight_decay=0.01)
        windows, unseen = (Windows(tokenizer.encode(part), self.length) for part in (text, held_out))
        return Trainer(
            model,
            partial(masked_loss, tokenizer=tokenizer),
            DataLoader(windows, self.batch_size, shuffle=True),
            optimizer,
            warm_up_and_cosine(optimizer, self.steps),
            steps=self.steps,
            max_norm=1.0,
            amp=self.amp,
            evaluate=lambda model: mean_loss(model, unseen, tokenizer),
            directory=directory,
            description={**models.describe(model, tokenizer), "recipe": asdict(self)},
        ), tokenizer

    def config(self, vocab_size: int) -> BertConfig:
        sizes = (vocab_size, self.d_model, self.num_layers, self.nhead, 4 * self.d_model, self.length + 1)
        return BertConfig(*sizes, dropout=self.dropout)


def masked(
    ids: numpy.ndarray, tokenizer: WordPieceTokenizer, random: numpy.random.Generator, share: float = 0.15
):
    """What the model reads, and what it is asked: (B, T) each, `NOT_ASKED` where nothing is.

    Of the tokens asked for, 80 % are hidden, 10 % are another, 10 % stay (Devlin et al., NAACL 2019, section 3.1).
    """
    asked, fate = random.random(ids.shape) < share, random.random(ids.shape)
    asked.reshape(-1)[0] |= not asked.any()  # a mean over nothing is no loss
    others = random.integers(len(MARKS), tokenizer.vocab_size, ids.shape)
    read = numpy.where(
        asked & (fate < 0.8), tokenizer.id_of("[MASK]"), numpy.where(asked & (fate >= 0.9), others, ids)
    )
    return read, numpy.where(asked, ids, NOT_ASKED)


def masked_loss(
    model: BertMaskedLM,
    windows: Tensor,
    tokenizer: WordPieceTokenizer,
    random: numpy.random.Generator | None = None,
) -> Tensor:
    """The mean cross-entropy of the tokens asked for, in nats. (B, T) -> ()."""
    device = next(model.parameters()).device
    read, asked = masked(windows.numpy(), tokenizer, random or generator())
    logits = model(tensor(read, device=device))  # (B, T, V)
    targets = tensor(asked.reshape(-1), device=device)
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets, ignore_index=NOT_ASKED)


def mean_loss(model: BertMaskedLM, windows: Windows, tokenizer: WordPieceTokenizer) -> float:
    """The loss over all windows, in nats per token asked for; the same tokens are asked for each time."""
    with in_use(model):
        return mean_over(
            windows, partial(masked_loss, model, tokenizer=tokenizer, random=numpy.random.default_rng(0))
        )
