"""Matrices as products of simpler ones: triangles, rotations, stretches."""

from __future__ import annotations

from typing import NamedTuple

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.index.slices import narrow
from minitransformer.ops.products.inverses import matrices, square
from minitransformer.ops.products.linalg import matmul
from minitransformer.ops.shape.joining import cat


class Factoring(Op):
    """What the factorings share. They have no relevance law, see `explain/without.py`."""

    reads = "inputs"

    def given(self, gs: Arrays, parts: Arrays) -> Arrays:
        """The cotangents of all outputs.

        Args:
            gs: the cotangents, None for some.
            parts: the outputs.

        Returns:
            Zeros in place of None.
        """
        return tuple(namespace(p).zeros_like(p) if g is None else g for g, p in zip(gs, parts, strict=True))


def _t(x: Array) -> Array:
    return x.swapaxes(-1, -2)


class Cholesky(Factoring):
    """L, a lower triangle, with A = L L^T.

    Source:
        Murray, "Differentiation of the Cholesky decomposition", arXiv 1602.07527, 2016, equation 9.
    """

    reads = "output"

    def forward(self, a: Array) -> Array:  # (.., n, n) -> (.., n, n)
        return namespace(a).linalg.cholesky(a)

    def vjp(
        self, g: Array, y: Array
    ) -> Arrays:  # S = L^-T P L^-1, P the triangle of L^T G with half its diagonal
        xp = namespace(y)
        p = xp.tril(_t(y) @ g) * (1 - 0.5 * xp.eye(y.shape[-1], dtype=y.dtype))
        s = xp.linalg.solve(_t(y), _t(xp.linalg.solve(_t(y), _t(p))))
        return ((s + _t(s)) / 2,)


class QR(Factoring):
    """Q with orthonormal columns and R, an upper triangle, with A = Q R; (.., n, m) with n >= m.

    Source:
        Walter and Lehmann, "Algorithmic differentiation of linear algebra functions", arXiv 1001.1654, 2010.
    """

    outputs = 2

    def forward(self, a: Array) -> Arrays:  # (.., n, m) -> (.., n, m), (.., m, m)
        return tuple(namespace(a).linalg.qr(a))

    def vjp(
        self, gs: Arrays, a: Array
    ) -> Arrays:  # dL/dA = (G_Q + Q M) R^-T, M from the lower triangle of R G_R^T - G_Q^T Q
        q, r = self.forward(a)
        gq, gr = self.given(gs, (q, r))
        lower = namespace(a).tril(r @ _t(gr) - _t(gq) @ q)
        below = namespace(a).tril(lower, -1)
        return (_t(namespace(a).linalg.solve(r, _t(gq + q @ (lower + _t(below))))),)


class Eigh(Factoring):
    """The eigenvalues of symmetric matrices, from the smallest on, and their eigenvectors, the columns of V.

    Args:
        triangle: "L" or "U", the triangle that is read.
    """

    outputs = 2

    def __init__(self, triangle: str):
        self.triangle = triangle

    def forward(self, a: Array) -> Arrays:  # (.., n, n) -> (.., n), (.., n, n)
        return tuple(namespace(a).linalg.eigh(a, UPLO=self.triangle))

    def vjp(self, gs: Arrays, a: Array) -> Arrays:  # dL/dA = V (V^T G_V / E + G_w) V^T, E_ij = w_j - w_i
        w, v = self.forward(a)
        gw, gv = self.given(gs, (w, v))
        inner = _diagonal(gw) if gs[1] is None else _apart(_t(v) @ gv, w) + _diagonal(gw)
        return (v @ ((inner + _t(inner)) / 2) @ _t(v),)  # the matrix is symmetric, and so is its gradient


