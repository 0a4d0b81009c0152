"""Scaled dot-product attention, twice: in clear ops, and as one op that keeps less and runs faster."""

from __future__ import annotations

import math

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, bool_, namespace
from minitransformer.errors import check_device
from minitransformer.ops.books import Books
from minitransformer.ops.elementwise.arithmetic import Add, mul
from minitransformer.ops.index.masks import masked_fill
from minitransformer.ops.index.picking import repeat_interleave
from minitransformer.ops.laws import Remembers, widened
from minitransformer.ops.networks.dropout import Dropout, drawn_scale, dropout
from minitransformer.ops.networks.softmax import Softmax, softmax
from minitransformer.ops.precision import lowered
from minitransformer.ops.products.linalg import MatMul, matmul
from minitransformer.ops.shape.layout import transpose


def attention_scores(
    query: Tensor, key: Tensor, mask: Tensor | None, is_causal: bool, scale: float
) -> Tensor:
    """How well each query fits each key.

    Args:
        query: (.., T, d).
        key: (.., S, d).
        mask: added to the scores, or boolean and True where a query may look; broadcasts to (.., T, S). None means no mask.
        is_causal: whether query t looks at keys 0 to t only.
        scale: what the scores are multiplied by.

    Returns:
        (.., T, S), -inf where a query may not look.
    """
    scores = mul(matmul(query, transpose(key, -2, -1)), scale)  # (.., T, S)
    if is_causal:
        seen = kernels.of(query.array).causal_mask(namespace(query.array), *scores.shape[-2:])
        scores = masked_fill(scores, Tensor(~seen), -math.inf)
    if mask is None:
        return scores
    return masked_fill(scores, ~mask, -math.inf) if mask.dtype == bool_ else scores + mask


def clear_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """softmax(scale Q K^T + mask) V and its weights, one idea a line.

    Args:
        query: (.., T, d).
        key: (.., S, d).
        value: (.., S, e).
        mask: as in `attention_scores`.
        dropout_p: the probability that a weight is set to 0.
        is_causal: as in `attention_scores`.
        scale: as in `attention_scores`; None means 1 / sqrt(d).

    Returns:
        The output (.., T, e) and the attention weights (.., T, S).

    Source:
        Vaswani et al., NeurIPS 2017, equation 1.
    """
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = attention_scores(query, key, mask, is_causal, scale)  # (.., T, S)
    weights = softmax(scores, -1)  # (.., T, S), rows sum to one
    return matmul(dropout(weights, dropout_p), value), weights  # (.., T, d_v)


def _dot(a: Array, b: Array) -> Array:  # (.., T, S), (.., T, S) -> (.., T)
    return namespace(a).einsum("...i,...i->...", a, b)


