"""The recipe of a T5 trained from its initial weights: English prose with spans cut out, which the answer gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy

from minitransformer import models, nn
from minitransformer.autograd import Tensor
from minitransformer.models import T5, T5Config
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.from_data import tensor
from minitransformer.randomness import generator, own
from minitransformer.recipes.run import trainer_of
from minitransformer.recipes.text import TextRecipe, Windows, mean_over
from minitransformer.tokenization import BPETokenizer, Tokenizer
from minitransformer.training import Trainer

SHARE = 0.15  # of the tokens, cut out
MEAN_LENGTH = 3  # of a span, in tokens


@dataclass(frozen=True)
class SpanCorruptionRecipe(TextRecipe):
    """The settings of a run that trains a `T5`; see `TextRecipe`."""

    kind = models.kind_of(T5)

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """Make an untrained model and everything that trains it.

        Args:
            directory: the folder of the checkpoints; None writes none.

        Returns:
            The trainer, and the tokenizer.
        """
        tokenizer, batches, unseen = self.windows(BPETokenizer)
        first_mark = tokenizer.vocab_size
        trainer = trainer_of(
            self,
            T5(self.config(tokenizer.vocab_size)),
            tokenizer,
            partial(corrupted_loss, first_mark=first_mark),
            batches,
            weight_decay=0.01,
            evaluate=lambda model: mean_loss(model, unseen, first_mark),
            directory=directory,
        )
        return trainer, tokenizer

    def config(self, vocab_size: int) -> T5Config:
        """The sizes of the model. Its ids are those of the vocabulary, a mark for each span, and a mark that ends the answer.

        Args:
            vocab_size: the number of ids of the tokenizer.

        Returns:
            The configuration.
        """
        with_marks = vocab_size + spans_of(self.length + 1)[0] + 1
        layers = (self.num_layers, self.num_layers)
        sizes = (with_marks, self.d_model, self.d_model // self.nhead, 4 * self.d_model, *layers, self.nhead)
        return T5Config(*sizes, dropout=self.dropout)


def spans_of(length: int) -> tuple[int, int]:
    """How much is cut out of a text.

    Args:
        length: the number of tokens of the text.

    Returns:
        The number of spans, and the number of tokens in all of them.
    """
    tokens = max(round(length * SHARE), 1)
    return max(round(tokens / MEAN_LENGTH), 1), tokens


def corrupted(
    ids: Sequence[int], first_mark: int, random: numpy.random.Generator
) -> tuple[list[int], list[int]]:
    """A text in which a mark replaces each span, and the answer: each span after its mark, and a last mark.

    "Thank <X> me to <Y> week", and "<X> you for inviting <Y> your party last <Z>". As in the authors' code, a text begins with
    tokens that stay and ends with a span.

    Args:
        ids: the tokens of a text.
        first_mark: the id of the first mark; the others follow it.
        random: where random numbers come from.

    Returns:
        The ids of the text with marks, and those of the answer.

    Source:
        Raffel et al., JMLR 2020, section 3.1.4.
    """
    return cut_out(ids, random_spans(len(ids), random), first_mark)


def random_spans(length: int, random: numpy.random.Generator) -> list[tuple[int, int]]:
    """Which spans are cut out of a text.

    Args:
        length: the number of tokens of the text.
        random: where random numbers come from.

    Returns:
        (start, number of tokens) of each span, in order; at least one token lies between two of them.
    """
    count, tokens = spans_of(length)
    kept = _parts(length - tokens, count, random)
    cut = _parts(tokens, count, random)
    spans: list[tuple[int, int]] = []
    at = 0
    for stays, goes in zip(kept, cut, strict=True):
        spans.append((at + stays, goes))
        at += stays + goes
    return spans


def cut_out(
    ids: Sequence[int], spans: Sequence[tuple[int, int]], first_mark: int
) -> tuple[list[int], list[int]]:
    """A text with a mark in the place of each span, and the answer that gives the spans back.

    Args:
        ids: the tokens of the text.
        spans: (start, number of tokens) of each span, in order.
        first_mark: the id of the first mark; the others follow it.

    Returns:
        The ids of the text with marks; and each span after its mark, with one more mark at the end.
    """
    text: list[int] = []
    answer: list[int] = []
    at = 0
    for mark, (start, length) in enumerate(spans, first_mark):
        text += [*ids[at:start], mark]
        answer += [mark, *ids[start : start + length]]
        at = start + length
    return text + [*ids[at:]], [*answer, first_mark + len(spans)]


def _parts(total: int, count: int, random: numpy.random.Generator) -> Iterator[int]:
    """`count` random lengths of at least one that add up to `total`; all such lists are equally likely."""
    cuts = numpy.sort(random.choice(total - 1, count - 1, replace=False)) + 1
    return (int(n) for n in numpy.diff([0, *cuts, total]))


def corrupted_loss(
    model: T5, windows: Tensor, first_mark: int, random: numpy.random.Generator | None = None
) -> Tensor:
    """The mean cross-entropy of the answers' tokens.

    Args:
        model: the model.
        windows: (B, T) ids.
        first_mark: see `corrupted`.
        random: decides which spans are cut out; None takes the generator that `manual_seed` seeds.

    Returns:
        A scalar in nats per token of an answer.
    """
    device = next(model.parameters()).device
    pairs = [corrupted(row.tolist(), first_mark, random or generator()) for row in windows.numpy()]
    source, answer = (own(tensor(side, device=device)) for side in zip(*pairs, strict=True))  # (B, S), (B, A)
    # (B, A): padding, then all but the last token, so that each token is predicted from those before it
    read = nn.functional.pad(answer, (1, 0), value=model.config.pad_token_id)[:, :-1]
    logits = model(source, read)  # (B, A, V)
    return nn.functional.cross_entropy(logits.flatten(0, 1), answer.flatten())


def mean_loss(model: T5, windows: Windows, first_mark: int) -> float:
    """The mean of `corrupted_loss` over all windows. Each call cuts out the same spans.

    Args:
        model: the model; it runs in evaluation mode.
        windows: the windows of a text.
        first_mark: see `corrupted`.

    Returns:
        The mean, in nats per token of an answer.
    """
    loss = partial(corrupted_loss, model, first_mark=first_mark, random=numpy.random.default_rng(0))
    with in_use(model):
        return mean_over(windows, loss)
