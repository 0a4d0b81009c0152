"""The rank of matrices, and the solutions that come nearest to equations which have none."""

from __future__ import annotations

from typing import NamedTuple

from minitransformer.autograd import Tensor
from minitransformer.ops.creation.likes import new_empty
from minitransformer.ops.elementwise.choice import maximum, where
from minitransformer.ops.elementwise.powers import square as squared
from minitransformer.ops.products.factorings import svdvals
from minitransformer.ops.products.inverses import matrices, pinv, square, symmetric, usual_rtol
from minitransformer.ops.products.linalg import matmul
from minitransformer.ops.reduce.sums import sum_


class LeastSquares(NamedTuple):
    """What `lstsq` gives.

    Attributes:
        solution: X.
        residuals: the sums of squares of A X - B down the columns, where there are more equations than unknowns; else empty.
        rank: of A.
        singular_values: empty, as by PyTorch's usual driver.
    """

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def matrix_rank(
    A: Tensor,
    tol: float | Tensor | None = None,
    hermitian: bool = False,
    *,
    atol: float | Tensor | None = None,
    rtol: float | Tensor | None = None,
) -> Tensor:
    """How many singular values of matrices are not 0.

    Args:
        A: (.., n, m), float32 or float64.
        tol: the same as `atol`.
        hermitian: whether the matrices are symmetric, so that the lower triangle is read alone.
        atol: the singular value up to which one counts as 0, a number or one for each matrix (..); None means 0.
        rtol: the part of the largest up to which one counts as 0; None means the precision times max(n, m), or 0 beside an `atol`.

    Returns:
        int64, (..).

    Raises:
        ValueError: there are fewer than two dimensions.
    """
    A = symmetric(square("matrix_rank", A)) if hermitian else matrices("matrix_rank", A)
    values = svdvals(A.detach())
    least = _least(values[..., :1], tol if atol is None else atol, rtol, usual_rtol(A))
    return sum_(values > least, -1)


def _least(largest: Tensor, atol: float | Tensor | None, rtol: float | Tensor | None, usual: float) -> Tensor:
    """Up to which singular values one counts as 0, (.., 1) of the largest (.., 1)."""
    atol, rtol = (t.unsqueeze(-1) if isinstance(t, Tensor) and t.ndim else t for t in (atol, rtol))
    atol = 0.0 if atol is None else atol
    if rtol is None:
        given = atol > 0
        rtol = where(given, 0.0, usual) if isinstance(given, Tensor) else usual * (not given)
    return maximum(largest * rtol, largest * 0 + atol)


def lstsq(A: Tensor, B: Tensor, *, rcond: float | None = None, driver: str | None = None) -> LeastSquares:
    """X for which the sum of squares of A X - B is the least; of several the one that is itself the smallest.

    Args:
        A: (.., n, m), float32 or float64.
        B: (.., n, k).
        rcond: the part of the largest singular value up to which one counts as 0; None means the precision times max(n, m).
        driver: accepted as in PyTorch; no effect.

    Returns:
        (solution, residuals, rank, singular_values).

    Raises:
        ValueError: there are fewer than two dimensions, or the sizes do not fit.
    """
    A, B = matrices("lstsq", A), matrices("lstsq", B)
    if A.shape[-2] != B.shape[-2]:
        raise ValueError(f"lstsq: expected as many rows, got {A.shape} and {B.shape}")
    solution, rank, none = matmul(pinv(A, rtol=rcond), B), matrix_rank(A, rtol=rcond), new_empty(A, 0)
    known = A.shape[-2] > A.shape[-1] and bool((rank == A.shape[-1]).all())
    residuals = sum_(squared(matmul(A, solution) - B), -2) if known else none
    return LeastSquares(solution, residuals, rank, none)
