"""Inputs and parameters of a layer as one vector, so that all their gradients are measured on one scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Packing:
    """The layout of the vector: the inputs, then the parameters.

    Attributes:
        inputs: The shapes of the inputs.
        parameters: Name -> shape of the parameters.
    """

    inputs: list[Shape]
    parameters: dict[str, Shape]

    def pack(self, arrays: Sequence[numpy.ndarray]) -> numpy.ndarray:
        """Make the vector.

        Args:
            arrays: Arrays of these shapes, in this order.

        Returns:
            (n,).
        """
        return numpy.concatenate([a.ravel() for a in arrays])

    def unpacked(self, function: Callable) -> Callable:
        """Turn a function of inputs and parameters into a function of the vector.

        Args:
            function: `function(inputs, parameters by name)`.

        Returns:
            `of_vector(vector, *others)`; `others` are inputs that are not in the vector.
        """
        shapes = [*self.inputs, *self.parameters.values()]
        sizes = [math.prod(shape) for shape in shapes]
        n = len(self.inputs)

        def of_vector(vector, *others):
            parts = vector.split(sizes)  # our tensors and PyTorch's have both methods
            parts = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
            return function([*parts[:n], *others], dict(zip(self.parameters, parts[n:], strict=True)))

        return of_vector
