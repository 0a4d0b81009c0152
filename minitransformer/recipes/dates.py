"""The recipe of an encoder-decoder that reads written dates, character by character, and writes their ISO form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from minitransformer.autograd import Tensor
from minitransformer.data.dates import ISO_LENGTH, WrittenDate, simplified, written_dates
from minitransformer.models.seq2seq import PAD, Seq2Seq, Seq2SeqConfig
from minitransformer.nn import functional as F
from minitransformer.ops.creation.from_data import tensor
from minitransformer.randomness import own
from minitransformer.recipes.run import trainer_of
from minitransformer.recipes.task import TaskRecipe
from minitransformer.tokenization import CharTokenizer, Tokenizer
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader, LengthSampler, pad_sequence

SEEN, UNSEEN = 60_000, 500  # dates to train on, and dates held out on which the loss is measured
# of AdamW, as in Vaswani et al., NeurIPS 2017, section 5.3: in a short run, old gradients should count for less
BETAS = (0.9, 0.98)
ACTIVATION = "relu"  # on a CPU GELU takes several times as long, and this model learns without it
EVALUATE_EVERY = 300  # steps; reading all unseen dates takes as long as five of them
Pair = tuple[numpy.ndarray, numpy.ndarray]  # the ids of a written date (S,), and those of its ISO form (T,)


@dataclass(frozen=True)
class DatesRecipe(TaskRecipe):
    """The settings of a run that trains a `Seq2Seq` on dates; see `TaskRecipe`."""

    kind = "dates"

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """Make an untrained model and everything that trains it.

        Args:
            directory: the folder of the checkpoints; None writes none.

        Returns:
            The trainer, and the tokenizer.
        """
        dates = written_dates(SEEN, self.seed)
        tokenizer = CharTokenizer.train(simplified(text) + iso for text, iso in dates)
        pairs, unseen = (
            encoded(tokenizer, some) for some in (dates, written_dates(UNSEEN, self.seed, held_out=True))
        )
        batches = LengthSampler([len(ids) for ids, _ in pairs], self.batch_size)
        sizes = (self.num_layers, 2 * self.d_model, self.dropout, ACTIVATION)
        config = Seq2SeqConfig(tokenizer.vocab_size, self.d_model, self.nhead, 1, *sizes)
        trainer = trainer_of(
            self,
            Seq2Seq(config),
            tokenizer,
            answer_loss,
            DataLoader(pairs, batch_sampler=batches, collate_fn=batch_of),
            weight_decay=self.weight_decay,
            betas=BETAS,
            evaluate=lambda model: answer_loss(model, batch_of(unseen)).item(),
            evaluate_every=EVALUATE_EVERY,
            directory=directory,
        )
        return trainer, tokenizer


def encoded(tokenizer: Tokenizer, dates: Sequence[WrittenDate]) -> list[Pair]:
    """Dates as ids.

    Args:
        tokenizer: of the ids.
        dates: the dates.

    Returns:
        The ids of each written date, and those of its ISO form, (10,).
    """
    return [
        (numpy.array(tokenizer.encode(simplified(text))), numpy.array(tokenizer.encode(iso)))
        for text, iso in dates
    ]


def batch_of(pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """Dates as a batch.

    Args:
        pairs: B dates, from `encoded`.

    Returns:
        The written dates (B, S), padded at the end, and their ISO forms (B, T), in ids.
    """
    texts, answers = zip(*pairs, strict=True)
    return pad_sequence(texts, batch_first=True), tensor(numpy.stack(answers))


def answer_loss(model: Seq2Seq, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The mean cross-entropy of the ISO forms' characters, each given those before it.

    Args:
        model: the model.
        batch: the written dates (B, S), and their ISO forms (B, T), in ids.

    Returns:
        A scalar in nats per character.
    """
    device = next(model.parameters()).device
    source, answer = (own(ids.to(device)) for ids in batch)  # (B, S), (B, T)
    # (B, T): padding, then all but the last character, so that each is predicted from those before it
    read = F.pad(answer, (1, 0), value=PAD)[:, :-1]
    logits = model(source, read)  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1), answer.flatten())


def iso_of(model: Seq2Seq, tokenizer: Tokenizer, texts: Sequence[str]) -> list[str]:
    """The ISO forms that a model writes for written dates.

    Args:
        model: the model.
        tokenizer: of its ids.
        texts: B dates as people write them.

    Returns:
        B texts of ten characters.
    """
    device = next(model.parameters()).device
    source = pad_sequence([tokenizer.encode(simplified(text)) for text in texts], batch_first=True)  # (B, S)
    return [tokenizer.decode(ids) for ids in model.write(source.to(device), ISO_LENGTH).tolist()]


def accuracy(model: Seq2Seq, tokenizer: Tokenizer, dates: Sequence[WrittenDate]) -> float:
    """The share of dates whose ISO form is right in all its characters.

    Args:
        model: the model.
        tokenizer: of its ids.
        dates: the dates.

    Returns:
        The share, from 0 to 1.
    """
    said = iso_of(model, tokenizer, [text for text, _ in dates])
    return sum(iso == right for iso, (_, right) in zip(said, dates, strict=True)) / len(dates)
