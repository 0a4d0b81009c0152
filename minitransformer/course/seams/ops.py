"""Laws of ops, and the array kernels that they call."""

from __future__ import annotations

import math

import numpy

from minitransformer.course.seams.seam import Array, Function, Seam, Seams, shaped
from minitransformer.kernels import numpy as kernels
from minitransformer.kernels import reference
from minitransformer.ops.books import Books
from minitransformer.ops.elementwise import Add, Mul
from minitransformer.ops.heads import MergeHeads, SplitHeads
from minitransformer.ops.index import Embedding
from minitransformer.ops.laws import is_number
from minitransformer.ops.linalg import Linear, MatMul
from minitransformer.ops.normalization import LayerNorm
from minitransformer.ops.shape import Concatenate
from minitransformer.ops.softmax import Softmax


def of_arrays(vjp: Function) -> Function:
    """A gradient of two arrays; Python numbers have none."""
    return lambda mine, own, op, g, a, b: (
        NotImplemented if is_number(a) or is_number(b) else vjp(mine, g, a, b)
    )


def matmul_vjp(mine, own, op, g: Array, a: Array, b: Array):
    one_batch = a.shape[:-2] == b.shape[:-2] or 2 in (a.ndim, b.ndim)
    return mine(g, a, b) if min(a.ndim, b.ndim) > 1 and one_batch else NotImplemented


def index_vjp(mine, own, g: Array, x: Array, index):
    dx = numpy.zeros_like(x)
    return dx if isinstance(index, Array) and index.ndim == 1 and not mine(dx, index, g) else NotImplemented


def along(mine, own, *arguments):
    """Over the dimension that comes last among the arguments; the exercise has the last one of its arrays."""
    *arrays, dim = arguments
    if not arrays[0].size or not arrays[0].ndim or not isinstance(dim, int):
        return NotImplemented
    return numpy.moveaxis(mine(*(numpy.moveaxis(a, dim, -1) for a in arrays)), -1, dim)


def attention(mine, own, q: Array, k: Array, v: Array, mask, causal: bool, scale: float, keep=None):
    plain = keep is None and (mask is None or mask.dtype == bool) and q.size and v.size
    if not plain or not math.isclose(scale, 1 / math.sqrt(q.shape[-1])):
        return NotImplemented
    y, p = own(q, k, v, mask, causal, scale)
    seen = numpy.tri(*p.shape[-2:], dtype=numpy.bool_) if causal else None
    seen = seen if mask is None else mask if seen is None else seen & mask
    if seen is None or seen.ndim == 2:
        return mine(q, k, v, seen), p
    for i in numpy.ndindex(p.shape[:-2]):  # a mask for each sequence and head
        y[i] = shaped(mine(q[i], k[i], v[i], numpy.broadcast_to(seen, p.shape)[i]), y[i])
    return y, p


def split_heads(mine, own, op: SplitHeads, x: Array):  # (B, T, P H d) -> P times (B, H, T, d)
    if x.ndim != 3 or not op.batch_first:
        return NotImplemented
    parts = numpy.split(mine(x, op.outputs * op.heads), op.outputs, axis=1)
    return tuple(parts) if op.outputs > 1 else parts[0]


def stabilised(mine, own, books: Books, r: Array, z: Array):
    if not books.eps:
        return NotImplemented
    stable = shaped(mine(z, books.eps), z)
    books.absorb("epsilon", r / stable * (stable - z))
    return r / stable


def rule(sink: str, answer: Function) -> Function:
    """A rule of lesson 11: `answer` gives the relevance of the inputs, and last what is absorbed; or NotImplemented."""

    def fit(mine, own, op, r: Array, books: Books, *read):
        if (found := answer(mine, op, r, books.eps, *read)) is NotImplemented:
            return found
        *parts, absorbed = found
        read = read[-len(parts) :]
        # a bias gets a number: the sum of its relevance
        parts = [shaped(part, x) if numpy.ndim(part) else part for part, x in zip(parts, read, strict=True)]
        books.absorb(sink, absorbed)
        return parts

    return fit


