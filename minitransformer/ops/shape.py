"""Another shape for the same data: relevance moves as the gradient does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.convert import cast, common_dtype
from minitransformer.ops.laws import Dims, Moves, dims, unbroadcast


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


class Concatenate(Moves):
    """Tensors side by side along a dimension; each gets its own part back. One of shape (0,) may stand beside any others.

    Args:
        dim: the dimension, not negative.
    """

    reads = "shapes"

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, *xs: Array) -> Array:  # (.., n_1, ..), (.., n_2, ..) -> (.., n_1 + n_2, ..)
        ndim = max(x.ndim for x in xs)
        return namespace(xs[0]).concatenate([x for x in xs if x.shape != (0,) or ndim == 1], axis=self.dim)

    def vjp(self, g: Array, *xs: Array) -> Arrays:
        parts = []
        start = 0
        for x in xs:
            if x.ndim < g.ndim:
                parts.append(g.reshape(-1)[:0])
                continue
            stop = start + x.shape[self.dim]
            parts.append(g[(slice(None),) * self.dim + (slice(start, stop),)])
            start = stop
        return tuple(parts)


class Split(Moves):
    """A tensor cut into parts along a dimension: one output a part.

    Args:
        sizes: how long each part is.
        dim: the dimension, not negative.
    """

    reads = "shapes"
    view = True

    def __init__(self, sizes: list[int], dim: int):
        self.sizes = sizes
        self.dim = dim
        self.outputs = len(sizes)

    def forward(self, x: Array) -> Array:
        ends = [sum(self.sizes[:i]) for i in range(self.outputs + 1)]
        parts = tuple(
            x[(slice(None),) * self.dim + (slice(a, b),)] for a, b in zip(ends, ends[1:], strict=False)
        )
        return parts if self.outputs > 1 else parts[0]

    def vjp(self, gs: Arrays, x: Array) -> Arrays:
        gs = gs if self.outputs > 1 else (gs,)
        return (
            namespace(x).concatenate(
                [self._or_zeros(g, x, n) for g, n in zip(gs, self.sizes, strict=True)], self.dim
            ),
        )

    # a part that was not used has no cotangent
    def _or_zeros(self, g: Array | None, x: Array, size: int) -> Array:
        shape = x.shape[: self.dim] + (size,) + x.shape[self.dim + 1 :]
        return namespace(x).zeros(shape, x.dtype) if g is None else g


class Unbind(Moves):
    """The slices of a tensor along a dimension: one output a slice.

    Args:
        n: how many slices.
        dim: the dimension, not negative.
    """

    reads = "shapes"
    view = True

    def __init__(self, n: int, dim: int):
        self.outputs, self.dim = n, dim

    def forward(self, x: Array) -> Array:  # (.., n, ..) -> (.., ..) n times, or one slice as it is
        parts = tuple(x[(slice(None),) * self.dim + (i, ...)] for i in range(self.outputs))
        return parts if self.outputs > 1 else parts[0]

    def vjp(self, gs: Arrays, x: Array) -> Arrays:
        y = namespace(x).empty_like(x)  # laid out as x is, so that to move its dimensions back makes no copy
        for i, g in enumerate(gs if self.outputs > 1 else (gs,)):
            y[(slice(None),) * self.dim + (i, ...)] = 0 if g is None else g
        return (y,)


class Flip(Moves):
    """The order along some dimensions reversed.

    Args:
        dim: the dimensions.
    """

    reads = "shapes"

    def __init__(self, dim: tuple[int, ...]):
        self.dim = dim

    def forward(self, x: Array) -> Array:
        return namespace(x).flip(x, self.dim).copy()

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (namespace(g).flip(g, self.dim),)


class Roll(Moves):
    """Values shifted along dimensions; what is shifted beyond one end comes in at the other.

    Args:
        shifts: by how many places, for each dimension.
        dim: the dimensions.
    """

    reads = "shapes"

    def __init__(self, shifts: tuple[int, ...], dim: tuple[int, ...]):
        self.shifts, self.dim = shifts, dim

    def forward(self, x: Array) -> Array:
        return namespace(x).roll(x, self.shifts, self.dim)

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (namespace(g).roll(g, tuple(-n for n in self.shifts), self.dim),)


def shape_of(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes that were given one by one or as one sequence.

    Args:
        sizes: the arguments.

    Returns:
        The sizes as one tuple.
    """
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


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`expand` to the shape of another tensor.

    Args:
        input: any shape.
        other: gives the shape.

    Returns:
        A view.
    """
    return expand(input, other.shape)


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


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors joined along a dimension.

    Args:
        tensors: a sequence of tensors, equal in all other sizes; a tensor of shape (0,) adds nothing.
        dim: the dimension.

    Returns:
        A new tensor of the common dtype.

    Raises:
        ValueError: no tensor is given, or other sizes differ.
    """
    tensors = list(tensors)
    if not tensors or not all(isinstance(t, Tensor) for t in tensors):
        raise ValueError(
            f"cat: expected at least one tensor and nothing else, got {[type(t).__name__ for t in tensors]}"
        )
    (d,) = dims(dim, max(t.ndim for t in tensors)) or (0,)
    dtype = common_dtype(*tensors)
    return Concatenate(d)(*[cast(t, dtype) for t in tensors])


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dimension.

    Args:
        tensors: a sequence of tensors of one shape.
        dim: where the new dimension stands in the result.

    Returns:
        A new tensor of the common dtype.

    Raises:
        ValueError: the shapes differ.
    """
    tensors = list(tensors)
    if len({t.shape for t in tensors}) != 1:
        raise ValueError(f"stack: expected tensors of one shape, got {[t.shape for t in tensors]}")
    return cat([unsqueeze(t, dim) for t in tensors], dims(dim, tensors[0].ndim + 1)[0])


def split(input: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """A tensor cut into parts along a dimension.

    Args:
        input: any shape.
        split_size_or_sections: the size of every part (the last may be smaller), or the list of their sizes.
        dim: the dimension.

    Returns:
        A tuple of views.

    Raises:
        ValueError: the sizes do not add up to that of the dimension, or a size is below 1.
    """
    (d,) = dims(dim, input.ndim)
    sizes = split_size_or_sections
    if isinstance(sizes, int):
        n = input.shape[d]
        if sizes < 1:
            raise ValueError(f"split: expected parts of at least one, got {sizes}")
        sizes = [min(sizes, n - i) for i in range(0, n, sizes)] or [0]
    if sum(sizes) != input.shape[d]:
        raise ValueError(
            f"split: sections {list(sizes)} add up to {sum(sizes)}, but dimension {dim} has {input.shape[d]}"
        )
    parts = Split(list(sizes), d)(input)
    return parts if isinstance(parts, tuple) else (parts,)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """A tensor cut into a number of parts along a dimension.

    Args:
        input: any shape.
        chunks: how many parts at most; they are of equal size, but the last may be smaller.
        dim: the dimension.

    Returns:
        A tuple of views.

    Raises:
        ValueError: `chunks` is below 1.
    """
    (d,) = dims(dim, input.ndim)
    if chunks < 1:
        raise ValueError(f"chunk: expected at least one part, got {chunks}")
    return split(input, -(-input.shape[d] // chunks) or [0] * chunks, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices of a tensor along a dimension.

    Args:
        input: any shape.
        dim: the dimension, which the slices do not have.

    Returns:
        A tuple of views.
    """
    (d,) = dims(dim, input.ndim)
    if not input.shape[d]:
        return ()
    parts = Unbind(input.shape[d], d)(input)
    return parts if isinstance(parts, tuple) else (parts,)


