"""08 The Transformer encoder. Replace each `raise NotImplementedError`, then run `minitransformer check`.

Where the task shows an array, return an array, not a list, and where it names several results, a tuple of them.
"""

import math

import numpy as np


# from lesson 06: (..., T, d), (..., S, d), (..., S, dv), (T, S) -> (..., T, dv)
def attention(q, k, v, mask=None):
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])  # (..., T, S)
    if mask is not None:
        scores = np.where(mask, scores, scores.dtype.type(-np.inf))
    highest = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - np.where(np.isfinite(highest), highest, 0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total) @ v


def multi_head_attention(x, w_in, b_in, w_out, b_out, n_heads, mask=None):  # from lesson 07, yours to use
    """x: (B, T, C); w_in: (3C, C); b_in: (3C,); w_out: (C, C); b_out: (C,); mask: (T, T), True: may look -> (B, T, C)."""
    B, T, C = x.shape
    parts = np.split(x @ w_in.T + b_in, 3, axis=-1)  # q, k, v: (B, T, C) each
    # (B, H, T, d) each
    q, k, v = (part.reshape(B, T, n_heads, C // n_heads).transpose(0, 2, 1, 3) for part in parts)
    heads = attention(q, k, v, mask)  # (B, H, T, d)
    return heads.transpose(0, 2, 1, 3).reshape(B, T, C) @ w_out.T + b_out


def layer_norm(x, weight, bias, eps=1e-5):
    """Give every vector mean 0 and variance 1, then multiply each channel by a weight and add a bias.

        y = (x - mean) / sqrt(var + eps) * weight + bias,    var = mean of (x - mean)^2

    x: (..., C), a vector of C channels for each token; mean and var are taken over the channels of
    each token alone. weight, bias: (C,). Returns (..., C), exact also where the mean is large; x stays
    as it is.

    >>> layer_norm(np.array([[1.0, 3.0]]), np.array([1.0, 10.0]), np.array([0.0, 5.0]), eps=0.0)
    array([[-1., 15.]])
    """
    centred = x - x.mean(axis=-1, keepdims=True)  # (..., C)
    var = (centred * centred).mean(axis=-1, keepdims=True)  # (..., 1)
    return centred / np.sqrt(var + eps) * weight + bias


def layer_norm_vjp(g, x, weight, eps=1e-5):
    """The gradients of layer_norm: in x, in weight and in bias.

    With y = layer_norm(x, weight, bias, eps) and g = dL/dy, both (..., C), return dL/dx (..., C),
    dL/dweight (C,) and dL/dbias (C,). With s = sqrt(var + eps), z = (x - mean) / s and h = g * weight:

        dL/dx      = (h - mean(h) - z * mean(h * z)) / s,    means over the channels of each token
        dL/dweight = sum over all tokens of g * z
        dL/dbias   = sum over all tokens of g

    >>> layer_norm_vjp(np.array([[1.0, 0.0]]), np.array([[-1.0, 1.0]]), np.array([2.0, 2.0]), eps=0.0)
    (array([[0., 0.]]), array([-1.,  0.]), array([1., 0.]))
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    s = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)  # (..., 1)
    z = centred / s  # (..., C)
    h = g * weight  # (..., C)
    dx = (h - h.mean(axis=-1, keepdims=True) - z * (h * z).mean(axis=-1, keepdims=True)) / s
    tokens = tuple(range(x.ndim - 1))  # all axes but the last
    return dx, (g * z).sum(axis=tokens), g.sum(axis=tokens)


def feed_forward(x, w1, b1, w2, b2):
    """Two linear maps with a ReLU between them, for each token separately.

        relu(x w1^T + b1) w2^T + b2,    relu(a) = a where a > 0, and 0 elsewhere

    x: (..., C); w1: (F, C); b1: (F,); w2: (C, F); b2: (C,). Returns (..., C).

    >>> w = np.array([[1.0], [-1.0]])  # relu(a) + relu(-a) is |a|
    >>> feed_forward(np.array([[-3.0], [2.0]]), w, np.zeros(2), np.ones((1, 2)), np.zeros(1))
    array([[3.],
           [2.]])
    """
    return np.maximum(x @ w1.T + b1, 0) @ w2.T + b2


def encoder_block(x, p, n_heads, mask=None, norm_first=False):
    """One layer of a Transformer encoder: attention, then the network, each added to its input.

        x = norm1(x + attend(x))                                  x = x + attend(norm1(x))
        x = norm2(x + feed_forward(x))      or, norm_first,       x = x + feed_forward(norm2(x))

    x: (B, T, C). mask: (T, T) of True where a query may look, or None. Returns (B, T, C). p: a
    dictionary of arrays, under PyTorch's names:
        self_attn.in_proj_weight (3C, C), self_attn.in_proj_bias (3C,),
        self_attn.out_proj.weight (C, C), self_attn.out_proj.bias (C,),
        linear1.weight (F, C), linear1.bias (F,), linear2.weight (C, F), linear2.bias (C,),
        norm1.weight, norm1.bias, norm2.weight, norm2.bias (C,) each
    `multi_head_attention`, `layer_norm` and `feed_forward` above are yours to use.

    >>> p = {"self_attn.in_proj_weight": np.zeros((6, 2)), "self_attn.in_proj_bias": np.zeros(6)}
    >>> p |= {"self_attn.out_proj.weight": np.zeros((2, 2)), "self_attn.out_proj.bias": np.zeros(2)}
    >>> p |= {"linear1.weight": np.zeros((8, 2)), "linear1.bias": np.zeros(8)}
    >>> p |= {"linear2.weight": np.zeros((2, 8)), "linear2.bias": np.array([10.0, 20.0])}
    >>> for norm in ("norm1", "norm2"):
    ...     p |= {f"{norm}.weight": np.ones(2), f"{norm}.bias": np.zeros(2)}
    >>> x = np.array([[[1.0, 2.0]]])
    >>> encoder_block(x, p, 1, norm_first=True)  # attention adds 0, the network its bias
    array([[[11., 22.]]])
    """
    names = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")

    def norm(i, x):
        return layer_norm(x, p[f"norm{i}.weight"], p[f"norm{i}.bias"])

    def attend(x):
        return multi_head_attention(x, *(p[f"self_attn.{name}"] for name in names), n_heads, mask)

    def think(x):
        return feed_forward(x, p["linear1.weight"], p["linear1.bias"], p["linear2.weight"], p["linear2.bias"])

    if norm_first:
        x = x + attend(norm(1, x))
        return x + think(norm(2, x))
    x = norm(1, x + attend(x))
    return norm(2, x + think(x))
