"""Where each exercise stands in the library: what `minitransformer tour --mine` swaps.

A fit makes of a learner's object, `mine`, what stands in the library, `own` being what stood there. Where the library asks for
more than the exercise did (half precision, masks of another shape, no cotangent for one of the inputs), `own` answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import NamedTuple

import numpy

from minitransformer import autograd, gradients
from minitransformer.autograd import Tensor, no_grad
from minitransformer.explain import books, propagation, surrogate
from minitransformer.generation import sampling
from minitransformer.kernels import numpy as kernels
from minitransformer.kernels import reference
from minitransformer.nn import position, utils
from minitransformer.ops import elementwise, index, laws, linalg, loss, normalization
from minitransformer.ops.creation import tensor
from minitransformer.ops.shape import Concatenate
from minitransformer.ops.softmax import Softmax
from minitransformer.optim import adam
from minitransformer.tokenization import byte_pair


class Place(NamedTuple):
    """The attribute `name` of a module or class of the library."""

    owner: ModuleType | type
    name: str
    fit: Callable[[Callable, Callable], Callable]


def as_it_is(mine, own):
    """The exercise and the library ask for the same."""
    return mine


# ---- lessons 01 to 03: the walk back, the judge, adding at places ----


class Node:
    """An op as lesson 01 sees a value: `parents` are the ops whose results it used."""

    def __init__(self, op, parents):
        self.op, self.parents = op, parents


def tape(mine, own):
    def newest_first(root):
        nodes = {}
        for op in reversed(own(root)):
            used = [t.op for t in op.inputs or () if isinstance(t, Tensor) and t.op is not None]
            nodes[op] = Node(op, [nodes[made_by] for made_by in used])
        return [node.op for node in reversed(mine(nodes[root.op]))] if nodes else []

    return newest_first


def unbroadcast(mine, own):
    def summed(g, like):
        known = laws.is_number(like) or g.shape == like.shape or laws.wide(g)
        return own(g, like) if known else mine(g, like.shape)

    return summed


def mul_vjp(mine, own):
    def vjp(self, g, a, b):
        if laws.is_number(a) or laws.is_number(b):
            return own(self, g, a, b)
        return _needed(self, mine(g, a, b))

    return vjp


def matmul_vjp(mine, own):
    def vjp(self, g, a, b):
        one_batch = a.shape[:-2] == b.shape[:-2] or 2 in (a.ndim, b.ndim)
        return _needed(self, mine(g, a, b)) if min(a.ndim, b.ndim) > 1 and one_batch else own(self, g, a, b)

    return vjp


def _needed(op, cotangents):
    return tuple(c if need else None for c, need in zip(cotangents, op.needs, strict=True))


def finite_differences(mine, own):
    def slopes(fn, tensors, i, eps=1e-6, seed=0):
        @no_grad()
        def f(x):
            return fn(*[Tensor(x if j == i else t.array) for j, t in enumerate(tensors)]).array.copy()

        value = f(tensors[i].array)
        if not numpy.isfinite(value).all():
            return own(fn, tensors, i, eps, seed)
        return mine(f, tensors[i].array, gradients._cotangent(value.shape, seed), eps)

    return slopes


def scatter_add(mine, own):
    def vjp(g, x, index):
        if not isinstance(index, numpy.ndarray) or index.ndim != 1:
            return own(g, x, index)
        dx = numpy.zeros_like(x)
        mine(dx, index, g)
        return dx

    return vjp


# ---- lessons 04 to 08: tokens, places, attention, the block ----


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


def softmax(mine, own):
    def along(x, dim):
        if x.ndim == 0 or not x.size or not isinstance(dim, int):
            return own(x, dim)
        return numpy.moveaxis(mine(numpy.moveaxis(x, dim, -1)), -1, dim)

    return along


def softmax_vjp(mine, own):
    def along(g, s, dim):
        return numpy.moveaxis(mine(numpy.moveaxis(g, dim, -1), numpy.moveaxis(s, dim, -1)), -1, dim) if s.ndim else own(g, s, dim)

    return along


def in_steps(mine, own):
    """Attention's gradient by its definition, which goes through the gradients of matmul and softmax one after the other."""
    return reference.attention_vjp


