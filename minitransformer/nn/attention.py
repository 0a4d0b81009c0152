"""Multi-head attention: several small attentions side by side, each with its own view of the vectors."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.backends import bool_
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.cache import AttentionCache
from minitransformer.nn.hooks import attention_weights
from minitransformer.nn.linear import Linear
from minitransformer.nn.masking import check_mask, later_keys, looks_causal, merge
from minitransformer.nn.module import Module
from minitransformer.ops.attention import clear_attention
from minitransformer.ops.creation import ones, zeros
from minitransformer.ops.heads import merge_heads, split_heads
from minitransformer.ops.index import triu
from minitransformer.ops.shape import cat


def _holds(attn_mask: Tensor | None, shown: bool) -> bool:
    """Whether the hint `is_causal` may stand for a mask: where weights are shown or padding is hidden, PyTorch takes the mask."""
    return attn_mask is None or not shown or looks_causal(attn_mask)


class MultiheadAttention(Module):
    """concat(head_1, .., head_H) W_O^T, head_h = softmax(Q_h K_h^T / sqrt(d)) V_h, d = embed_dim / num_heads.

    Vaswani et al., NeurIPS 2017, 3.2.2. Q, K, V come from one weight `in_proj_weight` (3 embed_dim, embed_dim), or, if
    keys or values have sizes `kdim`, `vdim` of their own, from `q_proj_weight`, `k_proj_weight`, `v_proj_weight`; then
    `in_proj_bias` (3 embed_dim,). Every query also sees, after all others, a learned key `bias_k` (1, 1, embed_dim) and value
    `bias_v` with `add_bias_kv`, and a key and a value of zeros with `add_zero_attn`. Raises ValueError if `num_heads` does not
    divide `embed_dim`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: str | None = None,
        dtype=None,
    ):
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"embed_dim must be a multiple of num_heads, got {embed_dim} and {num_heads}")
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        made = {"device": device, "dtype": dtype}
        for name, shape in self._weight_shapes().items():
            self.register_parameter(name, None if shape is None else init.parameter(*shape, **made))
        self.register_parameter("in_proj_bias", init.parameter(3 * embed_dim, **made) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, **made)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, init.parameter(1, 1, embed_dim, **made) if add_bias_kv else None)
        self.reset_parameters()

    def _weight_shapes(self) -> dict[str, tuple[int, int] | None]:
        own = {"q_proj_weight": self.embed_dim, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        together = set(own.values()) == {self.embed_dim}
        shapes = {name: None if together else (self.embed_dim, size) for name, size in own.items()}
        return {"in_proj_weight": (3 * self.embed_dim, self.embed_dim) if together else None, **shapes}

    def reset_parameters(self) -> None:
        """Draw the projections anew: Xavier for the weights, zeros for the biases."""
        for name in self._weight_shapes():
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        self.out_proj.reset_parameters()
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for added in (self.bias_k, self.bias_v):
            if added is not None:
                init.xavier_normal_(added)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
        *,
        cache: AttentionCache | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Each query's mix of the values, and the weights of the mix, averaged over heads if asked.

        `query` (T, B, embed_dim), `key` and `value` (S, B, ..), B before T and S if `batch_first`, or without B -> the
        shape of `query`, and (B, T, S) or (B, H, T, S), or None without `need_weights`, which is faster.
        `key_padding_mask` (B, S) and `attn_mask` (T, S) or (B H, T, S): True where attention is *not* allowed, or
        scores to add. `is_causal`: a query sees no key after its own place, and `attn_mask`, if given, says just that.
        The heads of a query that may see nothing are zeros. Keys that the module adds are seen by all, no mask speaks of
        them, and S in the weights counts them.

        With a `cache`, query, key and value are of the tokens that follow the cached ones, attention is causal, and
        masks speak of all keys. Raises ValueError, TypeError if sizes or dtypes do not fit.
        """
        self._check(query, key, value)
        q, k, v = self._project(query, key, value)  # (B, H, T, d), twice (B, H, S, d)
        is_causal = is_causal and _holds(attn_mask, need_weights or key_padding_mask is not None)
        adds = self.bias_k is not None or self.add_zero_attn
        past = 0 if cache is None else len(cache)
        causal = is_causal if cache is None else past == 0  # later `mask` says it
        masks = key_padding_mask, None if is_causal else attn_mask
        mask = self._mask(q, past + k.shape[-2], *masks, past, causal and adds)
        if cache is not None:
            k, v = cache.append(k, v)
        if adds:
            k, v, mask = self._add_seen(k, self.bias_k), self._add_seen(v, self.bias_v), self._open(mask)
        heads, weights = self._attend(q, k, v, mask, causal and not adds, need_weights)
        shown = weights.mean(-3) if need_weights and average_attn_weights else weights
        return self.out_proj(merge_heads(heads, self.batch_first)), shown if need_weights else None

    # (.., E) -> (B, H, T, d) each
    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        if self.in_proj_weight is not None and query is key and key is value:  # one product for all three
            return self._split(F.linear(query, self.in_proj_weight, self.in_proj_bias), 3)
        own = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        weights = own if self.in_proj_weight is None else self.in_proj_weight.chunk(3)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        return tuple(
            self._split(F.linear(x, w, b))
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        )

    def _split(self, x: Tensor, parts: int = 1):  # (B, T, parts E) -> (B, H, T, d) each
        return split_heads(x, self.num_heads, parts, self.batch_first)

    def _add_seen(self, x: Tensor, learned: Tensor | None) -> Tensor:
        """Keys or values and after them what the module adds. (B, H, S, d), (1, 1, E) -> (B, H, S + 1 or 2, d)."""
        like = (*x.shape[:-2], 1, self.head_dim)
        learned = [] if learned is None else [learned.reshape(self.num_heads, 1, self.head_dim).expand(*like)]
        return cat([x, *learned, *[zeros(*like, dtype=x.dtype, device=x.device)] * self.add_zero_attn], -2)

    def _open(self, mask: Tensor | None) -> Tensor | None:
        """The mask with what the module adds allowed to all. (.., S) -> (.., S + 1 or 2)."""
        n = (self.bias_k is not None) + self.add_zero_attn
        return mask if mask is None else F.pad(mask, (0, n), value=float(mask.dtype == bool_))

    def _mask(
        self, q: Tensor, n_keys: int, key_padding_mask, attn_mask, past: int, causal: bool
    ) -> Tensor | None:
        """All that is not allowed, as one mask that broadcasts to (B, H, T, S); what is later, too, if it is to say that."""
        *batch, heads, n_queries, _ = q.shape
        masks = []
        if attn_mask is not None:
            each_head = (math.prod(batch) * heads, n_queries, n_keys)
            check_mask("attn_mask", attn_mask, (n_queries, n_keys), each_head)
            masks.append(attn_mask if attn_mask.ndim == 2 else attn_mask.view(*q.shape[:-1], n_keys))
        if key_padding_mask is not None:
            check_mask("key_padding_mask", key_padding_mask, (*batch, n_keys))
            masks.append(key_padding_mask.view(*batch, 1, 1, n_keys))
        if past and n_queries > 1:
            masks.append(later_keys(n_queries, n_keys, q.device))
        if causal:
            masks.append(triu(ones(n_queries, n_keys, dtype=bool_, device=q.device), 1))
        return merge(masks, q.dtype)

    def _attend(self, q, k, v, mask, is_causal: bool, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        """The heads' outputs (B, H, T, d), and their weights (B, H, T, S) if someone wants to see them."""
        dropout, record = self.dropout if self.training else 0.0, attention_weights.get()
        if not need_weights and record is None:
            return F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal), None
        heads, weights = clear_attention(q, k, v, mask, dropout, is_causal)
        if record is not None:
            record(weights)
        return heads, weights

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        shapes, sizes = (query.shape, key.shape, value.shape), (self.embed_dim, self.kdim, self.vdim)
        got = "got query {}, key {}, value {}".format(*shapes)
        if (
            len({len(s) for s in shapes}) > 1
            or query.ndim not in (2, 3)
            or tuple(s[-1] for s in shapes) != sizes
        ):
            raise ValueError(
                f"MultiheadAttention: expected 2 or 3 dimensions, the last of sizes {sizes}, {got}"
            )
        batch = 0 if self.batch_first else 1
        if key.shape[:-1] != value.shape[:-1] or (query.ndim == 3 and query.shape[batch] != key.shape[batch]):
            raise ValueError(
                f"MultiheadAttention: expected one batch size (dimension {batch}), a value a key, {got}"
            )
