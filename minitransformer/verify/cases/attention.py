"""Multi-head attention with its masks."""

from __future__ import annotations

import numpy

from minitransformer.verify.case import LayerCase
from minitransformer.verify.cases.masks import PADDING, SQUARE, causal
from minitransformer.verify.inputs import given, ids, normal


def _self_attention(**options):
    return lambda lib: lib.nn.MultiheadAttention(4, 2, batch_first=True, **options)


def _attend(lib, layer, x, **options):
    """Outputs and weights of self-attention in one tensor."""
    output, weights = layer(x, x, x, **options)
    return lib.cat([output.flatten(), weights.flatten()])


def _attend_fast(lib, layer, x, **options):
    """Outputs only: the path that keeps no weights."""
    return layer(x, x, x, need_weights=False, **options)[0]


ATTENTION = [
    LayerCase("MultiheadAttention", _self_attention(), [normal(2, 3, 4)], _attend),
    LayerCase("MultiheadAttention, no weights asked", _self_attention(), [normal(2, 3, 4)], _attend_fast),
    LayerCase(
        "MultiheadAttention, keys added",
        _self_attention(add_bias_kv=True, add_zero_attn=True),
        [normal(2, 3, 4)],
        _attend,
    ),
    LayerCase("MultiheadAttention, no bias", _self_attention(bias=False), [normal(2, 3, 4)], _attend_fast),
    LayerCase(
        "MultiheadAttention, weights of each head",
        _self_attention(),
        [normal(2, 3, 4)],
        lambda lib, layer, x: _attend(lib, layer, x, average_attn_weights=False),
    ),
    LayerCase(
        "MultiheadAttention, tokens first, keys from elsewhere",
        lambda lib: lib.nn.MultiheadAttention(4, 2),
        [normal(3, 2, 4), normal(5, 2, 4)],
        lambda lib, layer, x, memory: layer(x, memory, memory, need_weights=False)[0],
    ),
    LayerCase(
        "MultiheadAttention, keys and values of other sizes",
        _self_attention(kdim=3, vdim=5),
        [normal(2, 3, 4), normal(2, 6, 3), normal(2, 6, 5)],
        lambda lib, layer, q, k, v: layer(q, k, v, need_weights=False)[0],
    ),
    LayerCase(
        "MultiheadAttention, bool mask",
        _self_attention(),
        [normal(2, 3, 4), SQUARE],
        lambda lib, layer, x, mask: _attend(lib, layer, x, attn_mask=mask),
    ),
    LayerCase(
        "MultiheadAttention, float mask",
        _self_attention(),
        [normal(2, 3, 4), ids(4, 3, 3)],
        lambda lib, layer, x, mask: _attend_fast(lib, layer, x, attn_mask=mask.to(x.dtype)),
    ),
    LayerCase(
        "MultiheadAttention, a mask for each head",
        _self_attention(),
        [normal(2, 3, 4), normal(2 * 2, 3, 3)],
        lambda lib, layer, x, mask: _attend(lib, layer, x, attn_mask=mask),
    ),
    LayerCase(
        "MultiheadAttention, padding",
        _self_attention(),
        [normal(2, 3, 4), PADDING],
        lambda lib, layer, x, padding: _attend_fast(lib, layer, x, key_padding_mask=padding),
    ),
    LayerCase(
        "MultiheadAttention, padding and bool mask",
        _self_attention(),
        [normal(2, 3, 4), PADDING, given(numpy.triu(numpy.ones((3, 3), bool), 1))],
        lambda lib, layer, x, padding, mask: _attend(lib, layer, x, key_padding_mask=padding, attn_mask=mask),
    ),
    LayerCase(
        "MultiheadAttention, causal",
        _self_attention(),
        [normal(2, 3, 4)],
        lambda lib, layer, x: _attend_fast(lib, layer, x, attn_mask=causal(lib, x), is_causal=True),
    ),
]
