"""Inverses of matrices, and what is computed without them: solutions of linear equations."""

from __future__ import annotations

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.ops.index.masks import tril, triu
from minitransformer.ops.index.slices import diag_embed, diagonal
from minitransformer.ops.laws import unbroadcast
from minitransformer.ops.shape.fitting import broadcast_shapes


class Inverse(Op):
    """Y = A^-1. It has no relevance law, see `explain/without.py`."""

    reads = "output"

    def forward(self, a: Array) -> Array:  # (.., n, n) -> (.., n, n)
        return namespace(a).linalg.inv(a)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dL/dA = -Y^T G Y^T
        t = y.swapaxes(-1, -2)
        return (-t @ g @ t,)


class Solve(Op):
    """Y with A Y = B. It has no relevance law, see `explain/without.py`."""

    def forward(self, a: Array, b: Array) -> Array:  # (.., n, n), (.., n, m) -> (.., n, m)
        shape = broadcast_shapes(a.shape[:-2], b.shape[:-2])  # which not every library does by itself
        a, b = (namespace(t).broadcast_to(t, (*shape, *t.shape[-2:])) for t in (a, b))
        return namespace(a).linalg.solve(a, b)

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dL/dB = A^-T G, dL/dA = -dL/dB Y^T
        db = self.forward(a.swapaxes(-1, -2), g)
        da = unbroadcast(-db @ self.forward(a, b).swapaxes(-1, -2), a) if self.needs[0] else None
        return da, unbroadcast(db, b)


class PseudoInverse(Op):
    """Y = the inverse of A on what A reaches, and 0 elsewhere. It has no relevance law, see `explain/without.py`.

    Args:
        atol: the singular value up to which one counts as 0, a number or (.., 1).
        rtol: the part of the largest up to which one counts as 0, a number or (.., 1).

    Source:
        Golub and Pereyra, SIAM Journal on Numerical Analysis 10(2):413-432, 1973, for the derivative.
    """

    reads = "both"

    def __init__(self, atol: float | Array, rtol: float | Array):
        self.atol, self.rtol = atol, rtol

    def forward(self, a: Array) -> Array:  # (.., n, m) -> (.., m, n)
        xp = namespace(a)
        u, s, v = xp.linalg.svd(a, full_matrices=False)
        counts = s > xp.maximum(s[..., :1] * self.rtol, self.atol)
        inverse = xp.where(counts, 1 / xp.where(counts, s, 1), 0)
        return v.swapaxes(-1, -2) @ (inverse[..., None] * u.swapaxes(-1, -2))

    # dL/dA = -Y^T G Y^T + (1 - A Y) G^T Y Y^T + Y^T Y G^T (1 - Y A)
    def vjp(self, g: Array, y: Array, a: Array) -> Arrays:
        y_t, g_t = y.swapaxes(-1, -2), g.swapaxes(-1, -2)
        left, right = g_t @ y @ y_t, y_t @ y @ g_t
        return (-y_t @ g @ y_t + left - a @ (y @ left) + right - (right @ y) @ a,)


def square(name: str, A: Tensor) -> Tensor:
    """The input of a function of square matrices.

    Args:
        name: of the function, for the message.
        A: (.., n, n), floating-point.

    Returns:
        The same.

    Raises:
        ValueError: the last two sizes differ.
        TypeError: the dtype is not a floating-point one.
    """
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError(f"{name}: expected square matrices (.., n, n), got {A.shape}")
    return matrices(name, A)


def matrices(name: str, A: Tensor) -> Tensor:
    """The input of a function of matrices.

    Args:
        name: of the function, for the message.
        A: (.., n, m), floating-point.

    Returns:
        The same.

    Raises:
        ValueError: there are fewer than two dimensions.
        TypeError: the dtype is not a floating-point one.
    """
    if A.ndim < 2:
        raise ValueError(f"{name}: expected matrices (.., n, m), got {A.shape}")
    if A.dtype.kind not in FLOATS:
        raise TypeError(f"{name}: expected a floating-point tensor, got {A.dtype}; call .float() first")
    return A


def inv(A: Tensor) -> Tensor:
    """The inverses of matrices.

    Args:
        A: (.., n, n), float32 or float64.

    Returns:
        (.., n, n).

    Raises:
        ValueError: the matrices are not square.
        numpy.linalg.LinAlgError: one has no inverse.
    """
    return Inverse()(square("inv", A))


