"""Fine-tuning with few numbers: a frozen matrix, and beside it one of low rank that learns what is to be different."""

from __future__ import annotations

import copy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.linear import Linear
from minitransformer.nn.module import Module


class LoRALinear(Module):
    """y = W x + b + (alpha / rank) U D x, W and b frozen (Hu et al., ICLR 2022, section 4.1). (.., n_in) -> (.., n_out).

    `down` D is (rank, n_in), drawn; `up` U is (n_out, rank), zeros at first, so that nothing has changed yet. Raises
    ValueError for a rank below 1.
    """

    def __init__(self, linear: Linear, rank: int = 8, alpha: float = 16.0):
        super().__init__()
        if rank < 1:
            raise ValueError(f"LoRALinear: expected a rank of at least 1, got {rank}")
        made = {"device": str(linear.weight.device), "dtype": linear.weight.dtype}
        self.linear, self.rank, self.scale = linear.requires_grad_(False), rank, alpha / rank
        self.down = init.normal_(
            init.parameter(rank, linear.in_features, **made), std=linear.in_features**-0.5
        )
        self.up = init.zeros_(init.parameter(linear.out_features, rank, **made))

    def forward(self, input: Tensor) -> Tensor:
        """(.., n_in) -> (.., n_out)."""
        return self.linear(input) + F.linear(F.linear(input, self.down), self.up) * self.scale

    @no_grad()
    def merged(self) -> Linear:
        """The same as one linear layer of its own, W + (alpha / rank) U D: whoever shares W keeps it as it was."""
        linear = copy.deepcopy(self.linear)
        linear.weight.add_(self.up @ self.down * self.scale)
        return linear.requires_grad_()

    def extra_repr(self) -> str:
        return f"rank={self.rank}, scale={self.scale:g}"


def add_lora(module: Module, rank: int = 8, alpha: float = 16.0) -> Module:
    """Freeze all of `module`, and set a `LoRALinear` in the place of each linear layer in it, which is what then learns.

    A layer that stands in two places learns as one. Raises ValueError, changing nothing, if there is no linear layer in
    `module`, or if it was adapted before.
    """
    if any(isinstance(part, LoRALinear) for part in module.modules()):
        raise ValueError(f"add_lora: {type(module).__name__} was adapted before; call merge_lora first")
    new = {linear: LoRALinear(linear, rank, alpha) for linear in _parts(module, Linear, "LoRALinear(linear)")}
    module.requires_grad_(False)
    return _replace(module, new)


def merge_lora(module: Module) -> Module:
    """Make one linear layer again of each `LoRALinear` in `module`, changed for good.

    One that was tied to another weight, as a head to the embedding, is so no longer. Raises ValueError if there is none.
    """
    return _replace(module, {lora: lora.merged() for lora in _parts(module, LoRALinear, "its merged()")})


def _parts(module: Module, kind: type, instead: str) -> list:
    """The modules of a kind below `module`, each once. Raises ValueError if there is none, or if it is one itself."""
    found = [part for part in module.modules() if isinstance(part, kind)]
    if not found or found[0] is module:
        what = f"one itself: take {instead}" if found else f"a {type(module).__name__} without any"
        raise ValueError(f"expected a module with a {kind.__name__} in it, got {what}")
    return found


def _replace(module: Module, new: dict[Module, Module]) -> Module:
    for parent in list(module.modules()):
        if parent not in new:
            for name, child in list(parent._modules.items()):
                if child in new:
                    parent.add_module(name, new[child])
    return module
