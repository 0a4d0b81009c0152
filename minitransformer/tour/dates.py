"""A part of a tour: an encoder-decoder learns to read dates as people write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy
from rich.console import Console

from minitransformer.autograd import no_grad
from minitransformer.data.dates import read, simplified, written_dates
from minitransformer.models.seq2seq import PAD, Seq2Seq, Seq2SeqConfig
from minitransformer.nn.hooks import record_attention
from minitransformer.ops.creation.from_data import tensor
from minitransformer.recipes.dates import DatesRecipe, iso_of
from minitransformer.tokenization import Tokenizer
from minitransformer.tour.learning import train_with_samples
from minitransformer.tour.result import Learned

TESTED = 500  # dates held out
TEST_SEED = 1  # the recipe chooses by the dates of its own seed, 0
SHOWN = 6  # of the tested dates
WATCHED = 5  # of them, while the model learns
OWN = "the 21st of July, 1969"  # unless the user gives another; its day is held out
Example = tuple[str, str, str]  # a date as written, its ISO form, and what the model wrote


@dataclass(frozen=True)
class OwnDate:
    """A date that the user gave, or `OWN`, and where the model looked while it wrote the ISO form.

    Attributes:
        text: the date as written, S characters.
        right: its ISO form; None if the text has none of the forms that the model learns.
        said: what the model wrote, T characters.
        attention: the weights of the decoder's attention to the text, (T, S): row t belongs to the t-th character of `said`.
    """

    text: str
    right: str | None
    said: str
    attention: numpy.ndarray


@dataclass(frozen=True)
class DatesResult:
    """The reader of dates: its training, and how many dates it reads right.

    Attributes:
        learned: the losses of its training.
        accuracy: the share of tested dates that it wrote right in all their characters, from 0 to 1.
        tested: the number of tested dates; none of them was trained on, in any form.
        examples: some of them; those that it got wrong come first.
        written: what it wrote for some of them, by the step of the training; 0 is before it.
        own: one date, with the attention.
        parameters: the numbers that were learned.
    """

    learned: Learned
    accuracy: float
    tested: int
    examples: list[Example]
    written: dict[int, list[Example]]
    own: OwnDate
    parameters: int


def train_dates(recipe: DatesRecipe, console: Console, own: str = OWN) -> DatesResult:
    """Train the reader of dates, and test it on dates that it never saw.

    Args:
        recipe: of the model.
        console: where the progress bar is drawn.
        own: a date to read and to show the attention of, as `checked_date` returns it.

    Returns:
        Its losses, its accuracy, examples, and the attention.
    """
    trainer, tokenizer = recipe.trainer()
    model = cast(Seq2Seq, trainer.model)
    learned, written = train_with_samples(trainer, console, lambda: examples(model, tokenizer, WATCHED))
    tried = examples(model, tokenizer, TESTED)
    wrong = [example for example in tried if example[1] != example[2]]
    shown = (wrong[: SHOWN // 2] + [example for example in tried if example not in wrong])[:SHOWN]
    parameters = sum(p.numel() for p in model.parameters())
    share = (len(tried) - len(wrong)) / len(tried)
    at_end = own_date(model, tokenizer, own)
    return DatesResult(learned, share, len(tried), shown, written, at_end, parameters)


def checked_date(text: str) -> str:
    """Check, before any work is done, that the model can read a text.

    Args:
        text: the text.

    Returns:
        The text with single spaces.

    Raises:
        ValueError: it is empty, or has too many characters.
    """
    found = " ".join(text.split())
    if not 0 < len(found) <= Seq2SeqConfig.max_length:
        expected = f'expected a date of 1 to {Seq2SeqConfig.max_length} characters, such as "{OWN}"'
        raise ValueError(f"date: {expected}, got {text!r}")
    return found


def examples(model: Seq2Seq, tokenizer: Tokenizer, count: int) -> list[Example]:
    """What the model writes for the first of the tested dates.

    Args:
        model: the model.
        tokenizer: of its ids.
        count: the number of dates.

    Returns:
        The examples.
    """
    tested = written_dates(count, TEST_SEED, held_out=True)
    said = iso_of(model, tokenizer, [text for text, _ in tested])
    return [(text, iso, answer) for (text, iso), answer in zip(tested, said, strict=True)]


def own_date(model: Seq2Seq, tokenizer: Tokenizer, text: str) -> OwnDate:
    """What the model writes for one date, and where it looks meanwhile.

    Args:
        model: the model.
        tokenizer: of its ids.
        text: the date as written, as `checked_date` returns it.

    Returns:
        The date, with the attention.
    """
    (said,) = iso_of(model, tokenizer, [text])
    day = read(text)
    right = day.isoformat() if day else None
    return OwnDate(text, right, said, cross_attention(model, tokenizer, text, said))


def cross_attention(model: Seq2Seq, tokenizer: Tokenizer, text: str, said: str) -> numpy.ndarray:
    """The attention of each character written to the characters read, in the last layer, averaged over its heads.

    Args:
        model: the model.
        tokenizer: of its ids.
        text: S characters that it reads.
        said: T characters that it wrote.

    Returns:
        (T, S).
    """
    ids = tensor([[PAD, *tokenizer.encode(said)][:-1]])  # (1, T)
    with no_grad(), record_attention() as weights:
        model(tensor([tokenizer.encode(simplified(text))]), ids)
    averaged: numpy.ndarray = weights[-1].numpy()[0].mean(0)  # (1, H, T, S) -> (T, S)
    return averaged
