"""Lessons 07, 08 and 10: heads, and whole layers. Those that are written for arrays alone stand where no tape is left."""

from __future__ import annotations

import numpy

from minitransformer.autograd import Tensor
from minitransformer.course.places.place import Place, Places
from minitransformer.nn import functional as F
from minitransformer.nn import transformer
from minitransformer.nn.attention import MultiheadAttention
from minitransformer.nn.hooks import attention_weights
from minitransformer.ops import heads
from minitransformer.settings import is_grad_enabled


def split_heads(mine, own):
    def forward(self, x):  # (B, T, P H d) -> P times (B, H, T, d)
        if x.ndim != 3 or not self.batch_first:
            return own(self, x)
        found = mine(x, self.outputs * self.heads)  # (B, P H, T, d)
        parts = found.reshape(len(x), self.outputs, self.heads, *found.shape[2:]).swapaxes(0, 1)
        return tuple(parts) if self.outputs > 1 else parts[0]

    return forward


def merge_heads(mine, own):
    def forward(self, x):  # (B, H, T, d) -> (B, T, H d)
        return mine(x) if x.ndim == 4 and self.batch_first else own(self, x)

    return forward


def _in_use(layer) -> bool:
    """Whether numbers are all that is asked for: no tape, no dropout, nobody who wants to see the weights."""
    return not (is_grad_enabled() or layer.training) and attention_weights.get() is None


def _to_itself(self, query, key, value, padding, need_weights) -> bool:
    """Whether a call of `MultiheadAttention` is of the kind that the lessons know."""
    alone = query is key and key is value and query.ndim == 3 and self.batch_first and not need_weights
    has_all = self.in_proj_weight is not None and self.in_proj_bias is not None
    return alone and has_all and _in_use(self) and (padding is None or not padding.array.any())


def _seen(mask, is_causal: bool, length: int):
    """(T, T) of True where a query may look, None for everywhere; False for a mask that the lessons do not know."""
    if is_causal:
        return numpy.tri(length, dtype=bool)
    if mask is None:
        return None
    return ~mask.array if mask.ndim == 2 and mask.dtype == bool else False


def multi_head_attention(mine, own):
    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True,
                is_causal=False, *, cache=None):  # fmt: skip
        seen = _seen(attn_mask, is_causal, query.shape[-2])
        masks = (key_padding_mask, need_weights, attn_mask)
        if cache is not None or seen is False or not _to_itself(self, query, key, value, *masks[:2]):
            return own(self, query, key, value, *masks, average_attn_weights, is_causal, cache=cache)
        weights = (self.in_proj_weight, self.in_proj_bias, self.out_proj.weight, self.out_proj.bias)
        return Tensor(mine(query.array, *(w.array for w in weights), self.num_heads, seen)), None

    return forward


def attention_step(mine, own):
    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True,
                is_causal=False, *, cache=None):  # fmt: skip
        masks = (key_padding_mask, need_weights, attn_mask)
        if cache is None or attn_mask is not None or not _to_itself(self, query, key, value, *masks[:2]):
            return own(self, query, key, value, *masks, average_attn_weights, is_causal, cache=cache)
        past = len(cache)
        q, k, v = self._project(query, key, value)  # (B, H, T, d) each
        earlier = [x.array[..., :past, :] for x in cache.append(k, v)]
        found, _, _ = mine(q.array, k.array, v.array, *earlier)  # (B, H, T, d)
        return self.out_proj(heads.merge_heads(Tensor(found), self.batch_first)), None

    return forward


def feed_forward(mine, own):
    def think(self, x):
        if not _in_use(self) or self.activation is not F.relu or self.linear1.bias is None:
            return own(self, x)
        return Tensor(
            mine(
                x.array,
                *(p.array for layer in (self.linear1, self.linear2) for p in (layer.weight, layer.bias)),
            )
        )

    return think


def encoder_block(mine, own):
    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False, *, cache=None):
        p, seen = dict(self.named_parameters()), _seen(src_mask, is_causal, src.shape[-2])
        known = self.activation is F.relu and self.norm1.eps == 1e-5 and "linear1.bias" in p and cache is None
        if (
            not known
            or seen is False
            or not _to_itself(self.self_attn, src, src, src, src_key_padding_mask, False)
        ):
            return own(self, src, src_mask, src_key_padding_mask, is_causal, cache=cache)
        return Tensor(
            mine(
                src.array, {k: v.array for k, v in p.items()}, self.self_attn.num_heads, seen, self.norm_first
            )
        )

    return forward


PLACES: Places = {
    "split_heads": (Place(heads.SplitHeads, "forward", split_heads),),
    "merge_heads": (Place(heads.MergeHeads, "forward", merge_heads),),
    "multi_head_attention": (Place(MultiheadAttention, "forward", multi_head_attention),),
    "attention_step": (Place(MultiheadAttention, "forward", attention_step),),
    "feed_forward": (Place(transformer._Layer, "_feed_forward", feed_forward),),
    "encoder_block": (Place(transformer.TransformerEncoderLayer, "forward", encoder_block),),
}
