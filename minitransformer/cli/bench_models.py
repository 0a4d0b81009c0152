"""The models that `bench` trains: three sizes, ours and PyTorch's with the same weights, and one training step for both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import minitransformer
from minitransformer.cli.torch_twin import torch_twin
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.nn import functional as F
from minitransformer.ops.creation import randint


@dataclass(frozen=True)
class Size:
    """Vocabulary, width, layers, heads, tokens in a sequence, sequences in a batch."""

    vocab: int
    d_model: int
    layers: int
    heads: int
    length: int
    batch: int

    def model(self) -> LanguageModel:
        """Ours: pre-norm, GELU in its tanh form, no dropout."""
        activation = partial(F.gelu, approximate="tanh")
        sizes = (self.vocab, self.d_model, self.heads, self.layers, 4 * self.d_model)
        return LanguageModel(
            LanguageModelConfig(*sizes, dropout=0.0, activation=activation, max_len=self.length)
        )


SIZES = {
    "lesson": Size(64, 64, 2, 4, 64, 16),
    "tiny": Size(128, 128, 4, 4, 128, 8),
    "char": Size(65, 384, 6, 6, 256, 8),
}


def twin(model: LanguageModel):
    """The same model in PyTorch, on the same kind of device."""
    import torch

    return torch_twin(model, torch.nn.GELU(approximate="tanh")).to(_device(model))


def training_step(lib, model, size: Size) -> Callable[[], float]:
    """Forward, loss, backward and Adam on one batch of random tokens; `lib` is the package that `model` belongs to."""
    tokens = randint(0, size.vocab, (size.batch, size.length + 1)).numpy()  # (B, T + 1)
    inputs, targets = (
        lib.tensor(part.copy(), device=_device(model)) for part in (tokens[:, :-1], tokens[:, 1:])
    )
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> float:
        optimizer.zero_grad()
        logits = model(inputs)  # (B, T, V)
        loss = lib.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()  # waits for a device to be done

    return step


def _device(model) -> str:
    return str(next(model.parameters()).device)


def both_steps(size: Size) -> tuple[Callable[[], float], Callable[[], float]]:
    """Our training step and PyTorch's, from the same weights."""
    import torch

    model = size.model()
    return training_step(minitransformer, model, size), training_step(torch, twin(model), size)
