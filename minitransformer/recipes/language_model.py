"""The recipe of a language model: English prose, a byte-pair vocabulary, and the next token as the target of each token."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from minitransformer import models, nn
from minitransformer.autograd import Tensor
from minitransformer.models import LanguageModel, LanguageModelConfig
from minitransformer.randomness import own
from minitransformer.recipes.run import trainer_of
from minitransformer.recipes.taught import Taught
from minitransformer.recipes.text import TextRecipe, mean_over
from minitransformer.tokenization import BPETokenizer, Tokenizer
from minitransformer.training import Trainer


@dataclass(frozen=True)
class LanguageModelRecipe(Taught, TextRecipe):
    """The settings of a run that trains a `LanguageModel`; the others are those of `TextRecipe` and `Taught`.

    Args:
        steps: batches to learn from.
    """

    kind = models.kind_of(LanguageModel)
    steps: int = 600

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """Make an untrained model and everything that trains it.

        Args:
            directory: the folder of the checkpoints; None writes none.

        Returns:
            The trainer, and the tokenizer.
        """
        tokenizer, batches, unseen = self.windows(BPETokenizer)
        model = self.model(tokenizer.vocab_size)
        trainer = trainer_of(
            self,
            model,
            tokenizer,
            self.taught(next_token_loss, model, tokenizer),
            batches,
            weight_decay=0.1,
            evaluate=lambda model: mean_over(unseen, partial(next_token_loss, model)),
            directory=directory,
        )
        return trainer, tokenizer

    def model(self, vocab_size: int) -> nn.Module:
        """Make the model, with initial weights.

        Args:
            vocab_size: the number of ids.

        Returns:
            The model.
        """
        sizes = (vocab_size, self.d_model, self.nhead, self.num_layers, 4 * self.d_model, self.dropout)
        return LanguageModel(LanguageModelConfig(*sizes, max_len=2 * self.length))


def next_token_loss(model: nn.Module, windows: Tensor) -> Tensor:
    """The mean cross-entropy of each token given those before it.

    Args:
        model: a language model.
        windows: (B, T + 1) ids; the model reads the first T of each row.

    Returns:
        A scalar in nats per token.
    """
    windows = own(windows.to(next(model.parameters()).device))
    logits = model(windows[:, :-1])  # (B, T, V)
    return nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
