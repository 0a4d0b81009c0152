"""Tensors joined, and cut into parts, along a dimension."""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.laws import Moves, dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.shape.layout import unsqueeze
from minitransformer.ops.tensors.convert import cast, common_dtype


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


@numpy_names
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


@numpy_names
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


@numpy_names
def split(
    input: Tensor,
    split_size_or_sections: int | Sequence[int] | None = None,
    dim: int = 0,
    *,
    split_size: int | Sequence[int] | None = None,
) -> tuple[Tensor, ...]:
    """A tensor cut into parts along a dimension.

    Args:
        input: any shape.
        split_size_or_sections: the size of every part (the last may be smaller), or the list of their sizes.
        dim: the dimension.
        split_size: the same as `split_size_or_sections`, as PyTorch's method calls it.

    Returns:
        A tuple of views.

    Raises:
        ValueError: the sizes do not add up to that of the dimension, or a size is below 1.
        TypeError: no sizes are given.
    """
    (d,) = dims(dim, input.ndim)
    sizes = split_size_or_sections if split_size is None else split_size
    if sizes is None:
        raise TypeError("split: expected the size of every part, or the list of their sizes")
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


@numpy_names
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


@numpy_names
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


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side: rows one after the other, others along dimension 1.

    Args:
        tensors: at least one; numbers count as rows of one.

    Returns:
        A new tensor.
    """
    rows = [t if t.ndim else t.reshape(1) for t in tensors]
    return cat(rows, 0 if rows and rows[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one below the other, along dimension 0.

    Args:
        tensors: at least one; rows count as matrices of one row.

    Returns:
        A new tensor.
    """
    return cat([t if t.ndim > 1 else t.reshape(1, -1) for t in tensors], 0)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one behind the other, along dimension 2.

    Args:
        tensors: at least one; matrices (n, m) count as (n, m, 1), rows (n,) as (1, n, 1).

    Returns:
        A new tensor.
    """
    flat = [t if t.ndim > 1 else t.reshape(1, -1) for t in tensors]
    return cat([t if t.ndim > 2 else t.reshape(*t.shape, 1) for t in flat], 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side, rows as columns.

    Args:
        tensors: at least one; numbers and rows (n,) count as matrices (n, 1).

    Returns:
        A new tensor.
    """
    return cat([t if t.ndim > 1 else t.reshape(-1, 1) for t in tensors], 1)