def causal_mask(mine, own):
    def seen(xp, n_queries, n_keys):
        return numpy.asarray(mine(n_queries), dtype=bool) if n_queries == n_keys else own(xp, n_queries, n_keys)

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


# ---- lessons 09 and 10: learning, generating ----


def cross_entropy(mine, own):
    def mean(input, target, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        surprise = own(input, target, ignore_index, reduction, label_smoothing)
        plain = reduction == "mean" and not label_smoothing and input.ndim == 2 and len(input)
        if plain and (target.array != ignore_index).all():
            surprise.array = numpy.asarray(mine(input.array, target.array), dtype=input.dtype)
        return surprise

    return mean


def cross_entropy_vjp(mine, own):
    def vjp(g, x, target, lse, smoothing):
        is_mean = not smoothing and len(x) and (g == g[0]).all()
        return mine(g[0] * x.dtype.type(len(x)), x, target) if is_mean else own(g, x, target, lse, smoothing)

    return vjp


def adam_update(mine, own):
    def update(self, p, g, state, group):
        g = self.decay(p, g, group)
        optimizer = state.setdefault("mine", None) or mine([p], group["lr"], group["betas"], group["eps"])
        optimizer.params, optimizer.lr, state["mine"] = [p], group["lr"], optimizer
        optimizer.step([g])

    return update


def clip_grad_norm(mine, own):
    def clip(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False):
        parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        if norm_type != 2 or error_if_nonfinite:
            return own(parameters, max_norm, norm_type, error_if_nonfinite)
        return tensor(float(mine([p.grad.writable() for p in parameters if p.grad is not None], max_norm)))

    return clip


def next_token_probabilities(mine, own):
    def shares(logits, temperature=1.0, top_k=None, top_p=None):
        return mine(logits.astype(float), temperature, top_k, top_p)

    return shares


def draw(mine, own):
    return lambda p, random: int(mine(p, random.random()))


# ---- lessons 11 and 12: explaining ----


def explicit(mine, own):
    """The rules of lesson 11 are about relevance itself, so that is what has to be walked."""
    return partial(own, form="explicit")


def ratio(mine, own):
    def share(self, r, z):
        if not self.eps:
            return own(self, r, z)
        stable = mine(z, self.eps)
        self.absorb("epsilon", r / stable * (stable - z))
        return r / stable

    return share


def linear_rule(mine, own):
    def relprop(self, r, rule, x, weight, *bias):
        rows = (a.reshape(-1, a.shape[-1]) for a in (r, x))
        kept_by = bias[0] if bias else numpy.zeros(len(weight), x.dtype)
        r_x, to_bias, to_epsilon = mine(*rows, weight, kept_by, rule.eps)
        rule.absorb("epsilon", to_epsilon)
        return r_x.reshape(x.shape), None, *[numpy.asarray(to_bias) for _ in bias]

    return relprop


def matmul_rule(mine, own):
    def relprop(self, r, rule, a, b):
        if not all(self.needs) or min(a.ndim, b.ndim) < 2:
            return own(self, r, rule, a, b)
        r_a, r_b, to_epsilon = mine(r, a, b, rule.eps)
        rule.absorb("epsilon", to_epsilon)
        return r_a, r_b

    return relprop


def softmax_rule(mine, own):
    def relprop(self, r, rule, x):
        if self.dim not in (-1, x.ndim - 1) or (x == -math.inf).all(-1).any():
            return own(self, r, rule, x)
        r_x, kept = mine(r, x)
        rule.absorb("softmax", kept)
        return (r_x,)

    return relprop


def layer_norm_rule(mine, own):
    def relprop(self, r, rule, x, weight, bias):
        if self.eps != 1e-5:
            return own(self, r, rule, x, weight, bias)
        r_x, to_bias, to_epsilon = mine(r, x, weight, bias, rule.eps)
        rule.absorb("epsilon", to_epsilon)
        return r_x, None, numpy.asarray(to_bias)

    return relprop


def masks_themselves(mine, own):
    return lambda masks: masks


def ridge(mine, own):
    def fit(x, y, weight, alpha):
        c, b, score = mine(x, y, weight, alpha)
        return numpy.asarray(c), float(b), float(score)

    return fit


def kernel(mine, own):
    def weights(distance, width=surrogate.KERNEL_WIDTH):  # where the distance is a mask, it is yet to be measured
        return mine(distance, width) if distance.dtype == bool else own(distance, width)

    return weights


STEPS = Place(kernels, "attention_vjp", in_steps)
LRP = Place(propagation, "lrp", explicit)

PLACES: dict[str, tuple[Place, ...]] = {
    "topological_order": (Place(autograd, "tape", tape),),
    "unbroadcast": (Place(laws, "unbroadcast", unbroadcast),),
    "mul_vjp": (Place(elementwise.Mul, "vjp", mul_vjp),),
    "matmul_vjp": (Place(linalg.MatMul, "vjp", matmul_vjp), Place(kernels, "matmul_vjp", as_it_is), STEPS),
    "finite_differences": (Place(gradients, "finite_differences", finite_differences),),
    "scatter_add": (Place(kernels, "index_vjp", scatter_add),),
    "sigmoid": (Place(kernels, "sigmoid", as_it_is),),
    "merge_pair": (Place(byte_pair, "merge", as_it_is),),
    "most_frequent_pair": (Place(byte_pair.Corpus, "best_pair", best_pair),),
    "bpe_encode": (Place(byte_pair.BPETokenizer, "_merge_all", merge_all),),
    "embedding": (Place(index.Embedding, "forward", embedding),),
    "embedding_vjp": (Place(index.Embedding, "vjp", embedding_vjp),),
    "sinusoidal_table": (Place(position.SinusoidalPositionalEncoding, "compute", sinusoidal),),
    "softmax": (Place(kernels, "softmax", softmax),),
    "softmax_vjp": (Place(kernels, "softmax_vjp", softmax_vjp), STEPS),
    "causal_mask": (Place(kernels, "causal_mask", causal_mask),),
    "attention": (Place(kernels, "attention", attention),),
    "concat_vjp": (Place(Concatenate, "vjp", concat_vjp),),
    "layer_norm": (Place(kernels, "layer_norm", layer_norm),),
    "layer_norm_vjp": (Place(normalization.LayerNorm, "vjp", layer_norm_vjp),),
    "cross_entropy": (Place(loss, "cross_entropy", cross_entropy),),
    "cross_entropy_vjp": (Place(kernels, "cross_entropy_vjp", cross_entropy_vjp),),
    "Adam": (Place(adam.Adam, "update", adam_update),),
    "clip_grad_norm": (Place(utils, "clip_grad_norm_", clip_grad_norm),),
    "next_token_probabilities": (Place(sampling, "next_token_probabilities", next_token_probabilities),),
    "sample": (Place(sampling, "draw", draw),),
    "stabilised": (Place(books.Books, "ratio", ratio), LRP),
    "epsilon_rule": (Place(linalg.Linear, "relprop", linear_rule), LRP),
    "matmul_rule": (Place(linalg.MatMul, "relprop", matmul_rule), LRP),
    "softmax_rule": (Place(Softmax, "relprop", softmax_rule), LRP),
    "layer_norm_rule": (Place(normalization.LayerNorm, "relprop", layer_norm_rule), LRP),
    "kernel_weights": (Place(surrogate, "cosine_distance", masks_themselves), Place(surrogate, "kernel", kernel)),
    "weighted_ridge": (Place(surrogate, "weighted_ridge", ridge),),
}
