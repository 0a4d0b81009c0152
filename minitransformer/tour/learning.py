"""What both models of a tour need: training with a progress bar, and their attention weights."""

from __future__ import annotations

import numpy
from rich.console import Console

from minitransformer.autograd import no_grad
from minitransformer.nn import Module
from minitransformer.nn.hooks import record_attention
from minitransformer.nn.modes import in_use
from minitransformer.ops.creation import tensor
from minitransformer.progress import progress_bar
from minitransformer.tokenization import Tokenizer
from minitransformer.tour.result import Learned
from minitransformer.training import Trainer


def train(trainer: Trainer, console: Console) -> Learned:
    """Train to the end.

    Args:
        trainer: the model, its data and its optimizer.
        console: where the progress bar is drawn.

    Returns:
        The losses.

    Raises:
        KeyboardInterrupt: the training was stopped.
    """
    with progress_bar(trainer, console, "   reading") as report:
        if not trainer.run(report):
            raise KeyboardInterrupt
    return Learned(trainer.losses, trainer.evaluations)


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
