"""Fine-tuning of few parameters: a frozen matrix plus a matrix of low rank, of which only the latter is trained."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

from minitransformer.autograd import Tensor, no_grad
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.linear import Linear
from minitransformer.nn.module import Module

M = TypeVar("M", bound=Module)


class LoRALinear(Module):
    """y = W x + b + (alpha / rank) U D x, where W and b are frozen.

    `down` D (rank, in_features) starts with random values, `up` U (out_features, rank) as zeros: at first, the output is that of
    the linear layer.

    Args:
        linear: the layer with W and b; its parameters are frozen.
        rank: the rank of U D, at least 1.
        alpha: the scale of the change.

    Raises:
        ValueError: if the rank is below 1.

    Source:
        Hu et al., ICLR 2022, section 4.1.
    """

    def __init__(self, linear: Linear, rank: int = 8, alpha: float = 16.0) -> None:
        super().__init__()
        if rank < 1:
            raise ValueError(f"LoRALinear: expected a rank of at least 1, got {rank}")
        device = str(linear.weight.device)
        dtype = linear.weight.dtype
        linear.requires_grad_(False)
        self.linear = linear
        self.rank = rank
        self.scale = alpha / rank
        self.down = init.parameter(rank, linear.in_features, device=device, dtype=dtype)
        self.up = init.parameter(linear.out_features, rank, device=device, dtype=dtype)
        init.normal_(self.down, std=linear.in_features**-0.5)
        init.zeros_(self.up)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer to each vector.

        Args:
            input: (.., in_features), in the dtype of the weight.

        Returns:
            (.., out_features).
        """
        return self.linear(input) + F.linear(F.linear(input, self.down), self.up) * self.scale

    @no_grad()
    def merged(self) -> Linear:
        """One linear layer that gives the same outputs.

        Returns:
            A new layer with the weight W + (alpha / rank) U D. W itself is not changed: other layers may share it.
        """
        linear = copy.deepcopy(self.linear)
        linear.weight.add_(self.up @ self.down * self.scale)
        linear.requires_grad_()
        return linear

    def extra_repr(self) -> str:
        return f"rank={self.rank}, scale={self.scale:g}"


def add_lora(module: Module, rank: int = 8, alpha: float = 16.0) -> Module:
    """Freeze all parameters of a module, and replace each linear layer in it by a `LoRALinear`, which is then trained.

    Args:
        module: changed in place. A layer that occurs in it twice is replaced by one `LoRALinear`.
        rank: the rank of each change, at least 1.
        alpha: the scale of each change.

    Returns:
        `module`.

    Raises:
        ValueError: without any change, if the module contains no linear layer, or already a `LoRALinear`.

    Source:
        Hu et al., ICLR 2022.
    """
    if any(isinstance(part, LoRALinear) for part in module.modules()):
        raise ValueError(f"add_lora: {type(module).__name__} was adapted before; call merge_lora first")
    new = {linear: LoRALinear(linear, rank, alpha) for linear in _parts(module, Linear, "LoRALinear(linear)")}
    module.requires_grad_(False)
    return _replace(module, new)


def merge_lora(module: Module) -> Module:
    """Replace each `LoRALinear` in a module by one linear layer that gives the same outputs.

    A weight that was shared with another module, such as a head with an embedding, is no longer shared.

    Args:
        module: changed in place.

    Returns:
        `module`.

    Raises:
        ValueError: if the module contains no `LoRALinear`.
    """
    return _replace(module, {lora: lora.merged() for lora in _parts(module, LoRALinear, "its merged()")})


def _parts(module: Module, kind: type[M], instead: str) -> list[M]:
    """The modules of a class below `module`, each once. Raises ValueError if there are none, or `module` is one itself."""
    found = [part for part in module.modules() if isinstance(part, kind)]
    if not found or found[0] is module:
        what = f"a {kind.__name__}: use {instead}" if found else f"a {type(module).__name__} without any"
        raise ValueError(f"expected a module that contains a {kind.__name__}, got {what}")
    return found


def _replace(module: Module, new: Mapping[Any, Module]) -> Module:
    """Replace the modules that are keys of `new`, wherever they occur below `module`."""
    for parent in list(module.modules()):
        if parent not in new:
            for name, child in list(parent._modules.items()):
                if (replacement := new.get(child)) is not None:
                    parent.add_module(name, replacement)
    return module
