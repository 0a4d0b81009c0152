"""Functions of whole matrices: inverses, determinants, factorings, and what is computed from them."""

from __future__ import annotations

from minitransformer.verify.case import OpCase
from minitransformer.verify.inputs import normal, positive


def _definite(lib, x):
    """A symmetric matrix whose eigenvalues are positive and apart."""
    return x @ x.mT + lib.diag(lib.arange(1, x.shape[-1] + 1).to(x.dtype))


def _triangle(lib, x):
    """Q and R as one, and the signs of Q's columns settled: they are free."""
    q, r = lib.linalg.qr(x)
    return lib.cat([lib.abs(q), lib.abs(r)], -2)


def _powers(torch, x):
    """What `vander` is: PyTorch's own has no gradient from the third power on."""
    return torch.stack([x**3, x**2, x, x**0], -1)


FACTORED = [  # what is computed from factors: by cuSOLVER on a GPU
    OpCase("inverse", lambda lib, x: lib.inverse(_definite(lib, x)), [normal(2, 3, 3)]),
    OpCase(
        "linalg.solve", lambda lib, a, b: lib.linalg.solve(_definite(lib, a), b), [normal(3, 3), normal(3, 2)]
    ),
    OpCase("pinverse", lambda lib, x: lib.pinverse(x), [normal(2, 4, 3)]),
    OpCase("linalg.lstsq", lambda lib, a, b: lib.linalg.lstsq(a, b)[0], [normal(5, 3), normal(5, 2)]),
    OpCase("det", lambda lib, x: lib.det(x), [normal(2, 3, 3)]),
    OpCase("logdet", lambda lib, x: lib.logdet(_definite(lib, x)), [normal(2, 3, 3)]),
    OpCase("slogdet", lambda lib, x: lib.slogdet(x)[1], [normal(3, 3)]),
    OpCase("cholesky", lambda lib, x: lib.linalg.cholesky(_definite(lib, x)), [normal(2, 3, 3)]),
    OpCase("qr", _triangle, [normal(2, 4, 3)]),
    OpCase("qr, wide", lambda lib, x: lib.abs(lib.linalg.qr(x)[1]), [normal(3, 5)]),
    OpCase("linalg.eigh", lambda lib, x: lib.abs(lib.linalg.eigh(_definite(lib, x))[1]), [normal(2, 3, 3)]),
    OpCase("linalg.eigvalsh", lambda lib, x: lib.linalg.eigvalsh(_definite(lib, x)), [normal(3, 3)]),
    OpCase("svd", lambda lib, x: lib.abs(lib.svd(x)[0]) @ lib.diag(lib.svd(x)[1]), [normal(4, 3)]),
    OpCase("linalg.svdvals", lambda lib, x: lib.linalg.svdvals(x), [normal(2, 3, 4)]),
    OpCase("linalg.matrix_norm, nuclear", lambda lib, x: lib.linalg.matrix_norm(x, "nuc"), [normal(2, 3, 4)]),
]

MATRICES = [
    *FACTORED,
    OpCase("matrix_power", lambda lib, x: lib.linalg.matrix_power(x, 3), [normal(2, 3, 3)]),
    OpCase(
        "chain_matmul", lambda lib, *t: lib.linalg.multi_dot(t), [normal(2, 3), normal(3, 4), normal(4, 2)]
    ),
    OpCase("cross", lambda lib, a, b: lib.cross(a, b, 1), [normal(2, 3), normal(2, 3)]),
    OpCase("cov", lambda lib, x: lib.cov(x), [normal(3, 5)]),
    OpCase("corrcoef", lambda lib, x: lib.corrcoef(x), [normal(3, 5)]),
    OpCase("vander", lambda lib, x: lib.vander(x, 4), [positive(3)], _powers),
]
