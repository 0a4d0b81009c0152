"""einops on our tensors: `rearrange`, `reduce`, `repeat`, `einsum`, `pack`, and the layers `Rearrange` and `Reduce`.

Importing einops imports this module, which tells einops what our tensors are. The layers may also be imported where einops
has those of other libraries: `from einops.layers.minitransformer import Rearrange`.

Source:
    Rogozhnikov, "Einops: clear and reliable tensor manipulations with Einstein-like notation", ICLR 2022.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy
from einops._backends import AbstractBackend
from einops.layers import RearrangeMixin, ReduceMixin

from minitransformer.autograd import Tensor
from minitransformer.devices import to_host
from minitransformer.nn import Module
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.products.einsum import einsum
from minitransformer.ops.shape.joining import cat, stack


class _Backend(AbstractBackend):
    """What einops asks of a library of tensors."""

    framework_name = "minitransformer"

    def is_appropriate_type(self, tensor: Any) -> bool:
        return isinstance(tensor, Tensor)

    def from_numpy(self, x: numpy.ndarray) -> Tensor:
        return tensor(x)

    def to_numpy(self, x: Tensor) -> numpy.ndarray:
        return to_host(x.detach().array)

    def arange(self, start: int, stop: int) -> Tensor:
        return tensor(numpy.arange(start, stop))

    def transpose(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        return x.permute(*axes)

    def reduce(self, x: Tensor, operation: str, axes: Sequence[int]) -> Tensor:
        if operation in ("prod", "any", "all"):  # of one dimension at a time
            for axis in sorted(axes, reverse=True):
                x = getattr(x, operation)(axis)
            return x
        made: Tensor = getattr(x, {"max": "amax", "min": "amin"}.get(operation, operation))(tuple(axes))
        return made

    def stack_on_zeroth_dimension(self, tensors: Sequence[Tensor]) -> Tensor:
        return stack(tensors)

    def add_axis(self, x: Tensor, new_position: int) -> Tensor:
        return x.unsqueeze(new_position)

    def add_axes(self, x: Tensor, n_axes: int, pos2len: dict[int, int]) -> Tensor:
        for position in pos2len:
            x = self.add_axis(x, position)
        return x.expand(*(pos2len.get(axis, -1) for axis in range(n_axes)))

    def tile(self, x: Tensor, repeats: Sequence[int]) -> Tensor:
        return x.repeat(*repeats)

    def concat(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        return cat(tensors, axis)

    def is_float_type(self, x: Tensor) -> bool:
        return x.is_floating_point()

    def layers(self) -> ModuleType:
        return sys.modules[__name__]

    def einsum(self, pattern: str, *x: Tensor) -> Tensor:
        return einsum(pattern, *x)


class Rearrange(RearrangeMixin, Module):
    """`einops.rearrange` as a layer: `Rearrange("b c (h p) (w q) -> b (h w) (p q c)", p=4, q=4)`."""

    def forward(self, input: Tensor) -> Tensor:
        """The input, rearranged by the pattern.

        Args:
            input: as the left side of the pattern says.

        Returns:
            As the right side says.
        """
        apply: Any = self._apply_recipe
        made: Tensor = apply(input)
        return made


class Reduce(ReduceMixin, Module):
    """`einops.reduce` as a layer: `Reduce("b t c -> b c", "mean")`."""

    def forward(self, input: Tensor) -> Tensor:
        """The input, reduced by the pattern.

        Args:
            input: as the left side of the pattern says.

        Returns:
            As the right side says.
        """
        apply: Any = self._apply_recipe
        made: Tensor = apply(input)
        return made


sys.modules.setdefault("einops.layers.minitransformer", sys.modules[__name__])
