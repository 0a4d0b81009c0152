"""A part of a tour: a language model learns to tell stories, and to stay with the thing that a story is about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy
from rich.console import Console

from minitransformer.data.stories import keeps_its_thing
from minitransformer.generation import next_token_probabilities
from minitransformer.generation.reading import last_logits
from minitransformer.models import LanguageModel
from minitransformer.recipes.stories import StoriesRecipe, told
from minitransformer.tokenization import Tokenizer
from minitransformer.tour.learning import attention_of, train_with_samples
from minitransformer.tour.result import Learned

TOLD = 50  # stories that are written to be judged
BEGINNING = "Once"  # of each of them
# the next word is THING again: a head that looks back at it can tell
READ = "Once there was a girl named Anna. She had a red boat and loved it very much. One morning she took the red"
THING = "boat"


@dataclass(frozen=True)
class LookingBack:
    """The attention head that looks most at the thing, where the next word is the thing again.

    Attributes:
        layer: its layer, from 0.
        head: its number in that layer, from 0.
        share: its weight on the earlier mention, from 0 to 1, at the last token read.
        next: the probability that the model gives to the thing as the next word.
    """

    layer: int
    head: int
    share: float
    next: float


@dataclass(frozen=True)
class StoriesResult:
    """The teller of stories: its training, and what it tells.

    Attributes:
        learned: the losses of its training, in nats per word.
        vocabulary: the number of tokens in its vocabulary.
        written: a story that it told, by the step of the training, from the same random numbers; 0 is before it.
        kept: how many of the stories told stay with one coloured thing to their end.
        told: the number of stories told.
        tokens: the T tokens that it read for `attention`; the next word is the thing again.
        attention: its attention weights on these tokens, (H, T, T) for each layer.
        looking_back: the head that looks back at the thing.
        parameters: the numbers that were learned.
    """

    learned: Learned
    vocabulary: int
    written: dict[int, str]
    kept: int
    told: int
    tokens: list[str]
    attention: list[numpy.ndarray]
    looking_back: LookingBack
    parameters: int

    @property
    def before(self) -> str:
        """The story before training."""
        return self.written[0]

    @property
    def after(self) -> str:
        """The story after training."""
        return self.written[max(self.written)]

    @property
    def guessing(self) -> float:
        """The loss in nats if all tokens are equally probable."""
        return math.log(self.vocabulary)


def train_stories(recipe: StoriesRecipe, seed: int, console: Console) -> StoriesResult:
    """Train the teller of stories, and judge what it tells.

    Args:
        recipe: of the model.
        seed: of the words that are drawn for the stories.
        console: where the progress bar is drawn.

    Returns:
        Its losses, stories before, meanwhile and after, how many stories keep their thing, and the attention.
    """
    trainer, tokenizer = recipe.trainer()
    model = cast(LanguageModel, trainer.model)
    learned, written = train_with_samples(
        trainer, console, lambda: told(model, tokenizer, [BEGINNING], seed)[0]
    )
    after = told(model, tokenizer, [BEGINNING] * TOLD, seed)
    attention = attention_of(model, tokenizer, READ)
    return StoriesResult(
        learned,
        tokenizer.vocab_size,
        written,
        sum(map(keeps_its_thing, after)),
        TOLD,
        tokenizer.tokens(READ),
        attention,
        looking_back(model, tokenizer, attention),
        sum(p.numel() for p in model.parameters()),
    )


def looking_back(model: LanguageModel, tokenizer: Tokenizer, attention: list[numpy.ndarray]) -> LookingBack:
    """The head that looks most at the thing while the model chooses the word after `READ`.

    Args:
        model: the language model.
        tokenizer: of its ids.
        attention: its weights on `READ`, (H, T, T) for each layer.

    Returns:
        The head.
    """
    ids = tokenizer.encode(READ)
    (thing,) = tokenizer.encode(THING)
    shares = numpy.stack([weights[:, -1, ids.index(thing)] for weights in attention])  # (L, H)
    layer, head = map(int, numpy.unravel_index(shares.argmax(), shares.shape))
    logits = last_logits(model, [ids])[0].astype(float)  # (V,)
    return LookingBack(layer, head, float(shares.max()), float(next_token_probabilities(logits)[thing]))
