"""The recipe of a T5 from nothing: English prose with spans cut out, and an answer that says what stood there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy

from minitransformer import models, nn
from minitransformer.autograd import Tensor
from minitransformer.data.corpus import split
from minitransformer.models import T5, T5Config
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation import tensor
from minitransformer.optim import AdamW
from minitransformer.randomness import generator
from minitransformer.recipes.language_model import PYTHON_TOPICS, Windows, mean_over, read_text
from minitransformer.recipes.schedule import warm_up_and_cosine
from minitransformer.tokenization import BPETokenizer, Tokenizer
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader

SHARE, MEAN_LENGTH = 0.15, 3  # of the tokens cut out, and of a span


@dataclass(frozen=True)
class SpanCorruptionRecipe:
    """All that decides what comes out. `data` is "python-topics" or the path of a text; sizes as in PyTorch."""

    data: str = PYTHON_TOPICS
    steps: int = 1000
    batch_size: int = 16
    length: int = 64
    lr: float = 3e-3
    vocab_size: int = 512
    d_model: int = 64
    nhead: int = 4
    num_layers: int = 2
    dropout: float = 0.0
    amp: bool = False

    kind = "t5"

    @classmethod
    def of(cls, data: str, **chosen) -> SpanCorruptionRecipe:
        """The recipe for a text, but for what is `chosen`."""
        return cls(data, **chosen)

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """An untrained model with all that trains it, and its tokenizer; the last tenth of the text is held out."""
        text, held_out = split(read_text(self.data))
        tokenizer = BPETokenizer.train(text, vocab_size=self.vocab_size)
        model = T5(self.config(tokenizer.vocab_size))
        optimizer = AdamW(model.parameters(), lr=self.lr, weight_decay=0.01)
        windows, unseen = (Windows(tokenizer.encode(part), self.length) for part in (text, held_out))
        return Trainer(
            model,
            partial(corrupted_loss, first_mark=tokenizer.vocab_size),
            DataLoader(windows, self.batch_size, shuffle=True),
            optimizer,
            warm_up_and_cosine(optimizer, self.steps),
            steps=self.steps,
            max_norm=1.0,
            amp=self.amp,
            evaluate=lambda model: mean_loss(model, unseen, tokenizer.vocab_size),
            directory=directory,
            description={**models.describe(model, tokenizer), "recipe": asdict(self)},
        ), tokenizer

    def config(self, vocab_size: int) -> T5Config:
        """The vocabulary is followed by a mark for each span, and one that ends the answer."""
        with_marks = vocab_size + spans_of(self.length + 1)[0] + 1
        layers = (self.num_layers, self.num_layers)
        sizes = (with_marks, self.d_model, self.d_model // self.nhead, 4 * self.d_model, *layers, self.nhead)
        return T5Config(*sizes, dropout=self.dropout)


def spans_of(length: int) -> tuple[int, int]:
    """How many spans are cut out of so many tokens, and how many tokens they hold together."""
    tokens = max(round(length * SHARE), 1)
    return max(round(tokens / MEAN_LENGTH), 1), tokens


def corrupted(
    ids: Sequence[int], first_mark: int, random: numpy.random.Generator
) -> tuple[list[int], list[int]]:
    """A text with a mark in place of each span, and the spans, each after its mark, a last mark behind.

    Raffel et al., JMLR 2020, section 3.1.4: "Thank <X> me to <Y> week" and "<X> you for inviting <Y> your party last <Z>".
    As the authors' code has it, a text begins with what stays, and ends with a span.
    """
    count, tokens = spans_of(len(ids))
    kept, cut = _parts(len(ids) - tokens, count, random), _parts(tokens, count, random)
    text, answer, at = [], [], 0
    for mark, (stays, goes) in enumerate(zip(kept, cut, strict=True), first_mark):
        text += [*ids[at : at + stays], mark]
        answer += [mark, *ids[at + stays : at + stays + goes]]
        at += stays + goes
    return text, [*answer, first_mark + count]


def _parts(total: int, count: int, random: numpy.random.Generator) -> Iterator[int]:
    """`count` lengths of at least one that add up to `total`, all such equally likely."""
    cuts = numpy.sort(random.choice(total - 1, count - 1, replace=False)) + 1
    return (int(n) for n in numpy.diff([0, *cuts, total]))


def corrupted_loss(
    model: T5, windows: Tensor, first_mark: int, random: numpy.random.Generator | None = None
) -> Tensor:
    """The mean cross-entropy of the answers' tokens, in nats. (B, T) -> ()."""
    device = next(model.parameters()).device
    pairs = [corrupted(row.tolist(), first_mark, random or generator()) for row in windows.numpy()]
    source, answer = (tensor(side, device=device) for side in zip(*pairs, strict=True))  # (B, S), (B, A)
    # each token reads those before it
    read = nn.functional.pad(answer, (1, 0), value=model.config.pad_token_id)[:, :-1]
    logits = model(source, read)  # (B, A, V)
    return nn.functional.cross_entropy(logits.flatten(0, 1), answer.flatten())


def mean_loss(model: T5, windows: Windows, first_mark: int) -> float:
    """The loss over all windows, in nats per token of the answers; the same spans are cut out each time."""
    with in_use(model):
        return mean_over(
            windows, partial(corrupted_loss, model, first_mark=first_mark, random=numpy.random.default_rng(0))
        )
