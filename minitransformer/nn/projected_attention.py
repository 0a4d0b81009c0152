"""Multi-head attention as a function of its weights."""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer.autograd import Tensor
from minitransformer.nn.masking import each_broadcast, merge
from minitransformer.ops.networks.attention import clear_attention, scaled_dot_product_attention
from minitransformer.ops.networks.heads import merge_heads, split_heads
from minitransformer.ops.products.linalg import linear


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The attention of `nn.MultiheadAttention`, with weights that are given.

    Args:
        query: (T, B, E) or (T, E).
        key: (S, B, E_k) or (S, E_k).
        value: (S, B, E_v) or (S, E_v).
        embed_dim_to_check: E.
        num_heads: the number of heads, a divisor of E.
        in_proj_weight: (3 E, E), for queries, keys and values; None if they have separate weights.
        in_proj_bias: (3 E,), for all three, or None.
        bias_k: a learned key; refused, as is `bias_v`: the layer has them.
        bias_v: a learned value.
        add_zero_attn: whether a key of zeros is added; refused: the layer has it.
        dropout_p: the probability with which an attention weight is dropped in training.
        out_proj_weight: (E_out, E).
        out_proj_bias: (E_out,), or None.
        training: whether weights are dropped.
        key_padding_mask: (B, S) or (S,): True where a key is not allowed for any query, or numbers to add to the scores.
        need_weights: whether to return the attention weights.
        attn_mask: (T, S) or (B H, T, S): True where attention is not allowed, or numbers to add to the scores.
        use_separate_proj_weight: whether the following three are used in place of `in_proj_weight`.
        q_proj_weight: (E, E).
        k_proj_weight: (E, E_k).
        v_proj_weight: (E, E_v).
        static_k: keys that are projected already; refused, as is `static_v`.
        static_v: values likewise.
        average_attn_weights: return the mean of the weights over the heads.
        is_causal: says that `attn_mask`, which must be there, is the causal mask; the mask is what counts.

    Returns:
        (T, B, E_out) or (T, E_out); and the weights, (B, T, S), or (B, H, T, S) without averaging, or None.

    Raises:
        ValueError: the sizes do not fit, a weight is missing, or `is_causal` comes without a mask.
        NotImplementedError: for added or static keys and values.

    Source:
        Vaswani et al., NeurIPS 2017, section 3.2.2.
    """
    _refuse(add_zero_attn, bias_k, bias_v, static_k, static_v)
    _check(query, embed_dim_to_check, num_heads, attn_mask, is_causal)
    own = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    weights = _three("q_, k_ and v_proj_weight" if own else "in_proj_weight", own, in_proj_weight)
    q, k, v = _projected((query, key, value), weights, in_proj_bias, num_heads)
    mask = merge(each_broadcast(q, k.shape[-2], key_padding_mask, attn_mask), q.dtype)
    heads, shown = _attend(q, k, v, mask, dropout_p if training else 0.0, need_weights)
    if shown is not None and average_attn_weights:
        shown = shown.mean(-3)
    return linear(merge_heads(heads, False), out_proj_weight, out_proj_bias), shown


def _refuse(add_zero_attn: bool, *added: Tensor | None) -> None:
    if add_zero_attn or any(t is not None for t in added):
        refused = "bias_k, bias_v, add_zero_attn, static_k and static_v are not there"
        raise NotImplementedError(
            f"multi_head_attention_forward: {refused}; nn.MultiheadAttention has the first three"
        )


def _projected(
    inputs: tuple[Tensor, ...], weights: Sequence[Tensor], bias: Tensor | None, num_heads: int
) -> list[Tensor]:
    """Queries (B, H, T, d), keys and values (B, H, S, d)."""
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    maps = zip(inputs, weights, biases, strict=True)
    return [split_heads(linear(x, w, b), num_heads, batch_first=False) for x, w, b in maps]


def _attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, need_weights: bool
) -> tuple[Tensor, Tensor | None]:
    """The heads' outputs (B, H, T, d), and their weights (B, H, T, S) if they are returned."""
    if need_weights:
        return clear_attention(q, k, v, mask, dropout_p)
    return scaled_dot_product_attention(q, k, v, mask, dropout_p), None


def _three(
    name: str, own: tuple[Tensor | None, ...] | None, together: Tensor | None
) -> tuple[Tensor, ...] | list[Tensor]:
    """The weights of queries, keys and values."""
    given = [t for t in (own or (together,)) if t is not None]
    if len(given) < (3 if own else 1):
        raise ValueError(f"multi_head_attention_forward: expected {name}, got None")
    return given if own else given[0].chunk(3)


def _check(query: Tensor, size: int, num_heads: int, attn_mask: Tensor | None, is_causal: bool) -> None:
    if query.ndim not in (2, 3) or query.shape[-1] != size or num_heads < 1 or size % num_heads:
        what = f"a query (T, B, {size}) or (T, {size}), of heads that divide it"
        raise ValueError(
            f"multi_head_attention_forward: expected {what}, got {query.shape} and {num_heads} heads"
        )
    if is_causal and attn_mask is None:
        raise ValueError("multi_head_attention_forward: expected the causal attn_mask beside is_causal=True")