class SVD(Factoring):
    """U, S and V^T with A = U S V^T: singular values from the largest on, U and V with orthonormal columns.

    Args:
        full: all n columns of U and m rows of V^T; those beyond min(n, m) are free, and have no gradient, as in PyTorch.

    Source:
        Townsend, "Differentiating the singular value decomposition", 2016.
    """

    outputs = 3

    def __init__(self, full: bool):
        self.full = full

    def forward(self, a: Array) -> Arrays:  # (.., n, m) -> (.., n, k), (.., k), (.., k, m)
        return tuple(namespace(a).linalg.svd(a, full_matrices=self.full))

    def vjp(self, gs: Arrays, a: Array) -> Arrays:
        parts, k = self.forward(a), min(a.shape[-2:])
        alone = gs[0] is None and gs[2] is None  # of singular values alone, which may be equal or 0
        (u, s, v_t), (gu, gs, gv_t) = (
            (left[..., :k], middle, right[..., :k, :])
            for left, middle, right in (parts, self.given(gs, parts))
        )
        d = u @ _diagonal(gs) @ v_t
        return (d if alone else d + self._of_vectors(u, s, v_t, gu, gv_t),)

    def _of_vectors(self, u: Array, s: Array, v_t: Array, gu: Array, gv_t: Array) -> Array:
        """What comes from the cotangents of U and V: within their columns, and outside of these."""
        of_u, of_v = _t(u) @ gu, v_t @ _t(gv_t)
        inner = _apart(of_u - _t(of_u), s * s) * s[..., None, :]
        inner = inner + s[..., None] * _apart(of_v - _t(of_v), s * s)
        outside_u = (gu - u @ of_u) / s[..., None, :] @ v_t
        outside_v = u @ ((gv_t - _t(of_v) @ v_t) / s[..., None])
        return u @ inner @ v_t + outside_u + outside_v


def _diagonal(x: Array) -> Array:
    """(.., n) -> (.., n, n)."""
    return x[..., None] * namespace(x).eye(x.shape[-1], dtype=x.dtype)


def _apart(x: Array, w: Array) -> Array:
    """x_ij / (w_j - w_i), and 0 for i = j."""
    xp = namespace(x)
    same = xp.eye(w.shape[-1], dtype=bool)
    return xp.where(same, 0, x / xp.where(same, 1, w[..., None, :] - w[..., None]))


class Rotation(NamedTuple):
    """What `qr` gives.

    Attributes:
        Q: orthonormal columns.
        R: an upper triangle.
    """

    Q: Tensor
    R: Tensor


class Eigen(NamedTuple):
    """What `eigh` gives.

    Attributes:
        eigenvalues: from the smallest on.
        eigenvectors: the columns.
    """

    eigenvalues: Tensor
    eigenvectors: Tensor


class Singular(NamedTuple):
    """What `svd` of `linalg` gives.

    Attributes:
        U: orthonormal columns.
        S: singular values, from the largest on.
        Vh: orthonormal rows.
    """

    U: Tensor
    S: Tensor
    Vh: Tensor


class SingularColumns(NamedTuple):
    """What `torch.svd` gives.

    Attributes:
        U: orthonormal columns.
        S: singular values, from the largest on.
        V: orthonormal columns.
    """

    U: Tensor
    S: Tensor
    V: Tensor


