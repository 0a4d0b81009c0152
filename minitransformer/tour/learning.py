"""What the models of a tour need: training with a progress bar and samples, and their attention weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy
from rich.console import Console

from minitransformer.autograd import no_grad
from minitransformer.nn import Module
from minitransformer.nn.hooks import record_attention
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation.from_data import tensor
from minitransformer.progress import progress_bar
from minitransformer.tokenization import Tokenizer
from minitransformer.tour.result import Learned
from minitransformer.training import Trainer

Sample = TypeVar("Sample")


def train(
    trainer: Trainer, console: Console, follow: Callable[[Trainer], None] = lambda trainer: None
) -> Learned:
    """Train to the end.

    Args:
        trainer: the model, its data and its optimizer.
        console: where the progress bar is drawn.
        follow: is called after each step.

    Returns:
        The losses.

    Raises:
        KeyboardInterrupt: the training was stopped.
    """
    with progress_bar(trainer, console, "   learning") as report:

        def after_step(trainer: Trainer) -> None:
            report(trainer)
            follow(trainer)

        if not trainer.run(after_step):
            raise KeyboardInterrupt
    return Learned(trainer.losses, trainer.evaluations)


def train_with_samples(
    trainer: Trainer, console: Console, sample: Callable[[], Sample]
) -> tuple[Learned, dict[int, Sample]]:
    """Train to the end, with a sample of what the model does before, at some of the steps, and after.

    Args:
        trainer: the model, its data and its optimizer.
        console: where the progress bar is drawn.
        sample: makes a sample; it leaves the model as it was.

    Returns:
        The losses; and the samples by their steps, 0 before the first one.

    Raises:
        KeyboardInterrupt: the training was stopped.
    """
    samples = {0: sample()}
    steps = milestones(trainer.steps)

    def follow(trainer: Trainer) -> None:
        if trainer.step in steps:
            samples[trainer.step] = sample()

    return train(trainer, console, follow), samples


def milestones(steps: int) -> list[int]:
    """The steps after which a sample is taken: the last one, and some before it, more of them early.

    Args:
        steps: of the training.

    Returns:
        The steps in ascending order, without 0.
    """
    return sorted({steps // part for part in (32, 8, 3, 1)} - {0})


def attention_of(model: Module, tokenizer: Tokenizer, text: str) -> list[numpy.ndarray]:
    """The attention weights of a model that reads a text.

    Args:
        model: the model.
        tokenizer: of its ids.
        text: the text, of T tokens.

    Returns:
        (H, T, T) for each layer.
    """
    with no_grad(), in_use(model), record_attention() as weights:
        model(tensor([tokenizer.encode(text)]))
    return [w.numpy()[0] for w in weights]
