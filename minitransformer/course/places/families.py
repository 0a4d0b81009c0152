"""Lesson 14: spans cut out, T5's buckets, Llama's groups of heads. (Rotary pairs stand with the layers.)"""

from __future__ import annotations

import numpy

from minitransformer.autograd import Tensor
from minitransformer.course.places.place import Place, Places, as_it_is
from minitransformer.models import llama, t5
from minitransformer.recipes import span_corruption as recipe
from minitransformer.settings import is_grad_enabled


def span_corruption(mine, own):
    def corrupted(ids, first_mark, random):
        count, tokens = recipe.spans_of(len(ids))
        kept, cut = (numpy.array([*recipe._parts(n, count, random)]) for n in (len(ids) - tokens, tokens))
        starts = numpy.cumsum(kept + cut) - cut
        return mine(
            list(ids),
            [(int(start), int(length)) for start, length in zip(starts, cut, strict=True)],
            first_mark,
        )

    return corrupted


def grouped_attention(mine, own):
    def each_head(self, q, k, v, past, padding):  # (B, H, T, d), twice (B, G, S, d) -> (B, H, T, d)
        if past or padding is not None or is_grad_enabled():
            return own(self, q, k, v, past, padding)
        return Tensor(numpy.stack([mine(*parts) for parts in zip(q.array, k.array, v.array, strict=True)]))

    return each_head


PLACES: Places = {
    "span_corruption": (Place(recipe, "corrupted", span_corruption),),
    "relative_buckets": (Place(t5, "buckets", as_it_is),),
    "grouped_attention": (Place(llama.LlamaAttention, "_each_head", grouped_attention),),
}
