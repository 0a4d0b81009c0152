"""Another shape or another order of dimensions for the same data: relevance moves as the gradient does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.laws import Dims, Moves, dims, unbroadcast
from minitransformer.ops.numpy_names import numpy_names


class Reshape(Moves):
    """The same values in the same order, in another shape.

    Args:
        shape: sizes; one may be -1.
    """

    reads = "shapes"
    view = True

    def __init__(self, shape: Sequence[int]):
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return x.reshape(self.shape)

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (g.reshape(x.shape),)


class Permute(Moves):
    """The dimensions in another order.

    Args:
        order: for each dimension of the output, that of x.
    """

    reads = "shapes"
    view = True

    def __init__(self, order: Sequence[int]):
        self.order = order

    def forward(self, x: Array) -> Array:
        return x.transpose(self.order)

    def vjp(self, g: Array, x: Array) -> Arrays:  # back where each came from
        return (g.transpose(sorted(range(len(self.order)), key=self.order.__getitem__)),)


class Expand(Moves):
    """Dimensions of size 1 repeated without copying; the gradients of all copies of a value are added.

    Args:
        shape: the larger shape.
    """

    reads = "shapes"
    view = True

    def __init__(self, shape: Sequence[int]):
        self.shape = shape

    def forward(self, x: Array) -> Array:
        return (
            x.reshape(self.shape)
            if x.size == math.prod(self.shape)
            else namespace(x).broadcast_to(x, self.shape)
        )

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (unbroadcast(g, x),)


def shape_of(sizes: tuple[Any, ...], named: Any = None) -> tuple[int, ...]:
    """Sizes that were given one by one or as one sequence.

    Args:
        sizes: the arguments.
        named: the sizes as one sequence, given by name; None if they were not.

    Returns:
        The sizes as one tuple.

    Raises:
        TypeError: they are given twice.
    """
    if named is not None and sizes:
        raise TypeError(f"expected sizes once, got {sizes} and size={named}")
    sizes = sizes if named is None else (named,)
    return tuple(sizes[0]) if len(sizes) == 1 and not hasattr(sizes[0], "__index__") else sizes


def reshape(input: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """The same values, in the same order, in another shape.

    Args:
        input: any shape.
        *shape: the sizes, one by one or as one tuple; one may be -1, and follows from the others.

    Returns:
        A view where the memory allows it, else a copy.

    Raises:
        ValueError: the shape has another number of elements.
    """
    shape = shape_of(shape)
    known = math.prod(n for n in shape if n != -1)
    fits = known == input.array.size if -1 not in shape else known and input.array.size % known == 0
    if not fits or shape.count(-1) > 1:
        raise ValueError(f"reshape: {input.shape} has {input.array.size} elements, which do not fill {shape}")
    return Reshape(shape)(input)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Some neighbouring dimensions merged into one.

    Args:
        input: any shape.
        start_dim: the first of them.
        end_dim: the last of them.

    Returns:
        A tensor with the same values in the same order.

    Raises:
        ValueError: `start_dim` comes after `end_dim`.
    """
    first, last = dims((start_dim, end_dim), max(input.ndim, 1))
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    return reshape(
        input, input.shape[:first] + (math.prod(input.shape[first : last + 1]),) + input.shape[last + 1 :]
    )


