"""07 Multi-head attention. Replace each `raise NotImplementedError`, then run `minitransformer check`.

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

import math

import numpy as np


def attention(q, k, v, mask=None):  # from lesson 06, yours to use
    """q: (..., T, d); k: (..., S, d); v: (..., S, dv); mask: (T, S) of True where a query may look -> (..., T, dv)."""
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])  # (..., T, S)
    if mask is not None:
        scores = np.where(mask, scores, scores.dtype.type(-np.inf))
    highest = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(highest), highest, 0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total) @ v


def split_heads(x, n_heads):
    """Cut the channels of every token into heads.

    x: (B, T, C), with C = n_heads * d. Returns (B, n_heads, T, d) of the same dtype: head 0 has the
    first d channels of each token, head 1 the next d, and so on.

    >>> split_heads(np.array([[[1, 2, 3, 4], [5, 6, 7, 8]]]), 2).tolist()
    [[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]]
    """
    raise NotImplementedError


def merge_heads(x):
    """Put the heads of every token side by side again: the inverse of split_heads.

    x: (B, H, T, d). Returns (B, T, H * d).

    >>> merge_heads(np.array([[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]])).tolist()
    [[[1, 2, 3, 4], [5, 6, 7, 8]]]
    """
    raise NotImplementedError


def concat_vjp(g, sizes, axis):
    """The gradients of arrays that were put side by side.

    With y = np.concatenate([a, b, ...], axis) and g = dL/dy, of y's shape, return a tuple, the
    gradients dL/da, dL/db, ... sizes: how long a, b, ... are along `axis`, a list; they may differ.
    axis: any axis of g, also a negative one.

    >>> concat_vjp(np.array([1.0, 2.0, 3.0]), [1, 2], 0)
    (array([1.]), array([2., 3.]))
    """
    raise NotImplementedError


def multi_head_attention(x, w_in, b_in, w_out, b_out, n_heads, mask=None):
    """Several attentions side by side, each with its own queries, keys and values.

        q, k, v = the three parts, C channels each, of  x w_in^T + b_in
        head_h  = softmax(q_h k_h^T / sqrt(d)) v_h    for the d = C / n_heads channels of head h
        result  = concat(head_0, head_1, ...) w_out^T + b_out

    x: (B, T, C); w_in: (3C, C), for q, then k, then v; b_in: (3C,); w_out: (C, C); b_out: (C,);
    n_heads divides C; mask: (T, T) of True where a query may look, or None for everywhere. Returns
    (B, T, C). `attention`, `split_heads` and `merge_heads` above are yours to use.

    >>> x = np.array([[[1.0, 2.0], [3.0, 6.0]]])
    >>> w_in = np.concatenate([np.zeros((4, 2)), np.eye(2)])  # q and k are zeros, v is x
    >>> multi_head_attention(x, w_in, np.zeros(6), np.eye(2), np.zeros(2), 2)
    array([[[2., 4.],
            [2., 4.]]])
    """
    raise NotImplementedError
