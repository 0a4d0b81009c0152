"""Slices that have a name: one, some, windows of them, diagonals."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import namespace
from minitransformer.ops.creation.filled import zeros
from minitransformer.ops.index.parts import getitem
from minitransformer.ops.index.placing import AddAt
from minitransformer.ops.laws import dims
from minitransformer.ops.shape.layout import movedim


def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """The slices start .. start + length - 1 along a dimension.

    Args:
        input: at least one dimension.
        dim: the dimension.
        start: where to begin, an integer or a 0-d tensor of one; negative counts from the end.
        length: how many.

    Returns:
        A view, with size `length` along `dim`.

    Raises:
        ValueError: the input has no dimension, the start is no integer, or the slices are not all there.
    """
    if not input.ndim or isinstance(start, Tensor) and (start.ndim or start.dtype.kind not in "iu"):
        raise ValueError("narrow: expected at least one dimension to narrow, and one integer to start from")
    (d,) = dims(dim, input.ndim)
    first = int(start) + (input.shape[d] if start < 0 else 0)
    if not (0 <= first and 0 <= length and first + length <= input.shape[d]):
        raise ValueError(
            f"narrow: expected start and length within 0..{input.shape[d]}, got {int(start)} and {length}"
        )
    return getitem(input, (slice(None),) * d + (slice(first, first + length),))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice with a number along a dimension, which goes.

    Args:
        input: at least one dimension.
        dim: the dimension.
        index: the number; negative counts from the end.

    Returns:
        A view, without `dim`.

    Raises:
        IndexError: there is no such slice.
    """
    if not input.ndim:
        raise IndexError("select: expected at least one dimension, got a 0-d tensor")
    (d,) = dims(dim, input.ndim)
    if not -input.shape[d] <= index < input.shape[d]:
        raise IndexError(f"select: index {index} is outside a dimension of {input.shape[d]}")
    return getitem(input, (slice(None),) * d + (int(index),))


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows along a dimension. PyTorch's is a view, ours a copy.

    Args:
        input: any shape.
        dimension: the dimension.
        size: how long a window is.
        step: from the start of one window to that of the next.

    Returns:
        With the number of windows in place of the dimension, and a last dimension of `size`.

    Raises:
        ValueError: no window fits, or the step is not positive.
    """
    if not input.ndim:
        return unfold(input.reshape(1), dimension, size, step).reshape(size)
    (d,) = dims(dimension, input.ndim)
    if not 0 <= size <= input.shape[d] or step < 1:
        raise ValueError(f"unfold: expected size in 0..{input.shape[d]} and step >= 1, got {size} and {step}")
    xp = namespace(input.array)
    starts = xp.arange(0, input.shape[d] - size + 1, step)
    windows = starts[:, None] + xp.arange(size)  # (n, size)
    return movedim(getitem(input, (slice(None),) * d + (Tensor(windows),)), d + 1, -1)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two dimensions. PyTorch's is a view, ours a copy.

    Args:
        input: at least two dimensions.
        offset: which diagonal: 0 is the main one, 1 the one above.
        dim1: the dimension of rows.
        dim2: the dimension of columns.

    Returns:
        Without `dim1` and `dim2`, and with the diagonal as the last dimension.

    Raises:
        ValueError: both dimensions are one.
        IndexError: there is no such dimension.
    """
    if dims(dim1, input.ndim) == dims(dim2, input.ndim):
        raise ValueError(f"diagonal: expected two dimensions, got {dim1} and {dim2} of {input.ndim}")
    moved = movedim(input, (dim1, dim2), (-2, -1))  # (.., rows, columns)
    row, column = max(-offset, 0), max(offset, 0)
    n = max(min(moved.shape[-2] - row, moved.shape[-1] - column), 0)
    steps = namespace(input.array).arange(n)
    return getitem(moved, (..., Tensor(steps + row), Tensor(steps + column)))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with a vector as its diagonal and zeros elsewhere; or the diagonal of a matrix.

    Args:
        input: (n,), or (n, m).
        diagonal: which diagonal: 0 is the main one, 1 the one above.

    Returns:
        (n + |diagonal|, n + |diagonal|); or a vector.

    Raises:
        ValueError: another number of dimensions.
    """
    if input.ndim not in (1, 2):
        raise ValueError(f"diag: expected a vector or a matrix, got {input.shape}")
    return diag_embed(input, diagonal) if input.ndim == 1 else _diagonal(input, diagonal)


_diagonal = diagonal  # `diag` has an argument of that name


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with vectors as their diagonals and zeros elsewhere.

    Args:
        input: (.., n).
        offset: which diagonal: 0 is the main one, 1 the one above.
        dim1: the dimension of rows in the result.
        dim2: the dimension of columns in the result.

    Returns:
        (.., n + |offset|, n + |offset|), the last two moved to `dim1` and `dim2`.

    Raises:
        ValueError: both dimensions are one, or the input has none.
    """
    if not input.ndim or dims(dim1, input.ndim + 1) == dims(dim2, input.ndim + 1):
        raise ValueError(f"diag_embed: expected two dimensions, got {dim1} and {dim2} for {input.shape}")
    n = input.shape[-1] + abs(offset)
    blank = zeros((*input.shape[:-1], n, n), dtype=input.dtype, device=input.device)
    steps = namespace(input.array).arange(input.shape[-1])
    places = (..., steps + max(-offset, 0), steps + max(offset, 0))
    return movedim(AddAt(places)(blank, input), (-2, -1), (dim1, dim2))


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix.

    Args:
        input: (n, m).

    Returns:
        A 0-d tensor.

    Raises:
        ValueError: the input is no matrix.
    """
    if input.ndim != 2:
        raise ValueError(f"trace: expected a matrix, got {input.shape}")
    return diagonal(input).sum()
