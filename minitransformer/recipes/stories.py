"""The recipe of a language model that writes short stories, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.data.stories import LAST_WORD, capitalised, stories
from minitransformer.generation import generate_batch
from minitransformer.models import LanguageModel, LanguageModelConfig
from minitransformer.nn import Module
from minitransformer.nn import functional as F
from minitransformer.nn.modes import in_use
from minitransformer.randomness import own
from minitransformer.recipes.run import trainer_of
from minitransformer.recipes.task import TaskRecipe
from minitransformer.recipes.taught import Taught
from minitransformer.tokenization import Tokenizer, WordTokenizer
from minitransformer.tokenization.tokenizer import PAD
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader, LengthSampler, pad_collate, pad_sequence

SEEN, UNSEEN = 10_000, 100  # stories to train on, and stories on which the loss is measured
LONGEST = 160  # words and marks of a story
EVALUATE_EVERY = 200  # steps; reading all unseen stories takes as long as six of them


@dataclass(frozen=True)
class StoriesRecipe(Taught, TaskRecipe):
    """The settings of a run that trains a `LanguageModel` on stories; the others are those of `TaskRecipe` and `Taught`.

    Small batches and many steps: only after some hundred steps does a head learn to look back at the thing.

    Args:
        steps: batches to learn from.
        batch_size: stories in a batch.
        lr: the highest learning rate.
        weight_decay: of AdamW.
        num_layers: layers.
    """

    steps: int = 1700
    batch_size: int = 6
    lr: float = 5e-3
    weight_decay: float = 0.1
    num_layers: int = 2

    kind = "stories"

    def trainer(self, directory: Path | None = None) -> tuple[Trainer, Tokenizer]:
        """Make an untrained model and everything that trains it.

        Args:
            directory: the folder of the checkpoints; None writes none.

        Returns:
            The trainer, and the tokenizer.
        """
        texts = self.texts()
        tokenizer = WordTokenizer.train(texts)
        ids = [numpy.array(tokenizer.encode(text)) for text in texts]
        known, unseen = ids[:SEEN], pad_sequence(ids[SEEN:], batch_first=True)
        batches = LengthSampler([len(story) for story in known], self.batch_size)
        sizes = (
            tokenizer.vocab_size,
            self.d_model,
            self.nhead,
            self.num_layers,
            4 * self.d_model,
            self.dropout,
        )
        model = LanguageModel(LanguageModelConfig(*sizes, max_len=LONGEST))
        trainer = trainer_of(
            self,
            model,
            tokenizer,
            self.taught(story_loss, model, tokenizer, real=lambda batch: batch[:, 1:] != PAD),
            DataLoader(known, batch_sampler=batches, collate_fn=pad_collate),
            weight_decay=self.weight_decay,
            evaluate=lambda model: story_loss(model, unseen).item(),
            evaluate_every=EVALUATE_EVERY,
            directory=directory,
        )
        return trainer, tokenizer

    def texts(self) -> list[str]:
        """All stories: those to train on, and then those held out.

        Returns:
            The stories.
        """
        return stories(SEEN + UNSEEN, self.seed)

    def unseen(self) -> list[str]:
        """The stories held out.

        Returns:
            The stories.
        """
        return self.texts()[SEEN:]

    def held_out_loss(self, model: Module, tokenizer: Tokenizer) -> float:
        """The loss on the stories held out.

        Args:
            model: the language model.
            tokenizer: of its ids.

        Returns:
            Nats per word.
        """
        ids = [numpy.array(tokenizer.encode(text)) for text in self.unseen()]
        with no_grad(), in_use(model):
            return story_loss(model, pad_sequence(ids, batch_first=True)).item()


def story_loss(model: Module, batch: Tensor) -> Tensor:
    """The mean cross-entropy of each word given those before it; padding does not count.

    Args:
        model: a language model.
        batch: (B, T) ids, padded at the end.

    Returns:
        A scalar in nats per word.
    """
    batch = own(batch.to(next(model.parameters()).device))
    logits = model(batch[:, :-1])  # (B, T - 1, V)
    return F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), ignore_index=PAD)


def told(model: LanguageModel, tokenizer: Tokenizer, beginnings: Sequence[str], seed: int) -> list[str]:
    """Stories that a model writes.

    Args:
        model: the language model.
        tokenizer: of its ids.
        beginnings: the first words of each story.
        seed: of the words that are drawn.

    Returns:
        The stories, each to its last word.
    """
    prompts = [tokenizer.encode(beginning) for beginning in beginnings]
    (end,) = tokenizer.encode(LAST_WORD)
    most = LONGEST - max(map(len, prompts))
    found = generate_batch(model, prompts, most, temperature=0.7, seed=seed, stop_id=end)
    return [
        capitalised(tokenizer.decode([*ids, *new, end])) + "."
        for ids, new in zip(prompts, found, strict=True)
    ]
