"""Our models and PyTorch's with the same weights, side by side."""

from __future__ import annotations

from collections.abc import Callable

import minitransformer
from minitransformer.bench.works import Size, training_step
from minitransformer.models.language_model import LanguageModel
from minitransformer.verify.torch_twin import torch_twin


def twin(model: LanguageModel):
    """The same model in PyTorch, on the same device.

    Args:
        model: Ours.

    Returns:
        A torch.nn.Module.
    """
    import torch

    device = str(next(model.parameters()).device)
    return torch_twin(model, torch.nn.GELU(approximate="tanh")).to(device)


def both_steps(size: Size) -> tuple[Callable[[], float], Callable[[], float]]:
    """Our training step and PyTorch's, from the same weights.

    Args:
        size: The size of the model.

    Returns:
        (ours, PyTorch's), functions without arguments that return the loss.
    """
    import torch

    model = size.model()
    return training_step(minitransformer, model, size), training_step(torch, twin(model), size)
