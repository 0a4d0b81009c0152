"""Lessons 04 to 06 and 08: tokens, places, attention, LayerNorm."""

from __future__ import annotations

import math

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import float32
from minitransformer.course.places.engine import STEPS
from minitransformer.course.places.place import Place, Places, as_it_is
from minitransformer.kernels import numpy as kernels
from minitransformer.nn import position
from minitransformer.ops import index, normalization
from minitransformer.ops.laws import Sums
from minitransformer.ops.shape import Concatenate
from minitransformer.tokenization import byte_pair


def best_pair(mine, own):
    return lambda self: mine(dict(zip(self.words, self.frequency, strict=True)))


def merge_all(mine, own):
    return lambda self, ids: mine(ids, self._ids)


def embedding(mine, own):
    return lambda self, weight, ids: mine(weight, ids)


def embedding_vjp(mine, own):
    return lambda self, g, weight, ids: (mine(g, ids, len(weight)), None)


def sinusoidal(mine, own):
    return lambda self, max_len: Tensor(mine(max_len, self.d_model))


class Turn(Sums):
    """`RotaryEmbedding` as lesson 05 has it: one op, with a gradient of its own. (.., T, d) -> (.., T, d)."""

    reads = "shapes"

    def __init__(self, rotary, start, length):
        # (T, d/2) each
        self.tables = [position.rows(table, start, length) for table in (rotary.cos, rotary.sin)]
        self.positions = numpy.arange(start, start + length)
        self.base = rotary.base
        self.interleaved = rotary.interleaved

    def forward(self, x):
        return position.apply_rotary(Tensor(x), *self.tables, self.interleaved).array

    def vjp(self, g, x):
        cos, sin = self.tables
        return (position.apply_rotary(Tensor(g), cos, -sin, self.interleaved).array,)


def one_op(mine, own):
    return lambda self, x, start=0: Turn(self, start, x.shape[-2])(x)


def rotary(mine, own):
    return lambda turn, x: (
        mine(x, turn.positions, turn.base) if turn.interleaved and _as_tables(x) else own(turn, x)
    )


def rotary_vjp(mine, own):
    return lambda turn, g, x: (
        (mine(g, turn.positions, turn.base),) if turn.interleaved and _as_tables(g) else own(turn, g, x)
    )


def rotary_pairs(mine, own):
    return lambda turn, x: (
        mine(x, turn.positions, turn.base, turn.interleaved) if _as_tables(x) else own(turn, x)
    )


def _as_tables(x) -> bool:
    """Whether x is of the dtype of the library's tables: of a wider one, what the learner computes is more exact."""
    return x.dtype == float32


def softmax(mine, own):
    def along(x, dim):
        if x.ndim == 0 or not x.size or not isinstance(dim, int):
            return own(x, dim)
        return numpy.moveaxis(mine(numpy.moveaxis(x, dim, -1)), -1, dim)

    return along


def softmax_vjp(mine, own):
    def along(g, s, dim):
        return (
            numpy.moveaxis(mine(numpy.moveaxis(g, dim, -1), numpy.moveaxis(s, dim, -1)), -1, dim)
            if s.ndim
            else own(g, s, dim)
        )

    return along


def causal_mask(mine, own):
    def seen(xp, n_queries, n_keys):
        return (
            numpy.asarray(mine(n_queries), dtype=bool) if n_queries == n_keys else own(xp, n_queries, n_keys)
        )

    return seen


def attention(mine, own):
    def attend(q, k, v, mask, causal, scale, keep=None):
        y, p = own(q, k, v, mask, causal, scale, keep)
        plain = keep is None and (mask is None or mask.dtype == bool) and y.size
        if not plain or not math.isclose(scale, 1 / math.sqrt(q.shape[-1])):
            return y, p
        seen = numpy.tri(*p.shape[-2:], dtype=bool) if causal else None
        if mask is None or mask.ndim == 2:
            return mine(q, k, v, mask if seen is None else seen if mask is None else seen & mask), p
        masks = numpy.broadcast_to(mask if seen is None else seen & mask, p.shape)
        for place in numpy.ndindex(p.shape[:-2]):  # a mask for each sequence and head
            y[place] = mine(q[place], k[place], v[place], masks[place])
        return y, p

    return attend


def concat_vjp(mine, own):
    return lambda self, g, *xs: mine(g, [x.shape[self.dim] for x in xs], self.dim)


def layer_norm(mine, own):
    return lambda x, weight, bias, eps: (mine(x, weight, bias, eps), *own(x, weight, bias, eps)[1:])


def layer_norm_vjp(mine, own):
    return lambda self, g, x, weight, bias: mine(g, x, weight, self.eps)


ROTATION = Place(position.RotaryEmbedding, "forward", one_op)

PLACES: Places = {
    "merge_pair": (Place(byte_pair, "merge", as_it_is),),
    "most_frequent_pair": (Place(byte_pair.Corpus, "best_pair", best_pair),),
    "bpe_encode": (Place(byte_pair.BPETokenizer, "_merge_all", merge_all),),
    "embedding": (Place(index.Embedding, "forward", embedding),),
    "embedding_vjp": (Place(index.Embedding, "vjp", embedding_vjp),),
    "sinusoidal_table": (Place(position.SinusoidalPositionalEncoding, "compute", sinusoidal),),
    "rotary": (ROTATION, Place(Turn, "forward", rotary)),
    "rotary_vjp": (ROTATION, Place(Turn, "vjp", rotary_vjp)),
    "rotary_pairs": (ROTATION, Place(Turn, "forward", rotary_pairs)),
    "softmax": (Place(kernels, "softmax", softmax),),
    "softmax_vjp": (Place(kernels, "softmax_vjp", softmax_vjp), STEPS),
    "causal_mask": (Place(kernels, "causal_mask", causal_mask),),
    "attention": (Place(kernels, "attention", attention),),
    "concat_vjp": (Place(Concatenate, "vjp", concat_vjp),),
    "layer_norm": (Place(kernels, "layer_norm", layer_norm),),
    "layer_norm_vjp": (Place(normalization.LayerNorm, "vjp", layer_norm_vjp),),
}
