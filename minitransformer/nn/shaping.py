"""Modules that only move data: to itself, to fewer dimensions, to more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.nn.module import Module


class Identity(Module):
    """The input itself: a place in a model where nothing is done.

    Args:
        args: accepted as in PyTorch, so that it may stand for any module; no effect.
        kwargs: as `args`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return the input.

        Args:
            input: (..).

        Returns:
            `input`.
        """
        return input


class Flatten(Module):
    """Consecutive dimensions as one.

    Args:
        start_dim: the first of them.
        end_dim: the last of them.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Flatten the dimensions.

        Args:
            input: (B, n, m, ..).

        Returns:
            (B, n m ..), with the default dimensions.
        """
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dimension as several.

    Args:
        dim: the dimension.
        unflattened_size: the sizes of those that take its place; one of them may be -1, which is what is left.

    Raises:
        TypeError: if a size is no integer.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        sizes = tuple(unflattened_size)
        if not all(isinstance(n, int) for n in sizes):
            raise TypeError(f"Unflatten: expected integers as sizes, got {unflattened_size!r}")
        self.dim, self.unflattened_size = dim, sizes

    def forward(self, input: Tensor) -> Tensor:
        """Unflatten the dimension.

        Args:
            input: (.., n m, ..).

        Returns:
            (.., n, m, ..).

        Raises:
            ValueError: if the sizes do not make up the dimension.
        """
        dim = range(input.ndim)[self.dim]
        known = math.prod(n for n in self.unflattened_size if n != -1)
        if -1 not in self.unflattened_size and known != input.shape[dim]:
            raise ValueError(f"Unflatten: {self.unflattened_size} does not make up {input.shape[dim]}")
        return input.reshape(*input.shape[:dim], *self.unflattened_size, *input.shape[dim + 1 :])

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