def linalg_cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The triangles L with A = L L^T, of symmetric matrices that are positive definite.

    Args:
        A: (.., n, n), float32 or float64.
        upper: give L^T, an upper triangle.

    Returns:
        (.., n, n).

    Raises:
        ValueError: the matrices are not square.
        numpy.linalg.LinAlgError: one is not positive definite.
    """
    lower: Tensor = Cholesky()(square("cholesky", A))
    return lower.mT if upper else lower


def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """The triangles L with A = L L^T: see `linalg_cholesky`.

    Args:
        input: (.., n, n), float32 or float64.
        upper: give L^T, an upper triangle.

    Returns:
        (.., n, n).

    Raises:
        ValueError: the matrices are not square.
        numpy.linalg.LinAlgError: one is not positive definite.
    """
    return linalg_cholesky(input, upper=upper)


def linalg_qr(A: Tensor, mode: str = "reduced") -> Rotation:
    """Q with orthonormal columns and R, an upper triangle, with A = Q R.

    Args:
        A: (.., n, m), float32 or float64.
        mode: "reduced" gives min(n, m) columns; "complete" gives n, and has a gradient only for n <= m.

    Returns:
        A pair (Q, R).

    Raises:
        ValueError: there are fewer than two dimensions, or the mode is another word.
        NotImplementedError: "complete", where it has no gradient, of a tensor that requires one; or "r".
    """
    A = matrices("qr", A)
    if mode == "r":
        raise NotImplementedError("qr: mode 'r' is not there; use 'reduced' and its second part")
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: expected mode 'reduced' or 'complete', got {mode!r}")
    n, m = A.shape[-2:]
    if mode == "complete" and n > m:
        if A.requires_grad:
            raise NotImplementedError("qr: mode 'complete' has no gradient for n > m; use 'reduced'")
        return Rotation(*map(Tensor, namespace(A.array).linalg.qr(A.array, mode="complete")))
    if n >= m:
        return Rotation(*QR()(A))
    q, r = QR()(narrow(A, -1, 0, n))  # the columns that are left are R's alone
    return Rotation(q, cat([r, matmul(q.mT, narrow(A, -1, n, m - n))], -1))


def qr(input: Tensor, some: bool = True) -> Rotation:
    """Q with orthonormal columns and R, an upper triangle: see `linalg_qr`.

    Args:
        input: (.., n, m), float32 or float64.
        some: the reduced form; False gives the complete one.

    Returns:
        A pair (Q, R).

    Raises:
        ValueError: there are fewer than two dimensions.
        NotImplementedError: the complete form, where it has no gradient, of a tensor that requires one.
    """
    return linalg_qr(input, "reduced" if some else "complete")


def eigh(A: Tensor, UPLO: str = "L") -> Eigen:
    """Eigenvalues and eigenvectors of symmetric matrices. Of equal eigenvalues, the vectors have no gradient.

    Args:
        A: (.., n, n), float32 or float64.
        UPLO: "L" or "U", the triangle that is read.

    Returns:
        A pair (eigenvalues, eigenvectors): (.., n), from the smallest on, and the columns of (.., n, n).

    Raises:
        ValueError: the matrices are not square, or `UPLO` is another letter.
    """
    if UPLO.upper() not in ("L", "U"):
        raise ValueError(f"eigh: expected UPLO 'L' or 'U', got {UPLO!r}")
    return Eigen(*Eigh(UPLO.upper())(square("eigh", A)))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, from the smallest on.

    Args:
        A: (.., n, n), float32 or float64.
        UPLO: "L" or "U", the triangle that is read.

    Returns:
        (.., n).

    Raises:
        ValueError: the matrices are not square, or `UPLO` is another letter.
    """
    return eigh(A, UPLO).eigenvalues


def linalg_svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Singular:
    """The singular values of matrices, and the vectors that belong to them. Of equal values, the vectors have no gradient.

    Args:
        A: (.., n, m), float32 or float64.
        full_matrices: give n columns and m rows, not min(n, m); those beyond have no gradient.
        driver: accepted as in PyTorch; no effect.

    Returns:
        (U, S, Vh) with A = U S Vh; S (.., min(n, m)) from the largest on.

    Raises:
        ValueError: there are fewer than two dimensions.
    """
    return Singular(*SVD(full_matrices)(matrices("svd", A)))


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> SingularColumns:
    """The singular values of matrices, and the vectors that belong to them, as columns: see `linalg_svd`.

    Args:
        input: (.., n, m), float32 or float64.
        some: min(n, m) columns, not all.
        compute_uv: only True; `linalg.svdvals` gives the values alone.

    Returns:
        (U, S, V) with A = U S V^T.

    Raises:
        ValueError: there are fewer than two dimensions.
        NotImplementedError: `compute_uv` is False.
    """
    if not compute_uv:
        raise NotImplementedError("svd: compute_uv=False is not there; use linalg.svdvals")
    u, s, v_t = linalg_svd(input, not some)
    return SingularColumns(u, s, v_t.mT)


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values of matrices, from the largest on.

    Args:
        A: (.., n, m), float32 or float64.
        driver: accepted as in PyTorch; no effect.

    Returns:
        (.., min(n, m)).

    Raises:
        ValueError: there are fewer than two dimensions.
    """
    return linalg_svd(A, False).S
