"""What a tensor is like: sizes and storage, by PyTorch's method names."""

from __future__ import annotations

from typing import overload

from minitransformer.autograd import Tensor


@overload
def size(input: Tensor, dim: None = None) -> tuple[int, ...]: ...
@overload
def size(input: Tensor, dim: int) -> int: ...
def size(input: Tensor, dim: int | None = None) -> tuple[int, ...] | int:
    """The shape, or the size of one dimension.

    Args:
        input: any tensor.
        dim: which dimension; None means all.

    Returns:
        A tuple of all sizes, or the one size.
    """
    return input.shape if dim is None else input.shape[dim]


def dim(input: Tensor) -> int:
    """The number of dimensions."""
    return input.ndim


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.array.size


def element_size(input: Tensor) -> int:
    """Bytes per element."""
    return input.dtype.itemsize


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is one of the floats."""
    return input.dtype.kind == "f"


def is_contiguous(input: Tensor) -> bool:
    """Whether the elements lie in memory in the order of their indices."""
    return bool(input.array.flags.c_contiguous)


def contiguous(input: Tensor) -> Tensor:
    """The tensor itself if contiguous, else a copy that is."""
    return input if is_contiguous(input) else input.clone()
