"""New tensors filled by a rule: with one value, with a range, with a diagonal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import DType, float32, int64
from minitransformer.brain_float import FLOATS
from minitransformer.ops.creation.making import filling, number_of, placed
from minitransformer.ops.shape.layout import shape_of


def zeros(
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of zeros.

    Args:
        *sizes: the sizes, one by one or as one tuple.
        size: the same, by name.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return placed(numpy.zeros(shape_of(sizes, size), dtype), device, requires_grad)


def ones(
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of ones.

    Args:
        *sizes: the sizes, one by one or as one tuple.
        size: the same, by name.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return placed(numpy.ones(shape_of(sizes, size), dtype), device, requires_grad)


def empty(
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor whose values are to be written later; it starts with zeros, so that results can be repeated.

    Args:
        *sizes: the sizes, one by one or as one tuple.
        size: the same, by name.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return zeros(*sizes, size=size, dtype=dtype, device=device, requires_grad=requires_grad)


def full(
    size: int | Sequence[int],
    fill_value: Tensor | float,
    *,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor with one value everywhere.

    Args:
        size: the sizes, as one tuple.
        fill_value: a number, or a 0-d tensor.
        dtype: the dtype; float32 for a float, int64 for an int, bool for a bool unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    fill_value = filling(fill_value, dtype)
    dtype = dtype or (float32 if isinstance(fill_value, float) else None)
    return placed(numpy.full(size, fill_value, dtype), device, requires_grad)


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers start, start + step, .. below `end`.

    Args:
        start: the first number; if `end` is None, the end, and the first number is 0.
        end: the end, which is not included.
        step: the difference of neighbours; negative counts down.
        dtype: the dtype; float32 if an argument is a float, else int64 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A tensor of one dimension.

    Raises:
        ValueError: the step is 0, or leads away from `end`.
    """
    start, end, step = map(number_of, (0, start, step) if end is None else (start, end, step))
    dtype = numpy.dtype(
        dtype or (float32 if any(isinstance(x, float) for x in (start, end, step)) else int64)
    )
    if dtype == int64:
        start = int(start)
        end = int(end)
        step = int(step)
    if not step or not 0 <= (end - start) * step < math.inf:
        raise ValueError(f"arange: expected a step that is not 0 and leads from {start} to {end}, got {step}")
    n = math.ceil((end - start) / step)
    first, step = (start, step) if dtype.kind in FLOATS else (int(start), int(step))
    return placed((first + step * numpy.arange(n)).astype(dtype), device, requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Evenly spaced numbers from `start` to `end`, both included.

    Args:
        start: the first number.
        end: the last number.
        steps: how many numbers.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        (steps,).

    Raises:
        ValueError: `steps` is negative.
    """
    if steps < 0:
        raise ValueError(f"linspace: expected steps >= 0, got {steps}")
    start, end = numpy.array([number_of(start), number_of(end)]).astype(dtype)
    places = numpy.arange(steps)
    step = (float(end) - float(start)) / max(steps - 1, 1)
    values = float(start) + step * places
    values[steps // 2 :] = float(end) - step * (steps - 1 - places[steps // 2 :])
    return placed((values if steps > 1 else values * 0 + start).astype(dtype), device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A matrix with ones on the diagonal and zeros elsewhere.

    Args:
        n: the number of rows.
        m: the number of columns; None means `n`.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        (n, m).
    """
    return placed(numpy.eye(n, m, dtype=dtype), device, requires_grad)