class Attention(Remembers):
    """softmax(scale Q K^T + mask) V as one op. (.., T, d), (.., S, d), (.., S, e) -> (.., T, e).

    The gradient is computed in one function; relevance is that of the clear form, through its two products and its softmax.

    Args:
        mask: added to the scores, or boolean and True where a query may look; broadcasts to (.., T, S). None means no mask.
        is_causal: whether query t looks at keys 0 to t only.
        scale: what the scores are multiplied by.
        keep: the factors of dropout (.., T, S), 0 or 1 / (1 - p); None means no dropout.

    Source:
        Vaswani et al., NeurIPS 2017, equation 1.
    """

    def __init__(self, mask: Array | None, is_causal: bool, scale: float, keep: Array | None = None):
        # keep: dropout's factors (.., T, S)
        self.mask, self.is_causal, self.scale, self.keep = mask, is_causal, scale, keep

    # (.., T, d), (.., S, d), (.., S, e) -> (.., T, e)
    def forward(self, q: Array, k: Array, v: Array) -> Array:
        y, *weights = kernels.of(q).attention(q, k, v, self.mask, self.is_causal, self.scale, self.keep)
        self.remember((q, k, v), weights)
        return y

    # with weights P and H = G @ V^T: dL/dV = P^T @ G, and D = P * (H - row sums of P * H) for the scores:
    # dL/dQ = scale D @ K, dL/dK = scale D^T @ Q
    def vjp(self, g: Array, q: Array, k: Array, v: Array) -> Arrays:
        (weights,) = self.recalled(q, k, v)
        parts: Arrays = kernels.of(q).attention_vjp(
            g, q, k, v, weights, self.is_causal, self.scale, self.keep
        )
        return parts

    def _kept(self, weights: Array) -> Array:
        return weights if self.keep is None else weights * self.keep

    # as the clear form: through the product with v, the softmax, the mask and the product of queries and keys
    def relprop(self, r: Array, books: Books, q: Array, k: Array, v: Array) -> Arrays:
        (p,) = self.recalled(q, k, v)
        from_weights = MatMul()
        from_scores = MatMul()
        from_weights.needs = (any(self.needs[:2]), self.needs[2])
        from_scores.needs = self.needs[:2]
        to_p, to_v = from_weights.relprop(r, books, self._kept(p), v)
        if to_p is None:
            return None, None, to_v
        to_scores = self._to_scores(to_p, books, p, q, k)
        to_q, to_k = from_scores.relprop(to_scores, books, q, k.swapaxes(-1, -2))
        return to_q, None if to_k is None else to_k.swapaxes(-1, -2), to_v

    # a mask that is added keeps its share
    def _to_scores(self, r: Array, books: Books, p: Array, q: Array, k: Array) -> Array:
        added = self.mask is not None and self.mask.dtype != bool_
        mask = None if added or self.mask is None else Tensor(self.mask)
        scores = attention_scores(Tensor(q), Tensor(k), mask, self.is_causal, self.scale).array
        if not added:
            return Softmax(-1).relprop(r, books, p, scores)[0]
        (r,) = Softmax(-1).relprop(r, books, p, scores + self.mask)
        to_scores, to_mask = Add().relprop(r, books, scores, self.mask)
        books.absorb("bias", to_mask)
        return to_scores

    # half to each side of a product, if both are explained
    def modified(self, g: Array, books: Books, q: Array, k: Array, v: Array) -> Arrays:
        matmul = kernels.of(g).matmul
        from_weights = any(self.needs[:2])
        p = widened(*self.recalled(q, k, v))  # (.., T, S)
        g = g / 2 if from_weights and self.needs[2] else g
        dv = matmul(self._kept(p).swapaxes(-1, -2), g) if self.needs[2] else None
        if not from_weights:
            return None, None, dv
        scores = matmul(q * self.scale, k.swapaxes(-1, -2))  # (.., T, S)
        ds = self._modified_scores(self._kept(matmul(g, v.swapaxes(-1, -2))), p, scores, books)  # (.., T, S)
        ds *= self.scale / 2 if all(self.needs[:2]) else self.scale
        dq = matmul(ds, k) if self.needs[0] else None
        dk = matmul(ds.swapaxes(-1, -2), q) if self.needs[1] else None
        return dq, dk, dv

    # the softmax's own gradient; what the tangent leaves out, and a mask, are absorbed
    def _modified_scores(self, g: Array, p: Array, x: Array, books: Books) -> Array:
        added = self.mask is not None and self.mask.dtype != bool_
        x = x + books.finite(self.mask) if added else x
        r = g * p  # both 0 for what may not be seen
        total = _dot(g, p)
        books.absorb("softmax", total * (1 + _dot(p, x)) - _dot(r, x))
        ds = r - p * total[..., None]
        if added:
            books.absorb("bias", ds * books.finite(self.mask))
        return ds

    def clear(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """This op in clear ops."""
        mask = None if self.mask is None else Tensor(self.mask)
        weights = softmax(attention_scores(q, k, mask, self.is_causal, self.scale), -1)
        return matmul(weights if self.keep is None else Dropout(self.keep)(weights), v)


def _for_each_head(query: Tensor, shared: Tensor) -> Tensor:
    """Keys or values (.., G, S, d), whose heads groups of heads of the queries (.., H, T, d) share, as (.., H, S, d)."""
    if query.ndim < 3 or shared.ndim < 3 or not shared.shape[-3] or query.shape[-3] % shared.shape[-3]:
        raise ValueError(
            f"attention: {shared.shape} has no head for each group of heads of query {query.shape}"
        )
    return repeat_interleave(shared, query.shape[-3] // shared.shape[-3], -3)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(Q K^T scale + mask) V.

    Args:
        query: Q (.., T, d).
        key: K (.., S, d).
        value: V (.., S, e).
        attn_mask: broadcasts to (.., T, S); boolean, True where attention is allowed, or a float that is added to the
            scores.
        dropout_p: the probability with which an attention weight is dropped.
        is_causal: let each query attend only to keys that do not come after it.
        scale: the factor of the scores; None means 1 / sqrt(d).
        enable_gqa: whether groups of heads, in the dimension before T and S, share a head of K and V.

    Returns:
        (.., T, e). A query that may attend to no key gives zeros.

    Raises:
        ValueError: the shapes do not fit.
        TypeError: the mask is neither boolean nor floating-point.

    Source:
        Vaswani et al., NeurIPS 2017, section 3.2.1.
    """
    if enable_gqa:
        key, value = _for_each_head(query, key), _for_each_head(query, value)
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"attention: query {query.shape}, key {key.shape}, value {value.shape} do not fit together"
        )
    if attn_mask is not None and attn_mask.dtype.kind not in "bfV":
        raise TypeError(f"attention: expected a bool or float mask, got {attn_mask.dtype}")
    if attn_mask is not None:
        check_device("attention", query, attn_mask)
    query, key, value, attn_mask = lowered(query, key, value, attn_mask)
    one_batch = query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
    if not one_batch or (attn_mask is not None and attn_mask.requires_grad):
        return clear_attention(query, key, value, attn_mask, dropout_p, is_causal, scale)[0]
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    keep = drawn_scale(dropout_p, query.array, (*query.shape[:-1], key.shape[-2])) if dropout_p else None
    return Attention(None if attn_mask is None else attn_mask.array, is_causal, scale, keep)(
        query, key, value
    )
