"""Norms of vectors and matrices, under the names of PyTorch's `linalg`."""

from __future__ import annotations

from minitransformer.ops.reduce.norms import linalg_norm as norm
from minitransformer.ops.reduce.norms import matrix_norm, vector_norm

__all__ = ["matrix_norm", "norm", "vector_norm"]