def linear_rule(mine, op, r: Array, eps: float, x: Array, weight: Array, *bias: Array):
    rows = (a.reshape(-1, a.shape[-1]) for a in (r, x))
    r_x, to_bias, absorbed = mine(*rows, weight, bias[0] if bias else numpy.zeros(len(weight), x.dtype), eps)
    return r_x.reshape(x.shape), None, *[numpy.asarray(to_bias) for _ in bias], absorbed


def matmul_rule(mine, op, r: Array, eps: float, a: Array, b: Array):
    return mine(r, a, b, eps) if all(op.needs) and min(a.ndim, b.ndim) > 1 else NotImplemented


def softmax_rule(mine, op, r: Array, eps: float, s: Array, x: Array):
    known = op.dim in (-1, x.ndim - 1) and not (x == -math.inf).all(-1).any()
    return mine(r, x) if known else NotImplemented


def layer_norm_rule(mine, op, r: Array, eps: float, x: Array, weight: Array, bias: Array):
    r_x, to_bias, absorbed = mine(r, x, weight, bias, eps)
    return r_x, None, numpy.asarray(to_bias), absorbed


# attention's gradient by its definition, which calls those of matmul and softmax one after the other
STEPS = Seam(kernels, "attention_vjp", lambda mine, own, *arguments: reference.attention_vjp(*arguments))

SEAMS: Seams = {
    "unbroadcast": (Seam(Add, "vjp", of_arrays(lambda mine, g, a, b: (mine(g, a.shape), mine(g, b.shape)))),),
    "mul_vjp": (Seam(Mul, "vjp", of_arrays(lambda mine, g, a, b: mine(g, a, b))),),
    "matmul_vjp": (Seam(MatMul, "vjp", matmul_vjp), Seam(reference, "matmul_vjp"), STEPS),
    "sigmoid": (Seam(kernels, "sigmoid"),),
    "scatter_add": (Seam(kernels, "index_vjp", index_vjp),),
    "embedding": (Seam(Embedding, "forward", lambda mine, own, op, weight, ids: mine(weight, ids)),),
    "embedding_vjp": (
        Seam(Embedding, "vjp", lambda mine, own, op, g, weight, ids: (mine(g, ids, len(weight)), None)),
    ),
    "softmax": (Seam(kernels, "softmax", along),),
    "softmax_vjp": (Seam(kernels, "softmax_vjp", along), Seam(reference, "softmax_vjp", along), STEPS),
    "attention": (Seam(kernels, "attention", attention),),
    "causal_mask": (
        Seam(kernels, "causal_mask", lambda mine, own, xp, n, m: mine(n) if n == m else NotImplemented),
    ),
    "split_heads": (Seam(SplitHeads, "forward", split_heads),),
    "merge_heads": (
        Seam(MergeHeads, "forward",
             lambda mine, own, op, x: mine(x) if x.ndim == 4 and op.batch_first else NotImplemented),
    ),
    "concat_vjp": (
        Seam(Concatenate, "vjp", lambda mine, own, op, g, *xs: mine(g, [x.shape[op.dim] for x in xs], op.dim)),
    ),
    "layer_norm": (Seam(kernels, "layer_norm", lambda mine, own, *given: (mine(*given), *own(*given)[1:])),),
    "layer_norm_vjp": (Seam(LayerNorm, "vjp", lambda mine, own, op, g, x, w, b: mine(g, x, w, op.eps)),),
    "stabilised": (Seam(Books, "ratio", stabilised, False),),
    "epsilon_rule": (Seam(Linear, "relprop", rule("epsilon", linear_rule), False),),
    "matmul_rule": (Seam(MatMul, "relprop", rule("epsilon", matmul_rule), False),),
    "softmax_rule": (Seam(Softmax, "relprop", rule("softmax", softmax_rule), False),),
    "layer_norm_rule": (Seam(LayerNorm, "relprop", rule("epsilon", layer_norm_rule), False),),
}  # fmt: skip
