"""Norms, inverses, determinants and factorings of matrices, under the names of PyTorch's `linalg`."""

from __future__ import annotations

from numpy.linalg import LinAlgError

from minitransformer.ops.products.determinants import det, slogdet
from minitransformer.ops.products.factorings import eigh, eigvalsh, svdvals
from minitransformer.ops.products.factorings import linalg_cholesky as cholesky
from minitransformer.ops.products.factorings import linalg_qr as qr
from minitransformer.ops.products.factorings import linalg_svd as svd
from minitransformer.ops.products.inverses import inv, pinv, solve, solve_triangular
from minitransformer.ops.products.least_squares import lstsq, matrix_rank
from minitransformer.ops.products.linalg import matmul
from minitransformer.ops.products.matrices import linalg_cross as cross
from minitransformer.ops.products.matrices import matrix_power, multi_dot, vecdot
from minitransformer.ops.products.matrix_norms import linalg_norm as norm
from minitransformer.ops.products.matrix_norms import matrix_norm
from minitransformer.ops.reduce.norms import vector_norm

__all__ = [
    "LinAlgError",
    "cholesky",
    "cross",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "vecdot",
    "vector_norm",
]
