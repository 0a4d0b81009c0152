"""Methods of layers, tokenizers and optimizers. What is written for arrays alone is used where no tape is asked for."""

from __future__ import annotations

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import float32
from minitransformer.course.seams.seam import Array, Seam, Seams
from minitransformer.nn import functional as F
from minitransformer.nn.attention import MultiheadAttention
from minitransformer.nn.hooks import attention_weights
from minitransformer.nn.position import RotaryEmbedding, SinusoidalPositionalEncoding
from minitransformer.nn.transformer import TransformerEncoderLayer
from minitransformer.optim import SGD, Adam
from minitransformer.settings import is_grad_enabled
from minitransformer.tokenization.byte_pair import FIRST_MERGE, WORD, BPETokenizer, Corpus, byte_ids
from minitransformer.tokenization.marks import find_words


def encode(mine, own, tokenizer: BPETokenizer, text: str) -> list[int]:
    merges = {pair: FIRST_MERGE + n for n, pair in enumerate(tokenizer.merges)}
    words = find_words(WORD, text)
    ids = {word: mine(byte_ids(word), merges) for word in set(words)}
    return [i for word in words for i in ids[word]]


def rotary(mine, own, layer: RotaryEmbedding, x: Tensor, start: int = 0, *pairs: bool):
    if x.dtype != float32 or is_grad_enabled() or not (layer.interleaved or pairs):
        return NotImplemented
    return Tensor(mine(x.array, start + numpy.arange(x.shape[-2]), layer.base, *pairs))


def in_use(layer) -> bool:
    """Whether only numbers are asked for: no tape, no dropout, no attention weights."""
    return not (is_grad_enabled() or layer.training) and attention_weights.get() is None


def self_attention(mine, own, layer: MultiheadAttention, query: Tensor, key, value, key_padding_mask=None, need_weights=True,
                   attn_mask=None, average_attn_weights=True, is_causal=False, *, cache=None):  # fmt: skip
    known = query is key is value and query.ndim == 3 and layer.batch_first and layer.in_proj_bias is not None
    padded = key_padding_mask is not None and key_padding_mask.array.any()
    lesson_mask = attn_mask is None or attn_mask.ndim == 2 and attn_mask.dtype == bool
    if not known or padded or not lesson_mask or need_weights or cache is not None or not in_use(layer):
        return NotImplemented
    seen = None if attn_mask is None else ~attn_mask.array
    seen = numpy.tri(query.shape[1], dtype=bool) if is_causal else seen
    weights = layer.in_proj_weight, layer.in_proj_bias, layer.out_proj.weight, layer.out_proj.bias
    return Tensor(
        mine(query.array, *(w.array for w in weights if w is not None), layer.num_heads, seen)
    ), None


def feed_forward(mine, own, layer: TransformerEncoderLayer, x: Tensor):
    if not in_use(layer) or layer.activation is not F.relu or layer.linear1.bias is None:
        return NotImplemented
    return Tensor(
        mine(x.array, *(p.array for part in (layer.linear1, layer.linear2) for p in part.parameters()))
    )


def moved(optimizer, make, p: Array, g: Array, state: dict, group: dict) -> Array:
    """The parameter after a step of the learner's optimizer for it, which `make` makes for the first step."""
    new = p.copy()
    optimizers = vars(optimizer).setdefault("of_the_learner", {})  # by the library's state of each parameter
    mine = optimizers.setdefault(id(state), None) or make(new)
    mine.params, mine.lr, optimizers[id(state)] = [new], group["lr"], mine
    mine.step([g])
    if not numpy.isfinite(new).all() and numpy.isfinite(p).all():
        raise ValueError("a step made finite parameters NaN or infinite")
    return new


def sgd_update(mine, own, optimizer: SGD, p: Array, g: Array, state: dict, group: dict):
    if group["dampening"] or group["weight_decay"] or group["nesterov"]:
        return NotImplemented
    p[...] = moved(optimizer, lambda p: mine([p], group["lr"], group["momentum"]), p, g, state, group)


def adam_update(mine, own, optimizer: Adam, entries, group: dict) -> None:
    decay, decoupled = group["weight_decay"], group["decoupled_weight_decay"]
    shrink = 1 - group["lr"] * decay if decoupled else 1.0

    def after(p: Array, g: Array, state: dict) -> Array:
        g = g if decoupled else g + decay * p
        return moved(
            optimizer,
            lambda p: mine([p], group["lr"], group["betas"], group["eps"]),
            p * shrink,
            g,
            state,
            group,
        )

    for (p, _, _), new in zip(entries, [after(*entry) for entry in entries], strict=True):
        p[...] = new


SEAMS: Seams = {
    "most_frequent_pair": (
        Seam(Corpus, "best_pair", lambda mine, own, c: mine(dict(zip(c.words, c.frequency, strict=True)))),
    ),
    "bpe_encode": (Seam(BPETokenizer, "encode", encode),),
    "sinusoidal_table": (
        Seam(SinusoidalPositionalEncoding, "compute", lambda mine, own, layer, n: Tensor(mine(n, layer.d_model))),
    ),
    "rotary": (Seam(RotaryEmbedding, "forward", rotary),),
    "rotary_pairs": (
        Seam(RotaryEmbedding, "forward",
             lambda mine, own, layer, x, start=0: rotary(mine, own, layer, x, start, layer.interleaved)),
    ),
    "multi_head_attention": (Seam(MultiheadAttention, "forward", self_attention),),
    "feed_forward": (Seam(TransformerEncoderLayer, "feed_forward", feed_forward),),
    "SGD": (Seam(SGD, "update", sgd_update, False),),
    "Adam": (Seam(Adam, "update_all", adam_update, False),),
}  # fmt: skip