def inverse(input: Tensor) -> Tensor:
    """The inverses of matrices: `inv`.

    Args:
        input: (.., n, n), float32 or float64.

    Returns:
        (.., n, n).

    Raises:
        ValueError: the matrices are not square.
        numpy.linalg.LinAlgError: one has no inverse.
    """
    return inv(input)


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B, or with X A = B.

    Args:
        A: (.., n, n), float32 or float64.
        B: (.., n, m), or vectors (.., n), where .. are then the same dimensions as those of `A`.
        left: whether `A` stands on the left.

    Returns:
        The shape of `B`, broadcast with that of `A`.

    Raises:
        ValueError: the matrices are not square, or the sizes do not fit.
        RuntimeError: the dtypes differ.
        numpy.linalg.LinAlgError: `A` has no inverse.
    """
    if square("solve", A).dtype != B.dtype:
        raise RuntimeError(f"solve: expected one dtype, got {A.dtype} and {B.dtype}")
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    if vector:
        if not left:
            raise ValueError("solve: left=False takes matrices B, got vectors")
        return solve(A, B.unsqueeze(-1)).squeeze(-1)
    if B.ndim < 2 or B.shape[-2 if left else -1] != A.shape[-1]:
        raise ValueError(f"solve: sizes do not fit: {A.shape} and {B.shape}")
    return Solve()(A, B) if left else solve(A.mT, B.mT).mT


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with A X = B, where `A` counts as triangular.

    Args:
        A: (.., n, n), of which one triangle is read.
        B: (.., n, m).
        upper: whether that is the upper triangle.
        left: whether `A` stands on the left.
        unitriangular: whether its diagonal counts as ones.

    Returns:
        The shape of `B`, broadcast with that of `A`.

    Raises:
        ValueError: the matrices are not square, or the sizes do not fit.
        numpy.linalg.LinAlgError: `A` has no inverse.
    """
    if B.ndim < 2:
        raise ValueError(f"solve_triangular: expected matrices B (.., n, m), got {B.shape}")
    A = square("solve_triangular", A)
    triangle = triu(A, int(unitriangular)) if upper else tril(A, -int(unitriangular))
    if unitriangular:
        triangle = triangle + diag_embed(diagonal(A.detach(), 0, -2, -1) * 0 + 1)
    return solve(triangle, B, left=left)


def usual_rtol(A: Tensor) -> float:
    """The part of the largest singular value up to which rounding may leave one that is 0: the precision times max(n, m).

    Args:
        A: (.., n, m), floating-point.

    Returns:
        The part.
    """
    return float(2.0 ** (-52 if A.dtype.itemsize == 8 else -23)) * max(A.shape[-2:])


def symmetric(A: Tensor) -> Tensor:
    """Matrices of which the lower triangle alone is read.

    Args:
        A: (.., n, n).

    Returns:
        Symmetric ones with that triangle; the gradient passes as it is, to both triangles.
    """
    lower = tril(A.detach()) + tril(A.detach(), -1).mT
    return A + (lower - A.detach())


def pinv(
    A: Tensor,
    *,
    atol: float | Tensor | None = None,
    rtol: float | Tensor | None = None,
    hermitian: bool = False,
) -> Tensor:
    """The pseudo-inverses of Moore and Penrose.

    Args:
        A: (.., n, m), float32 or float64.
        atol: the singular value up to which one counts as 0, a number or one for each matrix (..); None means 0.
        rtol: the part of the largest up to which one counts as 0; None means the precision times max(n, m), or 0 beside an `atol`.
        hermitian: whether the matrices are symmetric, so that the lower triangle is read alone.

    Returns:
        (.., m, n).

    Raises:
        ValueError: there are fewer than two dimensions.
    """
    A = symmetric(square("pinv", A)) if hermitian else matrices("pinv", A)
    rtol = (usual_rtol(A) if atol is None else 0.0) if rtol is None else rtol
    limits = (
        t.array[..., None] if isinstance(t, Tensor) else t for t in (0.0 if atol is None else atol, rtol)
    )
    return PseudoInverse(*limits)(A)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverses of Moore and Penrose: `pinv`.

    Args:
        input: (.., n, m), float32 or float64.
        rcond: the part of the largest singular value up to which one counts as 0.

    Returns:
        (.., m, n).

    Raises:
        ValueError: there are fewer than two dimensions.
    """
    return pinv(input, rtol=rcond)
