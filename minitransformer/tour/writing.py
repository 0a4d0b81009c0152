"""The second part of a tour: a language model learns to write."""

from __future__ import annotations

import re

from rich.console import Console

from minitransformer.generation import generate
from minitransformer.nn import Module
from minitransformer.recipes import LanguageModelRecipe
from minitransformer.tokenization import Tokenizer
from minitransformer.tour.learning import attention_of, train
from minitransformer.tour.result import LanguageModelResult

PROMPT = "The"
NEW_TOKENS = 90
READ = "the name of the class is the value of the object"  # each word is one token


def train_language_model(steps: int, seed: int, console: Console) -> LanguageModelResult:
    """Train the language model on English prose.

    Args:
        steps: training steps.
        seed: of the tokens that are drawn for the samples.
        console: where the progress bar is drawn.

    Returns:
        The losses, a sample of its text before and after, and its attention weights.
    """
    trainer, tokenizer = LanguageModelRecipe(steps=steps).trainer()
    before = sample(trainer.model, tokenizer, seed)
    learned = train(trainer, console)
    attention = attention_of(trainer.model, tokenizer, READ)
    after = sample(trainer.model, tokenizer, seed)
    return LanguageModelResult(
        learned, tokenizer.vocab_size, before, after, tokenizer.tokens(READ), attention
    )


def sample(model: Module, tokenizer: Tokenizer, seed: int) -> str:
    """Generate a text.

    Args:
        model: the language model.
        tokenizer: of its ids.
        seed: of the tokens that are drawn.

    Returns:
        `PROMPT` and its continuation.
    """
    ids = tokenizer.encode(PROMPT)
    return printable(
        tokenizer.decode(ids + generate(model, ids, NEW_TOKENS, temperature=0.7, top_k=40, seed=seed))
    )


def printable(text: str) -> str:
    """Replace what cannot be printed: models write such characters before they are trained.

    Args:
        text: any text.

    Returns:
        The text with a dot for each such character, and at most one empty line in a row.
    """
    shown = "".join(c if c == "\n" or (c.isprintable() and c != "\ufffd") else "\u00b7" for c in text)
    return re.sub(r"\n\s*\n", "\n\n", shown)
