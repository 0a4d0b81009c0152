"""A product of matrices or vectors, added to a tensor."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.ops.creation.likes import zeros_like
from minitransformer.ops.elementwise.arithmetic import add, mul
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.operands import rounded_once
from minitransformer.ops.products.linalg import bmm, mm, mv, outer
from minitransformer.ops.reduce.sums import sum_
from minitransformer.ops.tensors.convert import cast, common_dtype


def _added(input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """beta * input + alpha * product; with beta 0 what is in `input` does not count."""
    if product.dtype.kind != "f" and (isinstance(beta, float) or isinstance(alpha, float)):
        raise RuntimeError(f"expected integers beta and alpha for integer tensors, got {beta} and {alpha}")
    dtype = common_dtype(input, product)
    product = product if alpha == 1 else mul(product, alpha)
    rest = input if beta == 1 else mul(input, beta) if beta else where(zeros_like(input) != 0, input, 0)
    return cast(add(product, rest), dtype)


@rounded_once
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2).

    Args:
        input: broadcasts to (n, m).
        mat1: (n, k).
        mat2: (k, m).
        beta: the factor of `input`; with 0, NaN and infinity in `input` do not count.
        alpha: the factor of the product.

    Returns:
        (n, m).

    Raises:
        ValueError: an operand of the product is no matrix, or the inner sizes differ.
        RuntimeError: the tensors are integers, and a factor is none.
    """
    return _added(input, mm(mat1, mat2), beta, alpha)


@rounded_once
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2).

    Args:
        input: broadcasts to (b, n, m).
        batch1: (b, n, k).
        batch2: (b, k, m).
        beta: the factor of `input`; with 0, NaN and infinity in `input` do not count.
        alpha: the factor of the product.

    Returns:
        (b, n, m).

    Raises:
        ValueError: an operand of the product has not 3 dimensions, or the sizes do not fit.
        RuntimeError: the tensors are integers, and a factor is none.
    """
    return _added(input, bmm(batch1, batch2), beta, alpha)


@rounded_once
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec).

    Args:
        input: broadcasts to (n,).
        mat: (n, m).
        vec: (m,).
        beta: the factor of `input`; with 0, NaN and infinity in `input` do not count.
        alpha: the factor of the product.

    Returns:
        (n,).

    Raises:
        ValueError: the operands of the product are others, or the sizes differ.
        RuntimeError: the tensors are integers, and a factor is none.
    """
    return _added(input, mv(mat, vec), beta, alpha)


@rounded_once
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * the sum over the batch of batch1 @ batch2.

    Args:
        input: broadcasts to (n, m).
        batch1: (b, n, k).
        batch2: (b, k, m).
        beta: the factor of `input`; with 0, NaN and infinity in `input` do not count.
        alpha: the factor of the sum.

    Returns:
        (n, m).

    Raises:
        ValueError: an operand of the product has not 3 dimensions, or the sizes do not fit.
        RuntimeError: the tensors are integers, and a factor is none.
    """
    return _added(input, cast(sum_(bmm(batch1, batch2), 0), batch1.dtype), beta, alpha)


@rounded_once
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * the products of all pairs of elements of two vectors.

    Args:
        input: broadcasts to (n, m).
        vec1: (n,).
        vec2: (m,).
        beta: the factor of `input`; with 0, NaN and infinity in `input` do not count.
        alpha: the factor of the products.

    Returns:
        (n, m).

    Raises:
        ValueError: an operand is no vector.
        RuntimeError: the tensors are integers, and a factor is none.
    """
    return _added(input, outer(vec1, vec2), beta, alpha)
