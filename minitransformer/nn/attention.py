"""Multi-head attention: several attentions in parallel, each with its own projections of the input."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import bool_
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.attention_backends import SDPBackend as SDPBackend
from minitransformer.nn.attention_backends import sdpa_kernel as sdpa_kernel
from minitransformer.nn.cache import AttentionCache
from minitransformer.nn.hooks import attention_weights
from minitransformer.nn.linear import Linear
from minitransformer.nn.masking import each_broadcast, later_keys, looks_causal, merge
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter
from minitransformer.ops.creation.filled import ones, zeros
from minitransformer.ops.index.masks import triu
from minitransformer.ops.networks.attention import clear_attention
from minitransformer.ops.networks.heads import merge_heads, split_heads
from minitransformer.ops.shape.joining import cat


def _holds(attn_mask: Tensor | None, shown: bool) -> bool:
    """Whether `is_causal` may be used instead of the mask. As in PyTorch, the mask counts where weights are asked for (`shown`)."""
    return attn_mask is None or not shown or looks_causal(attn_mask)


class MultiheadAttention(Module):
    """concat(head_1, .., head_H) W_O^T, where head_h = softmax(Q_h K_h^T / sqrt(d)) V_h and d = embed_dim / num_heads.

    Q, K and V are projected by one weight `in_proj_weight` (3 embed_dim, embed_dim). If the sizes of keys or values differ from
    embed_dim, three weights take its place: `q_proj_weight` (embed_dim, embed_dim), `k_proj_weight` (embed_dim, kdim) and
    `v_proj_weight` (embed_dim, vdim). `in_proj_bias` is (3 embed_dim,); `out_proj` is the linear layer with W_O.

    Args:
        embed_dim: the size of queries and outputs, a multiple of `num_heads`.
        num_heads: the number of heads H.
        dropout: the probability with which an attention weight is dropped in training mode.
        bias: whether the projections have biases.
        add_bias_kv: add a learned key `bias_k` and value `bias_v`, (1, 1, embed_dim) each, after the keys of the input.
        add_zero_attn: add a key and a value of zeros after those.
        kdim: the size of the keys in the input; None means embed_dim.
        vdim: the size of the values in the input; None means embed_dim.
        batch_first: whether the batch is the first dimension of inputs and outputs, before the tokens.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: if `num_heads` does not divide `embed_dim`.

    Source:
        Vaswani et al., NeurIPS 2017, section 3.2.2.
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter  # these three: None where `in_proj_weight` is used
    k_proj_weight: Parameter
    v_proj_weight: Parameter
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None
    out_proj: Linear

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
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"embed_dim must be a multiple of num_heads, got {embed_dim} and {num_heads}")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.kdim = kdim or embed_dim
        self.vdim = vdim or embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        for name, shape in self._weight_shapes().items():
            self.register_parameter(name, None if shape is None else init.parameter(*shape, **made))
        self.register_parameter("in_proj_bias", init.parameter(3 * embed_dim, **made) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, **made)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, init.parameter(1, 1, embed_dim, **made) if add_bias_kv else None)
        self.reset_parameters()

    def _weight_shapes(self) -> dict[str, tuple[int, int] | None]:
        """The shapes of the projections' weights; None for those that are not used."""
        own = {"q_proj_weight": self.embed_dim, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        together = set(own.values()) == {self.embed_dim}
        shapes = {name: None if together else (self.embed_dim, size) for name, size in own.items()}
        return {"in_proj_weight": (3 * self.embed_dim, self.embed_dim) if together else None, **shapes}

    def reset_parameters(self) -> None:
        """Set the parameters to new initial values: Xavier's for the weights, zeros for the biases."""
        for name in self._weight_shapes():
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        self.out_proj.reset_parameters()
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
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
        """For each query, a weighted mean of the values, projected by `out_proj`; and the attention weights.

        Inputs may come without the batch dimension B. A query for which no key is allowed gets zeros from all heads. Keys that the
        module adds itself (`add_bias_kv`, `add_zero_attn`) are allowed for all queries; masks do not include them, the returned
        weights do.

        Args:
            query: (T, B, embed_dim), or (B, T, embed_dim) if `batch_first`.
            key: (S, B, kdim), or (B, S, kdim) if `batch_first`.
            value: (S, B, vdim), or (B, S, vdim) if `batch_first`.
            key_padding_mask: (B, S): True where a key is not allowed for any query, or numbers to add to the scores.
            need_weights: whether to return the attention weights; without them the computation is faster.
            attn_mask: (T, S) or (B H, T, S): True where attention is not allowed, or numbers to add to the scores.
            average_attn_weights: return the mean of the weights over the heads.
            is_causal: no query may attend to a later key; `attn_mask`, if given, must be the causal mask.
            cache: holds the keys and values of earlier tokens, to which those of this call are added. Query, key and value are
                those of the new tokens, attention is causal, and masks include the earlier keys.

        Returns:
            The output, of the shape of `query`; and the weights, (B, T, S), or (B, H, T, S) without averaging, or None.

        Raises:
            ValueError: if the sizes do not fit.
            TypeError: if the dtypes do not fit, or a mask is neither boolean nor floating-point.
        """
        self._check(query, key, value)
        q, k, v = self._project(query, key, value)  # (B, H, T, d), twice (B, H, S, d)
        is_causal = is_causal and _holds(attn_mask, need_weights or key_padding_mask is not None)
        adds = self.bias_k is not None or self.add_zero_attn
        past = 0 if cache is None else len(cache)
        causal = is_causal if cache is None else past == 0  # with earlier keys, `mask` is causal
        masks = key_padding_mask, None if is_causal else attn_mask
        mask = self._mask(q, past + k.shape[-2], *masks, past, causal and adds)
        if cache is not None:
            k, v = cache.append(k, v)
        if adds:
            k = self._add_seen(k, self.bias_k)
            v = self._add_seen(v, self.bias_v)
            mask = self._open(mask)
        heads, weights = self._attend(q, k, v, mask, causal and not adds, need_weights)
        shown = weights if need_weights else None
        if shown is not None and average_attn_weights:
            shown = shown.mean(-3)
        return self.out_proj(merge_heads(heads, self.batch_first)), shown

    # (.., E) -> (B, H, T, d) each
    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        if self.in_proj_weight is not None and query is key and key is value:  # one product for all three
            parts: tuple[Tensor, ...] = self._split(
                F.linear(query, self.in_proj_weight, self.in_proj_bias), 3
            )
            return parts
        own: tuple[Tensor, ...] = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        weights = own if self.in_proj_weight is None else self.in_proj_weight.chunk(3)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        return tuple(
            self._split(F.linear(x, w, b))
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        )

    def _split(self, x: Tensor, parts: int = 1) -> Any:  # (B, T, parts E) -> (B, H, T, d) each
        return split_heads(x, self.num_heads, parts, self.batch_first)

    def _add_seen(self, x: Tensor, learned: Tensor | None) -> Tensor:
        """Keys or values, followed by those that the module adds. (B, H, S, d), (1, 1, E) -> (B, H, S + 1 or 2, d)."""
        like = (*x.shape[:-2], 1, self.head_dim)
        added = [] if learned is None else [learned.reshape(self.num_heads, 1, self.head_dim).expand(*like)]
        if self.add_zero_attn:
            added.append(zeros(*like, dtype=x.dtype, device=x.device))
        return cat([x, *added], -2)

    def _open(self, mask: Tensor | None) -> Tensor | None:
        """The mask with the keys that the module adds allowed for all queries. (.., S) -> (.., S + 1 or 2)."""
        n = (self.bias_k is not None) + self.add_zero_attn
        return mask if mask is None else F.pad(mask, (0, n), value=float(mask.dtype == bool_))

    def _mask(
        self,
        q: Tensor,
        n_keys: int,
        key_padding_mask: Tensor | None,
        attn_mask: Tensor | None,
        past: int,
        causal: bool,
    ) -> Tensor | None:
        """All masks as one that broadcasts to (B, H, T, S); later keys are masked too if `causal`, or after a cache."""
        n_queries = q.shape[-2]
        masks = each_broadcast(q, n_keys, key_padding_mask, attn_mask)
        if past and n_queries > 1:
            masks.append(later_keys(n_queries, n_keys, q.device))
        if causal:
            masks.append(triu(ones(n_queries, n_keys, dtype=bool_, device=q.device), 1))
        return merge(masks, q.dtype)

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, is_causal: bool, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The heads' outputs (B, H, T, d), and their weights (B, H, T, S) if they are returned or recorded."""
        dropout = self.dropout if self.training else 0.0
        record = attention_weights.get()
        if not need_weights and record is None:
            return F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal), None
        heads, weights = clear_attention(q, k, v, mask, dropout, is_causal)
        if record is not None:
            record(weights)
        return heads, weights

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        """Raise ValueError if the shapes do not fit."""
        shapes = (query.shape, key.shape, value.shape)
        sizes = (self.embed_dim, self.kdim, self.vdim)
        got = "got query {}, key {}, value {}".format(*shapes)
        alike = len({len(s) for s in shapes}) == 1 and query.ndim in (2, 3)
        if not alike or tuple(s[-1] for s in shapes) != sizes:
            raise ValueError(
                f"MultiheadAttention: expected 2 or 3 dimensions, the last of sizes {sizes}, {got}"
            )
        batch = 0 if self.batch_first else 1
        if key.shape[:-1] != value.shape[:-1] or (query.ndim == 3 and query.shape[batch] != key.shape[batch]):
            raise ValueError(
                f"MultiheadAttention: expected one batch size (dimension {batch}), one value for each key, {got}"
            )