def permute(input: Tensor, *order: int | Sequence[int]) -> Tensor:
    """The dimensions in another order.

    Args:
        input: any shape.
        *order: the dimensions, one by one or as one tuple.

    Returns:
        A view.

    Raises:
        ValueError: not every dimension is named once.
    """
    order = dims(shape_of(order), input.ndim)
    if sorted(order) != list(range(input.ndim)):
        raise ValueError(f"permute: expected each of {input.ndim} dimensions once, got {order}")
    return Permute(order)(input)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged.

    Args:
        input: any shape.
        dim0: a dimension.
        dim1: a dimension.

    Returns:
        A view.

    Raises:
        IndexError: a dimension is out of range.
    """
    pair = dims((dim0, dim1), input.ndim)
    order = list(range(input.ndim))
    if order:
        a, b = pair
        order[a], order[b] = b, a
    return Permute(tuple(order))(input)


def t(input: Tensor) -> Tensor:
    """A matrix transposed; tensors of 0 or 1 dimensions stay as they are.

    Args:
        input: at most 2 dimensions.

    Returns:
        A view.

    Raises:
        ValueError: there are more than 2 dimensions.
    """
    if input.ndim > 2:
        raise ValueError(f"t: expected at most 2 dimensions, got {input.shape}; use .transpose(-2, -1)")
    return input if input.ndim < 2 else transpose(input, 0, 1)


def expand(input: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """Dimensions of size 1 repeated, without a copy of the data.

    Args:
        input: any shape.
        *shape: the new sizes, one by one or as one tuple; -1 keeps a size; further ones in front add dimensions.

    Returns:
        A view, whose repeated elements share memory.

    Raises:
        ValueError: a size other than 1 would have to change.
    """
    shape = shape_of(shape)
    new = len(shape) - input.ndim
    full = tuple(input.shape[i - new] if n == -1 and i >= new else n for i, n in enumerate(shape))
    return Expand(full)(input)


@numpy_names
def squeeze(input: Tensor, dim: Dims = None) -> Tensor:
    """Dimensions of size 1 removed.

    Args:
        input: any shape.
        dim: an int or several; those of another size stay. None means all dimensions.

    Returns:
        A view.
    """
    drop = dims(dim, input.ndim)
    return Reshape(tuple(n for d, n in enumerate(input.shape) if n != 1 or d not in drop))(input)


@numpy_names
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A dimension of size 1 inserted.

    Args:
        input: any shape.
        dim: where the new dimension stands in the result.

    Returns:
        A view.

    Raises:
        IndexError: the dimension is out of range.
    """
    (d,) = dims(dim, input.ndim + 1)
    return Reshape(input.shape[:d] + (1,) + input.shape[d:])(input)


def ravel(input: Tensor) -> Tensor:
    """All values in order, in one dimension.

    Args:
        input: any shape.

    Returns:
        (n,): a view where the memory allows it, else a copy.
    """
    return reshape(input, -1) if input.array.size else reshape(input, 0)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension as several.

    Args:
        input: at least one dimension.
        dim: the dimension.
        sizes: what takes its place; one may be -1, and follows from the others.

    Returns:
        A view where the memory allows it, else a copy.

    Raises:
        ValueError: there are no sizes, or they do not fill the dimension.
    """
    if not input.ndim or not len(sizes):
        raise ValueError(f"unflatten: expected a dimension and sizes for it, got {input.shape} and {sizes}")
    (d,) = dims(dim, input.ndim)
    known = math.prod(n for n in sizes if n != -1)
    spelled = [input.shape[d] // (known or 1) if n == -1 else n for n in sizes]
    if math.prod(spelled) != input.shape[d]:
        raise ValueError(f"unflatten: {tuple(sizes)} does not fill a dimension of {input.shape[d]}")
    return reshape(input, (*input.shape[:d], *spelled, *input.shape[d + 1 :]))


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Dimensions moved to other places; the others keep their order.

    Args:
        input: any shape.
        source: which dimensions.
        destination: their new places.

    Returns:
        A view.

    Raises:
        ValueError: another number of places than of dimensions, or one is named twice.
    """
    old, new = dims(source, input.ndim), dims(destination, input.ndim)
    if len(set(old)) != len(old) or len(set(new)) != len(new) or len(old) != len(new):
        raise ValueError(f"movedim: expected as many places as dimensions, got {source} and {destination}")
    order = [d for d in range(input.ndim) if d not in old]
    for place, d in sorted(zip(new, old, strict=True)):
        order.insert(place, d)
    return permute(input, order)
