"""Attention on the host, one block of queries at a time: under a causal mask a block's products leave out all later keys."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

QUERY_BLOCK = 64


def query_blocks(n_queries: int, n_keys: int, causal: bool) -> Iterator[tuple[slice, slice]]:
    """Blocks of queries, each with the keys that its last query may attend to: causal blocks skip all later keys."""
    step = QUERY_BLOCK if causal else max(n_queries, 1)
    for i in range(0, n_queries, step):
        j = min(i + step, n_queries)
        yield slice(i, j), slice(0, min(j, n_keys) if causal else n_keys)


def add_product(total: np.ndarray, a: np.ndarray, b: np.ndarray, rows: slice) -> None:
    """total += A^T B; total is 0 before the first block of rows, which is written without an addition."""
    if rows.start:
        total += np.matmul(a.swapaxes(-1, -2), b)
    else:
        np.matmul(a.swapaxes(-1, -2), b, out=total)
