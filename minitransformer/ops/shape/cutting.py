"""Tensors cut at given places, or along a given dimension by its name: beside `split`, `chunk` and `unbind` of `joining`."""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer.autograd import Tensor
from minitransformer.ops.laws import dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.shape.joining import split


@numpy_names
def tensor_split(
    input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0
) -> tuple[Tensor, ...]:
    """Parts along a dimension: so many, of which the first may be longer by one, or cut at places.

    Args:
        input: at least one dimension.
        indices_or_sections: how many parts, or before which indices to cut.
        dim: the dimension.

    Returns:
        A tuple of views.

    Raises:
        ValueError: the number of parts is below 1, or the input has no dimension.
    """
    asked = indices_or_sections.tolist() if isinstance(indices_or_sections, Tensor) else indices_or_sections
    if not input.ndim or (isinstance(asked, int) and asked < 1):
        raise ValueError(f"tensor_split: expected a dimension and at least one part, got {asked}")
    (d,) = dims(dim, input.ndim)
    n = input.shape[d]
    if isinstance(asked, int):
        return split(input, [n // asked + (i < n % asked) for i in range(asked)], d)
    ends = [0, *(min(max(i + n * (i < 0), 0), n) for i in asked), n]
    parts = zip(ends, ends[1:], strict=False)
    return tuple(input[(slice(None),) * d + (slice(a, max(a, b)),)] for a, b in parts)


def _along(name: str, input: Tensor, dim: int, least: int, asked: int | Sequence[int]) -> tuple[Tensor, ...]:
    if input.ndim < least:
        raise ValueError(f"{name}: expected at least {least} dimensions, got {input.shape}")
    if isinstance(asked, int) and (asked < 1 or input.shape[dim] % asked):
        raise ValueError(f"{name}: a dimension of {input.shape[dim]} has no {asked} equal parts")
    return tensor_split(input, asked, dim)


def hsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Parts side by side: along dimension 1, or along the only one.

    Args:
        input: at least one dimension.
        indices_or_sections: how many equal parts, or before which indices to cut.

    Returns:
        A tuple of views.

    Raises:
        ValueError: there are too few dimensions, or no equal parts.
    """
    return _along("hsplit", input, min(input.ndim - 1, 1), 1, indices_or_sections)


def vsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Parts one above the other: along dimension 0.

    Args:
        input: at least two dimensions.
        indices_or_sections: how many equal parts, or before which indices to cut.

    Returns:
        A tuple of views.

    Raises:
        ValueError: there are too few dimensions, or no equal parts.
    """
    return _along("vsplit", input, 0, 2, indices_or_sections)


def dsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Parts one behind the other: along dimension 2.

    Args:
        input: at least three dimensions.
        indices_or_sections: how many equal parts, or before which indices to cut.

    Returns:
        A tuple of views.

    Raises:
        ValueError: there are too few dimensions, or no equal parts.
    """
    return _along("dsplit", input, 2, 3, indices_or_sections)


@numpy_names
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of given sizes along a dimension: `split` with a list.

    Args:
        input: at least one dimension.
        split_sizes: how long each part is.
        dim: the dimension.

    Returns:
        A tuple of views.

    Raises:
        ValueError: the sizes do not add up.
    """
    return split(input, list(split_sizes), dim)
