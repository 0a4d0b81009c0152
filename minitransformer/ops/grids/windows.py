"""The windows through which convolution and pooling look at a grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.laws import Moves, Sums, widened


class Windows(Moves):
    """What a kernel sees at each of its places in a grid: (N, C, *L) to (N, *O, C, *K).

    Along each dimension, place o and kernel element k see x at o stride + k dilation. A value seen several times gets the sum of
    what comes back, of cotangents and of relevance.

    >>> import numpy as np
    >>> Windows((2,), (1,), (1,)).forward(np.array([[[1.0, 2.0, 3.0]]])).reshape(2, 2)
    array([[1., 2.],
           [2., 3.]])

    Args:
        kernel: its size along each dimension of the grid.
        stride: the distance of neighbouring places, for each dimension.
        dilation: the distance of neighbouring elements of the kernel, for each dimension.
    """

    reads = "shapes"

    def __init__(self, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]):
        self.kernel, self.stride, self.dilation = tuple(kernel), tuple(stride), tuple(dilation)

    def places(self, grid: Sequence[int]) -> tuple[int, ...]:
        """How many places the kernel takes along each dimension.

        Args:
            grid: the sizes of the grid.

        Returns:
            The numbers.
        """
        sizes = zip(grid, self.kernel, self.stride, self.dilation, strict=True)
        return tuple((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in sizes)

    def seen_by(self, element: Sequence[int], places: Sequence[int]) -> tuple[slice, ...]:
        """Where one element of the kernel looks, from all places.

        Args:
            element: its index in the kernel.
            places: how many places there are along each dimension.

        Returns:
            A slice for each dimension of the grid.
        """
        steps = zip(element, places, self.stride, self.dilation, strict=True)
        return tuple(slice(k * d, k * d + s * (o - 1) + 1, s) for k, o, s, d in steps)

    def forward(self, x: Array) -> Array:  # (N, C, *L) -> (N, *O, C, *K)
        steps = x.strides[2:]
        between = [step * s for step, s in zip(steps, self.stride, strict=True)]
        within = [step * d for step, d in zip(steps, self.dilation, strict=True)]
        shape = x.shape[0], *self.places(x.shape[2:]), x.shape[1], *self.kernel
        strides = x.strides[0], *between, x.strides[1], *within
        return (
            namespace(x).lib.stride_tricks.as_strided(x, shape, strides).copy()
        )  # the view sees values several times

    def vjp(self, g: Array, x: Array) -> Arrays:  # each element of the kernel brings back what it has seen
        return (self.laid_back(g, x.shape[2:]),)

    def laid_back(self, seen: Array, grid: Sequence[int]) -> Array:  # (N, *O, C, *K) -> (N, C, *L)
        """The sum of all windows, each at its place.

        Args:
            seen: the windows.
            grid: the sizes of the grid.

        Returns:
            The grid, with zeros where no window looks.
        """
        places, channels = self.places(grid), seen.shape[-len(self.kernel) - 1]
        x = namespace(seen).zeros((seen.shape[0], channels, *grid), widened(seen[:0]).dtype)
        for element in itertools.product(*map(range, self.kernel)):
            x[(..., *self.seen_by(element, places))] += namespace(seen).moveaxis(seen[(..., *element)], -1, 1)
        return x.astype(seen.dtype, copy=False)


class Spread(Sums):
    """The adjoint of `Windows`: windows, each at its place, are added up to a grid, (N, *O, C, *K) to (N, C, *L).

    Each value of a window gets its share of the sum, R_i = x_i R / S(y).

    Args:
        windows: how the windows lie.
        grid: the sizes of the grid.
    """

    reads = "shapes"

    def __init__(self, windows: Windows, grid: Sequence[int]):
        self.windows, self.grid = windows, tuple(grid)

    def forward(self, seen: Array) -> Array:
        return self.windows.laid_back(seen, self.grid)

    def vjp(self, g: Array, seen: Array) -> Arrays:  # each window sees what stands at its place
        return (self.windows.forward(g),)


def several(value: int | Sequence[int], n: int, name: str) -> tuple[int, ...]:
    """A setting for each dimension of a grid.

    Args:
        value: one number for all, or one for each, or one in a sequence for all.
        n: the number of dimensions.
        name: what it is the setting of, for an error.

    Returns:
        n numbers.

    Raises:
        ValueError: there are more or fewer.
    """
    numbers = (value,) if hasattr(value, "__index__") else tuple(value)
    if len(numbers) not in (1, n):
        raise ValueError(f"{name}: expected one number, or {n}, got {value}")
    return tuple(int(i) for i in numbers) * (n if len(numbers) == 1 else 1)
