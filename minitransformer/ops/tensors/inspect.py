"""What a tensor is like: sizes and storage, by PyTorch's method names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, overload

from minitransformer.autograd import Op, Tensor
from minitransformer.brain_float import FLOATS


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
    """The number of dimensions.

    Args:
        input: any tensor.

    Returns:
        An int.
    """
    return input.ndim


def numel(input: Tensor) -> int:
    """The number of elements.

    Args:
        input: any tensor.

    Returns:
        An int.
    """
    return int(input.array.size)


def element_size(input: Tensor) -> int:
    """The size of one element in bytes.

    Args:
        input: any tensor.

    Returns:
        An int.
    """
    return input.dtype.itemsize


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating-point one.

    Args:
        input: any tensor.

    Returns:
        True or False.
    """
    return input.dtype.kind in FLOATS


def is_contiguous(input: Tensor) -> bool:
    """Whether the elements lie in memory in the order of their indices.

    Args:
        input: any tensor.

    Returns:
        True or False.
    """
    return bool(input.array.flags.c_contiguous)


def contiguous(input: Tensor) -> Tensor:
    """The tensor with its elements in memory in the order of their indices.

    Args:
        input: any tensor.

    Returns:
        The tensor itself if it is contiguous, else a copy.
    """
    return input if is_contiguous(input) else input.clone()


@overload
def stride(input: Tensor, dim: None = None) -> tuple[int, ...]: ...
@overload
def stride(input: Tensor, dim: int) -> int: ...
def stride(input: Tensor, dim: int | None = None) -> tuple[int, ...] | int:
    """By how many elements in memory two neighbours along a dimension are apart.

    Args:
        input: any tensor.
        dim: which dimension; None means all.

    Returns:
        A tuple for all dimensions, or the one number.
    """
    strides = tuple(n // input.dtype.itemsize for n in input.array.strides)
    return strides if dim is None else strides[dim]


def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int = 0) -> Tensor:
    """Refused: a view of memory by its strides has no history here.

    Args:
        input: any tensor.
        size: the sizes of the view.
        stride: its strides.
        storage_offset: where it begins.

    Returns:
        Nothing.

    Raises:
        NotImplementedError: always; the message names the views that there are.
    """
    raise NotImplementedError(
        f"as_strided: expected a view by index, got size {tuple(size)} and stride {tuple(stride)}; use unfold for windows, "
        "expand for repeated values, diagonal, narrow, or x[::step]"
    )


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not 0.

    Args:
        input: one element.

    Returns:
        True or False.

    Raises:
        ValueError: there are other than one element.
    """
    return bool(input.item())


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers.

    Args:
        input: any tensor.

    Returns:
        True or False.
    """
    return input.dtype.kind not in "bu"


def is_complex(input: Tensor) -> bool:
    """Whether the dtype has complex numbers: there are none.

    Args:
        input: any tensor.

    Returns:
        False.
    """
    return False


class GradFn(NamedTuple):
    """An op on the tape as PyTorch shows it. The op itself has the values and the laws.

    Attributes:
        op: the op.
    """

    op: Op

    def name(self) -> str:
        """Its name in PyTorch's form.

        Returns:
            Such as "MulBackward0".
        """
        return f"{self.op}Backward0"

    @property
    def next_functions(self) -> tuple[tuple[GradFn | None, int], ...]:
        """For each tensor that it was computed from, the op that made that one, or None, and which of its outputs it is."""
        tensors = [t for t in self.op.inputs or () if isinstance(t, Tensor)]
        return tuple((grad_fn(t), t.index) for t in tensors)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


def grad_fn(input: Tensor) -> GradFn | None:
    """The op on the tape that made a tensor.

    Args:
        input: any tensor.

    Returns:
        The op; None of a leaf.
    """
    input.refresh()
    return None if input.op is None else GradFn(input.op)
