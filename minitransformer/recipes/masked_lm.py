"""The recipe of a BERT trained from its initial weights: English prose, a vocabulary of word pieces, hidden tokens as targets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy

from minitransformer import models, nn
from minitransformer.autograd import Tensor
from minitransformer.models import BertConfig, BertMaskedLM
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.from_data import tensor
from minitransformer.randomness import generator, own
from minitransformer.recipes.run import trainer_of
from minitransformer.recipes.text import TextRecipe, Windows, mean_over
from minitransformer.tokenization import Tokenizer, WordPieceTokenizer
from minitransformer.tokenization.word_piece import MARKS
from minitransformer.training import Trainer

NOT_ASKED = -100  # the target of a token that the loss leaves out


@dataclass(frozen=True)
class MaskedLMRecipe(TextRecipe):
    """The settings of a run that trains a `BertMaskedLM`; the others are documented in `TextRecipe`.

    Args:
        vocab_size: the largest number of different word pieces.
    """

    kind = models.kind_of(BertMaskedLM)
    vocab_size: int = 1024

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """Make an untrained model and everything that trains it.

        Args:
            directory: the folder of the checkpoints; None writes none.

        Returns:
            The trainer, and the tokenizer.
        """
        tokenizer, batches, unseen = self.windows(WordPieceTokenizer)
        trainer = trainer_of(
            self,
            BertMaskedLM(self.config(tokenizer.vocab_size)),
            tokenizer,
            partial(masked_loss, tokenizer=tokenizer),
            batches,
            weight_decay=0.01,
            evaluate=lambda model: mean_loss(model, unseen, tokenizer),
            directory=directory,
        )
        return trainer, tokenizer

    def config(self, vocab_size: int) -> BertConfig:
        """The sizes of the model.

        Args:
            vocab_size: the number of ids.

        Returns:
            The configuration.
        """
        sizes = (vocab_size, self.d_model, self.num_layers, self.nhead, 4 * self.d_model, self.length + 1)
        return BertConfig(*sizes, dropout=self.dropout)


def masked(
    ids: numpy.ndarray, tokenizer: WordPieceTokenizer, random: numpy.random.Generator, share: float = 0.15
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """What the model reads of a text, and its targets.

    Of the tokens that are targets, 80 % are read as [MASK], 10 % as another token, 10 % as they are.

    Args:
        ids: (B, T), the text.
        tokenizer: the tokenizer of the ids.
        random: where random numbers come from.
        share: the probability that a token is a target. At least one token is.

    Returns:
        The ids to read and the targets, (B, T) each; the target is `NOT_ASKED` for a token that the loss leaves out.

    Raises:
        ValueError: if the tokenizer has no [MASK].

    Source:
        Devlin et al., NAACL 2019, section 3.1.
    """
    if (mask := tokenizer.id_of("[MASK]")) is None:
        raise ValueError("tokenizer: expected a vocabulary with [MASK], as WordPieceTokenizer.train makes it")
    asked = random.random(ids.shape) < share  # (B, T)
    fate = random.random(ids.shape)  # (B, T)
    asked.reshape(-1)[0] |= not asked.any()  # the mean over no target is undefined
    others = random.integers(len(MARKS), tokenizer.vocab_size, ids.shape)  # (B, T)
    return hidden(ids, asked, fate, others, mask)


def hidden(
    ids: numpy.ndarray, asked: numpy.ndarray, fate: numpy.ndarray, others: numpy.ndarray, mask: int
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Hide tokens as they were drawn.

    Args:
        ids: (B, T), the text.
        asked: (B, T) bool, which tokens are targets.
        fate: (B, T) numbers in [0, 1): a target is read as `mask` below 0.8, as another token from 0.9 on, else as it is.
        others: (B, T), the other token for each place.
        mask: the id of [MASK].

    Returns:
        The ids to read and the targets, (B, T) each; the target is `NOT_ASKED` for a token that the loss leaves out.
    """
    read = numpy.where(asked & (fate >= 0.9), others, ids)  # (B, T)
    read = numpy.where(asked & (fate < 0.8), mask, read)  # (B, T)
    return read, numpy.where(asked, ids, NOT_ASKED)


def masked_loss(
    model: BertMaskedLM,
    windows: Tensor,
    tokenizer: WordPieceTokenizer,
    random: numpy.random.Generator | None = None,
) -> Tensor:
    """The mean cross-entropy of the hidden tokens.

    Args:
        model: the model.
        windows: (B, T) ids.
        tokenizer: the tokenizer of the ids.
        random: decides which tokens are hidden; None takes the generator that `manual_seed` seeds.

    Returns:
        A scalar in nats per hidden token.
    """
    device = next(model.parameters()).device
    read, asked = masked(windows.numpy(), tokenizer, random or generator())
    logits = model(tensor(own(read), device=device))  # (B, T, V)
    targets = tensor(own(asked).reshape(-1), device=device)
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets, ignore_index=NOT_ASKED)


def mean_loss(model: BertMaskedLM, windows: Windows, tokenizer: WordPieceTokenizer) -> float:
    """The mean of `masked_loss` over all windows. Each call masks the same tokens.

    Args:
        model: the model; it runs in evaluation mode.
        windows: the windows of a text.
        tokenizer: the tokenizer of the ids.

    Returns:
        The mean, in nats per masked token.
    """
    loss = partial(masked_loss, model, tokenizer=tokenizer, random=numpy.random.default_rng(0))
    with in_use(model):
        return mean_over(windows, loss)
