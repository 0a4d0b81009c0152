"""Attention on the host, one block of queries at a time: under a causal mask a block's products leave out all later keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

QUERY_BLOCK = 64


def query_blocks(n_queries: int, n_keys: int, causal: bool) -> Iterator[tuple[slice, slice]]:
    """Blocks of queries, each with the keys that its last query may attend to: causal blocks skip all later keys."""
    step = QUERY_BLOCK if causal else max(n_queries, 1)
    for i in range(0, n_queries, step):
        j = min(i + step, n_queries)
        yield slice(i, j), slice(0, min(j, n_keys) if causal else n_keys)


def attention_vjp(
    g: np.ndarray,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    p: np.ndarray,
    causal: bool,
    keep: np.ndarray | None,
    of_scores: Callable[[slice, slice], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`reference.attention_vjp`; `of_scores` gives a block's cotangents of q k^T, from its queries and the keys that they see."""
    dq, dk, dv = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)
    for rows, seen in query_blocks(p.shape[-2], p.shape[-1], causal):
        ds, s = of_scores(rows, seen), p[..., rows, seen]
        np.matmul(ds, k[..., seen, :], out=dq[..., rows, :])
        _add_product(dk[..., seen, :], ds, q[..., rows, :], rows)
        _add_product(
            dv[..., seen, :], s if keep is None else s * keep[..., rows, seen], g[..., rows, :], rows
        )
    return dq, dk, dv


def _add_product(total: np.ndarray, a: np.ndarray, b: np.ndarray, rows: slice) -> None:
    """total += A^T B; total is 0 before the first block of rows, which is written without an addition."""
    if rows.start:
        total += np.matmul(a.swapaxes(-1, -2), b)
    else:
        np.matmul(a.swapaxes(-1, -2), b, out=total)
