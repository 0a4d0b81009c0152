"""Products of several matrices, powers of one, and the cross product of vectors."""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer.autograd import Tensor
from minitransformer.ops.creation.filled import eye
from minitransformer.ops.elementwise.arithmetic import mul, sub
from minitransformer.ops.laws import dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.operands import operands
from minitransformer.ops.products.inverses import inv
from minitransformer.ops.products.linalg import matmul
from minitransformer.ops.reduce.sums import sum_
from minitransformer.ops.shape.arranging import roll
from minitransformer.ops.shape.fitting import broadcast_tensors


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of two or more matrices, from the left to the right.

    Args:
        tensors: matrices (n, k), (k, m), ..; the first and the last may be vectors.

    Returns:
        The product.

    Raises:
        ValueError: there are fewer than two, others than matrices, or the inner sizes differ.
    """
    if len(tensors) < 2 or any(t.ndim != 2 for t in tensors[1:-1]) or {t.ndim for t in tensors} - {1, 2}:
        raise ValueError(f"multi_dot: expected two matrices or more, got {[t.shape for t in tensors]}")
    product = tensors[0]
    for t in tensors[1:]:
        product = matmul(product, t)
    return product


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices, from the left to the right.

    Args:
        *matrices: (n, k), (k, m), ..

    Returns:
        The product; a single matrix as it is.

    Raises:
        ValueError: there is none, others than matrices, or the inner sizes differ.
    """
    if not matrices or any(t.ndim != 2 for t in matrices):
        raise ValueError(f"chain_matmul: expected matrices, got {[t.shape for t in matrices]}")
    return multi_dot(matrices) if len(matrices) > 1 else matrices[0]


def matrix_power(A: Tensor, n: int) -> Tensor:
    """A matrix times itself, n factors: by squares, so that about 2 log2(n) products are computed.

    Args:
        A: (.., k, k).
        n: how many factors; 0 gives the identity, -1 the inverse.

    Returns:
        The shape of `A`.

    Raises:
        ValueError: the matrices are not square.
        numpy.linalg.LinAlgError: `n` is negative, and a matrix has no inverse.
    """
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError(f"matrix_power: expected square matrices, got {A.shape}")
    if n < 0:
        return matrix_power(inv(A), -n)
    if n < 2:
        return A.clone() if n else eye(A.shape[-1], dtype=A.dtype, device=A.device).expand(A.shape).clone()
    half = matrix_power(A, n // 2)
    square = matmul(half, half)
    return matmul(square, A) if n % 2 else square


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The inner products of vectors along a dimension; shapes broadcast.

    Args:
        x: a tensor.
        y: a tensor.
        dim: the dimension of a vector.

    Returns:
        The broadcast shape without `dim`.
    """
    return sum_(mul(x, y), dim)


@numpy_names
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product of vectors of three numbers; shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor.
        dim: the dimension of a vector; None means the first of size 3.

    Returns:
        The broadcast shape.

    Raises:
        ValueError: the dimension has another size than 3, or the numbers of dimensions differ.
    """
    if input.ndim != other.ndim:
        raise ValueError(f"cross: expected as many dimensions of both, got {input.shape} and {other.shape}")
    a, b = broadcast_tensors(*operands(input, other))
    found = [d for d, n in enumerate(a.shape) if n == 3] if dim is None else [*dims(dim, a.ndim)]
    if not found or input.shape[found[0]] != 3 or other.shape[found[0]] != 3:
        raise ValueError(f"cross: expected vectors of 3, got {input.shape} and {other.shape}, dim {dim}")
    d = found[0]
    return sub(mul(roll(a, -1, d), roll(b, -2, d)), mul(roll(a, -2, d), roll(b, -1, d)))


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of three numbers: `cross`, along the last dimension unless another is given.

    Args:
        input: a tensor.
        other: a tensor.
        dim: the dimension of a vector.

    Returns:
        The broadcast shape.

    Raises:
        ValueError: the dimension has another size than 3, or the numbers of dimensions differ.
    """
    return cross(input, other, dim)