def _flipped(input: Tensor, along: int | Sequence[int]) -> Tensor:
    return Flip(dims(along, input.ndim))(input)


def flip(input: Tensor, *along: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """The order of elements reversed along dimensions.

    Args:
        input: any shape.
        *along: the dimensions, one by one or as one tuple.
        dims: the dimensions by name, in place of `along`.

    Returns:
        A copy.
    """
    return _flipped(input, shape_of(along) if dims is None else dims)


def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """Elements shifted along dimensions; what leaves at one end enters at the other.

    Args:
        input: any shape.
        shifts: by how many places, an int or one for each dimension.
        dims: the dimensions; None shifts through all elements in order.

    Returns:
        A copy of the same shape.

    Raises:
        ValueError: there are not as many shifts as dimensions.
    """
    shifts, along = ((x,) if isinstance(x, int) else tuple(x) for x in (shifts, () if dims is None else dims))
    if not shifts:
        raise ValueError("roll: expected at least one shift")
    if not along:
        return Roll(shifts, (0,))(input.reshape(-1)).reshape(input.shape)
    if len(shifts) != len(along):
        raise ValueError(f"roll: expected as many shifts as dims, got {shifts} and {along}")
    if along and not input.ndim:
        raise IndexError(f"roll: dimension {along[0]} is out of range for a tensor without dimensions")
    return Roll(shifts, along)(input)


def repeat(input: Tensor, *repeats: int | Sequence[int]) -> Tensor:
    """The tensor repeated along each dimension.

    Args:
        input: any shape.
        *repeats: how often along each dimension, one by one or as one tuple; further ones in front add dimensions.

    Returns:
        A copy.

    Raises:
        ValueError: there are fewer numbers than dimensions.
    """
    repeats = shape_of(repeats)
    if len(repeats) < input.ndim:
        raise ValueError(f"repeat: expected a number for each of {input.ndim} dimensions, got {repeats}")
    sizes = (1,) * (len(repeats) - input.ndim) + input.shape
    one_by_one = reshape(input, [m for n in sizes for m in (1, n)])
    wide = expand(one_by_one, [m for pair in zip(repeats, sizes, strict=True) for m in pair])
    return reshape(wide, [r * n for r, n in zip(repeats, sizes, strict=True)])


def tile(input: Tensor, *dims: int | Sequence[int]) -> Tensor:
    """The tensor repeated along its last dimensions.

    Args:
        input: any shape.
        *dims: how often along each of the last dimensions; as `repeat`, with 1 for those in front that are left out.

    Returns:
        A copy.
    """
    dims = shape_of(dims)
    return repeat(input, (1,) * (input.ndim - len(dims)) + tuple(dims))
