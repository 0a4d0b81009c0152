"""How far apart vectors are, and how alike their directions."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise.choice import clamp_min, where
from minitransformer.ops.index.masks import triu_indices
from minitransformer.ops.laws import dims
from minitransformer.ops.operands import operands
from minitransformer.ops.reduce.norms import norm
from minitransformer.ops.reduce.sums import sum_
from minitransformer.ops.shape.fitting import broadcast_tensors


def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    """The distance of each row of one matrix from each row of another.

    Args:
        x1: (.., n, k).
        x2: (.., m, k).
        p: the power of the norm.
        compute_mode: accepted as in PyTorch; here the differences are always taken.

    Returns:
        (.., n, m).

    Raises:
        ValueError: the rows differ in length, or there are no matrices.
    """
    if min(x1.ndim, x2.ndim) < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ValueError(f"cdist: expected rows of one length, got {x1.shape} and {x2.shape}")
    return norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)  # (.., n, m, k) -> (.., n, m)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The norm of a difference: how far apart two tensors are.

    Args:
        input: a tensor, floating-point.
        other: a tensor; shapes broadcast.
        p: the power of the norm.

    Returns:
        A 0-d tensor.
    """
    return norm(input - other, p)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The distance of each row of a matrix from each row after it.

    Args:
        input: (n, k), floating-point.
        p: the power of the norm.

    Returns:
        (n (n - 1) / 2,): of the first row from all others, then of the second, ..

    Raises:
        ValueError: the input is no matrix.
    """
    if input.ndim != 2:
        raise ValueError(f"pdist: expected a matrix, got {input.shape}")
    first, second = triu_indices(input.shape[0], input.shape[0], 1, device=input.device).unbind()
    return norm(input[first] - input[second], p, -1)


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The slices along a dimension, those of a larger norm than allowed made shorter.

    Args:
        input: at least two dimensions, floating-point.
        p: the power of the norm.
        dim: the dimension along which the slices lie.
        maxnorm: the largest norm that stays.

    Returns:
        The same shape.

    Raises:
        ValueError: there are fewer than two dimensions, or a negative `maxnorm`.
    """
    if input.ndim < 2 or maxnorm < 0 or p <= 0:
        raise ValueError(
            f"renorm: expected 2 dimensions, p > 0, maxnorm >= 0, got {input.shape}, {p}, {maxnorm}"
        )
    (d,) = dims(dim, input.ndim)
    lengths = norm(input, p, tuple(i for i in range(input.ndim) if i != d), True)
    return where(lengths > maxnorm, input * (maxnorm / (lengths + 1e-7)), input)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors.

    Args:
        x1: a tensor.
        x2: a tensor; shapes broadcast.
        dim: the dimension of a vector.
        eps: the least length with which is divided.

    Returns:
        The broadcast shape without `dim`.

    Raises:
        TypeError: the dtypes are not floating-point.
    """
    a, b = broadcast_tensors(*operands(x1, x2))
    lengths = [clamp_min(norm(t, 2, dim, True), eps) for t in (a, b)]
    return sum_((a / lengths[0]) * (b / lengths[1]), dim)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Vectors divided by their norm.

    Args:
        input: any shape, floating-point.
        p: the power of the norm.
        dim: the dimension of a vector.
        eps: the least norm with which is divided.

    Returns:
        The same shape.
    """
    return input / clamp_min(norm(input, p, dim, True), eps)
