"""New tensors with random values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import DType, float32, int64
from minitransformer.brain_float import FLOATS
from minitransformer.devices import to_device, to_host
from minitransformer.ops.creation.making import placed
from minitransformer.ops.shape.layout import shape_of
from minitransformer.randomness import Drawing, drawing


def randn(
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    generator: Drawing = None,
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers from the standard normal distribution.

    Args:
        *sizes: the sizes, one by one or as one tuple.
        size: the same, by name.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return placed(
        drawing(generator).standard_normal(shape_of(sizes, size)).astype(dtype), device, requires_grad
    )


def rand(
    *sizes: int | Sequence[int],
    size: Sequence[int] | None = None,
    generator: Drawing = None,
    dtype: DType | None = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers from the uniform distribution over [0, 1).

    Args:
        *sizes: the sizes, one by one or as one tuple.
        size: the same, by name.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.
        dtype: the dtype; float32 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return placed(drawing(generator).random(shape_of(sizes, size)).astype(dtype), device, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Sequence[int] | None = None,
    *,
    generator: Drawing = None,
    dtype: DType | None = int64,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random integers from the uniform distribution over low .. high - 1.

    Args:
        low: the smallest integer; in the form `randint(high, size)` it is 0.
        high: one more than the largest integer.
        size: the sizes, as one tuple.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.
        dtype: the dtype; int64 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    if size is None:
        high, size = None, high
    low, high = (0, low) if high is None else (low, high)
    return placed(drawing(generator).integers(low, high, size).astype(dtype), device, requires_grad)


def randperm(
    n: int,
    *,
    generator: Drawing = None,
    dtype: DType | None = int64,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The integers 0 .. n - 1 in random order.

    Args:
        n: how many.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.
        dtype: the dtype; int64 unless given.
        device: "cpu", "cuda" or "cuda:N"; None means the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        (n,).
    """
    return placed(drawing(generator).permutation(n).astype(dtype), device, requires_grad)


def randn_like(
    input: Tensor, *, dtype: DType | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Random numbers from the standard normal distribution, in the shape of another tensor.

    Args:
        input: gives the shape.
        dtype: the dtype; None means that of `input`.
        device: None means that of `input`.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return randn(
        input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad
    )


def rand_like(
    input: Tensor, *, dtype: DType | None = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Random numbers from the uniform distribution over [0, 1), in the shape of another tensor.

    Args:
        input: gives the shape.
        dtype: the dtype; None means that of `input`.
        device: None means that of `input`.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor.
    """
    return rand(
        input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad
    )


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Drawing = None,
) -> Tensor:
    """Random indices, each drawn with a probability proportional to its weight.

    Args:
        input: the weights, (n,) or (rows, n), floating-point, at least 0; they need not sum to 1.
        num_samples: how many indices for each row.
        replacement: whether an index may be drawn more than once.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.

    Returns:
        int64, (num_samples,) or (rows, num_samples).

    Raises:
        TypeError: the weights are not floating-point.
        ValueError: weights are negative, not finite, all 0, fewer than are to be drawn, or more than 2^24, PyTorch's limit.
    """
    if input.dtype.kind not in FLOATS:
        raise TypeError(f"multinomial: expected floating-point weights, got {input.dtype}; call .float()")
    if input.ndim not in (1, 2) or num_samples < 1:
        raise ValueError(
            f"multinomial: expected weights (n,) or (rows, n) and samples >= 1, got {input.shape}, {num_samples}"
        )
    if input.shape[-1] > 2**24:
        raise ValueError(f"multinomial: expected at most 2^24 weights in a row, got {input.shape[-1]:,}")
    weights = to_device(input.array, "cpu").astype("float64")
    rows = weights.reshape(-1, weights.shape[-1])
    if not (rows >= 0).all() or not (0 < rows.sum(axis=1)).all() or not (rows.sum(axis=1) < math.inf).all():
        raise ValueError("multinomial: expected finite weights >= 0 that are not all 0")
    if not replacement and num_samples > (rows > 0).sum(axis=1).min():
        raise ValueError(
            f"multinomial: {num_samples} of weights that are not 0 cannot be drawn, unless with replacement"
        )
    drawn = [drawing(generator).choice(len(row), num_samples, replacement, row / row.sum()) for row in rows]
    return placed(numpy.array(drawn, int64).reshape(*weights.shape[:-1], num_samples), input.device, False)


def normal(
    mean: Tensor | float,
    std: Tensor | float = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Drawing = None,
    dtype: DType | None = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers from normal distributions.

    Args:
        mean: the mean, a number, or a tensor with one for each number drawn.
        std: the standard deviation, likewise.
        size: the sizes, as one tuple, if both are numbers.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.
        dtype: the dtype; None means that of a tensor given, else float32.
        device: "cpu", "cuda" or "cuda:N"; None means that of a tensor given, else the default device.
        requires_grad: whether `backward` computes a gradient for it.

    Returns:
        A new tensor of the broadcast shape, or of `size`.

    Raises:
        ValueError: a standard deviation is negative, or numbers are given without a size or tensors with one.
    """
    given = [t for t in (mean, std) if isinstance(t, Tensor)]
    if bool(given) == (size is not None):
        raise ValueError("normal: expected a size with two numbers, and none with a tensor")
    middle, width = (to_host(t.array) if isinstance(t, Tensor) else t for t in (mean, std))
    if (numpy.asarray(width) < 0).any():
        raise ValueError(f"normal: expected a standard deviation >= 0, got {std}")
    drawn = drawing(generator).normal(middle, width, None if size is None else shape_of((size,)))
    kind = dtype or (given[0].dtype if given else float32)
    return placed(numpy.asarray(drawn, kind), device or (given[0].device if given else None), requires_grad)


def bernoulli(input: Tensor, *, generator: Drawing = None) -> Tensor:
    """1 with a probability, else 0.

    Args:
        input: the probabilities, any shape, floating-point.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.

    Returns:
        0 and 1, in the shape and dtype of the input.

    Raises:
        TypeError: the dtype is not a floating-point one.
        ValueError: a probability is outside 0 .. 1.
    """
    if input.dtype.kind not in FLOATS:
        raise TypeError(f"bernoulli: expected floating-point probabilities, got {input.dtype}")
    p = to_host(input.array)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("bernoulli: expected probabilities in 0 .. 1")
    return placed((drawing(generator).random(p.shape) < p).astype(p.dtype), input.device)
