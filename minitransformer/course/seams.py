"""Seams: public names of the library at which learners' pieces can stand, in a table at the end, and how each piece fits there.

A fit is a function `fit(mine, own, *arguments)`. It gets the arguments of the library's `own` law, method or function, and
computes the same with the learner's `mine`, which takes the arguments that the exercise describes. It returns NotImplemented for
arguments that the exercise does not cover; then `own` answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy

from minitransformer import gradients, optim, statistics
from minitransformer.autograd import Op, Tensor, engine, no_grad
from minitransformer.explain import deletion_curves, rationales, shapley, surrogate
from minitransformer.generation import sampling
from minitransformer.kernels import on_host, reference
from minitransformer.models import t5
from minitransformer.nn import attention, functional, hooks, position, transformer, utils
from minitransformer.ops.books import Books
from minitransformer.ops.elementwise import arithmetic
from minitransformer.ops.index import lookup
from minitransformer.ops.laws import is_number
from minitransformer.ops.networks import heads, normalization, softmax
from minitransformer.ops.products import linalg
from minitransformer.ops.shape import joining
from minitransformer.recipes import masked_lm, span_corruption
from minitransformer.settings import is_grad_enabled
from minitransformer.tokenization import byte_pair, marks

Array = numpy.ndarray
kernels = on_host()
Function = Callable[..., Any]


class Seam(NamedTuple):
    """A law of an op, a method of a layer, or a function of a module, which is looked up there at each call.

    Attributes:
        exercise: its name.
        owner: the class or module.
        name: a public name in it.
        fit: how the learner's answer to the exercise fits there, see above.
        pure: whether `own` may be called as well, to compare the shapes of both results.
    """

    exercise: str
    owner: ModuleType | type
    name: str
    fit: Function = lambda mine, own, *arguments, **named: mine(*arguments, *named.values())
    pure: bool = True


class Node:
    """A result on a tape as lesson 01 sees a value: `parents` are the results that its op used."""

    def __init__(self, parents=(), slopes=(), op: Op | None = None):
        self.parents = parents
        self.slopes = slopes
        self.op = op
        self.grad = 0.0


def topological_order(mine, own, *roots: Tensor) -> Any:
    nodes: dict[Op, Node] = {}
    if len(roots) > 1:  # the exercise begins at one
        return NotImplemented
    for op in reversed(ops := own(*roots)):
        used = [t.op for t in op.inputs or () if isinstance(t, Tensor) and t.op is not None]
        nodes[op] = Node([nodes[made_by] for made_by in used], op=op)
    order = [node.op for node in reversed(mine(nodes[ops[0]]))] if ops else []
    if len(order) != len(ops):
        raise ValueError(f"expected {len(ops)} values in the order, got {len(order)}")
    return order


def arrays(a, b) -> bool:
    return not is_number(a) and not is_number(b)


def needed(op: Op, gradients) -> list:
    """The gradients of a product, None for a factor that needs none; a walk of relevance would count it."""
    return [part if need else None for part, need in zip(gradients, op.needs, strict=False)]


def matmul_vjp(mine, own, op, g: Array, a: Array, b: Array):
    one_batch = a.shape[:-2] == b.shape[:-2] or 2 in (a.ndim, b.ndim)
    return needed(op, mine(g, a, b)) if min(a.ndim, b.ndim) > 1 and one_batch else NotImplemented


def finite_differences(mine, own, fn, tensors, i: int, eps: float = 1e-6, seed: int = 0):
    @no_grad()
    def f(x: Array) -> Array:
        return fn(*[Tensor(x if j == i else t.array) for j, t in enumerate(tensors)]).array.copy()

    value = f(tensors[i].array)
    g = gradients.random_cotangent(value.shape, seed)
    return mine(f, tensors[i].array, g, eps) if numpy.isfinite(value).all() else NotImplemented


def scatter_add(mine, own, g: Array, x: Array, at):
    dx = numpy.zeros_like(x)
    return dx if isinstance(at, Array) and at.ndim == 1 and not mine(dx, at, g) else NotImplemented


def bpe_encode(mine, own, tokenizer: byte_pair.BPETokenizer, text: str) -> list[int]:
    merges = {pair: byte_pair.FIRST_MERGE + n for n, pair in enumerate(tokenizer.merges)}
    words = marks.find_words(byte_pair.WORD, text)
    ids = {word: mine(byte_pair.byte_ids(word), merges) for word in set(words)}
    return [i for word in words for i in ids[word]]


def rotary(mine, own, layer: position.RotaryEmbedding, x: Tensor, start: int = 0, *pairs: bool):
    if x.dtype != numpy.float32 or is_grad_enabled() or not (layer.interleaved or pairs):
        return NotImplemented
    return Tensor(mine(x.array, start + numpy.arange(x.shape[-2]), layer.base, *pairs))


def along(mine, own, *arguments):
    """Over the dimension that comes last among the arguments; the exercise has the last one of its arrays."""
    *arrays, dim = arguments
    if not arrays[0].size or not arrays[0].ndim or not isinstance(dim, int):
        return NotImplemented
    return numpy.moveaxis(mine(*(numpy.moveaxis(a, dim, -1) for a in arrays)), -1, dim)


def attend(mine, own, q: Array, k: Array, v: Array, mask, causal: bool, scale: float, keep=None):
    usual = keep is None and (mask is None or mask.dtype == bool) and q.size and v.size
    if not usual or not math.isclose(scale, 1 / math.sqrt(q.shape[-1])):
        return NotImplemented
    _, p = own(q, k, v, mask, causal, scale)  # (.., T, S)
    seen = numpy.tri(*p.shape[-2:], dtype=numpy.bool_) if causal else None
    seen = seen if mask is None else mask if seen is None else seen & mask
    if seen is None or seen.ndim == 2:
        return mine(q, k, v, seen), p
    one_by_one = numpy.vectorize(mine, [q.dtype], signature="(t,d),(s,d),(s,e),(t,s)->(t,e)")
    return one_by_one(q, k, v, numpy.broadcast_to(seen, p.shape)), p  # each head has its own mask


def split_heads(mine, own, op: heads.SplitHeads, x: Array):  # (B, T, P H d) -> P times (B, H, T, d)
    if x.ndim != 3 or not op.batch_first:
        return NotImplemented
    parts = numpy.split(mine(x, op.outputs * op.heads), op.outputs, axis=1)
    return parts if op.outputs > 1 else parts[0]


def on_arrays(layer) -> bool:
    """Whether a layer may be computed on arrays: without a tape, dropout, or a record of the attention weights."""
    return not (is_grad_enabled() or layer.training) and hooks.attention_weights.get() is None


def self_attention(mine, own, layer, query, key, value, key_padding_mask=None, need_weights=True,
                   attn_mask=None, average_attn_weights=True, is_causal=False, *, cache=None):  # fmt: skip
    usual = query is key is value and query.ndim == 3 and layer.batch_first and layer.in_proj_bias is not None
    padded = key_padding_mask is not None and key_padding_mask.array.any()
    covered = attn_mask is None or attn_mask.ndim == 2 and attn_mask.dtype == bool
    if not usual or padded or not covered or need_weights or cache is not None or not on_arrays(layer):
        return NotImplemented
    seen = None if attn_mask is None else ~attn_mask.array
    seen = numpy.tri(query.shape[1], dtype=numpy.bool_) if is_causal else seen
    return Tensor(mine(query.array, *(p.array for p in layer.parameters()), layer.num_heads, seen)), None


def feed_forward(mine, own, layer: transformer.TransformerEncoderLayer, x: Tensor):
    parameters = [p.array for linear in (layer.linear1, layer.linear2) for p in linear.parameters()]
    covered = layer.activation is functional.relu and len(parameters) == 4
    return Tensor(mine(x.array, *parameters)) if covered and on_arrays(layer) else NotImplemented


def cross_entropy(mine, own, input: Tensor, target: Tensor, *options, ignore_index: int = -100, **settings):
    usual = not options and not any(settings.values()) and input.ndim == 2 and len(input)
    left_out = (target.array < 0) | (target.array == ignore_index)
    if not usual or target.dtype.kind not in "iu" or left_out.any():
        return NotImplemented
    loss = own(input, target)
    loss.array = numpy.asarray(mine(input.array, target.array), input.dtype)
    return loss


def cross_entropy_vjp(mine, own, g: Array, x: Array, target: Array, shift, total, smoothing: float):
    is_mean = not smoothing and len(x) and (g == g[0]).all()
    return mine(g[0] * x.dtype.type(len(x)), x, target) if is_mean else NotImplemented


def step(*settings: str) -> Function:
    """A fit for an optimizer with these settings. Unless it has "weight_decay", the weights' decay is computed here."""
    return lambda mine, own, library, entries, group: updated(mine, library, entries, group, settings)


def updated(mine, library: optim.Optimizer, entries, group: dict, settings: tuple[str, ...]) -> Any:
    """The learner's step for a group, on copies: a step that fails changes nothing."""
    if any(map(group.get, ("dampening", "nesterov", "amsgrad"))):
        return NotImplemented
    lr = optim.optimizer.rate(group)
    decay = 0.0 if "weight_decay" in settings else group["weight_decay"]
    decoupled = group.get("decoupled_weight_decay")
    stepped = [p * (1 - lr * decay) if decoupled else p.copy() for p, _, _ in entries]
    made = vars(library).setdefault("of_the_learner", {})
    states = tuple(id(state) for _, _, state in entries)  # each set of parameters has its own optimizer
    optimizer = made.get(states) or mine(stepped, lr, *(group[name] for name in settings))
    made[states] = optimizer
    optimizer.params = stepped
    optimizer.lr = lr
    optimizer.step([g if decoupled else g + decay * p for p, g, _ in entries])
    changes = [(p, new) for (p, _, _), new in zip(entries, stepped, strict=True)]
    if any(numpy.isfinite(p).all() and not numpy.isfinite(new).all() for p, new in changes):
        raise ValueError("a step made finite parameters NaN or infinite")
    for p, new in changes:
        p[...] = new
    return None


def clip_grad_norm(mine, own, parameters, max_norm: float, *options):
    if options or not isinstance(parameters, list):
        return NotImplemented
    grads = [p.grad for p in parameters if p.grad is not None]
    clipped = [g.array.copy() for g in grads]
    norm = Tensor(numpy.asarray(mine(clipped, max_norm), numpy.float32))
    for g, new in zip(grads, clipped, strict=True):
        g.writable()[...] = new
    return norm


def sample(mine, own, p: Array, random: numpy.random.Generator) -> int:
    token = int(mine(p.copy(), random.random()))
    if not p[token]:
        raise ValueError(f"drew token {token}, which has probability 0")
    return token


def rule(sink: str, law: Function) -> Function:
    """A fit for a rule: `law(mine, op, r, eps, *read)` returns the relevance of each input, and last what is absorbed."""

    def fit(mine, own, op, r: Array, books: Books, *read):
        if (found := law(mine, op, r, books.eps, *read)) is NotImplemented:
            return NotImplemented
        *parts, absorbed = found
        pairs = zip(parts, read[-len(parts) :], strict=True)
        # of a bias, the exercises return one number: the sum of its relevance
        # which may be float64
        parts = [
            numpy.reshape(part, x.shape).astype(x.dtype) if numpy.ndim(part) else part for part, x in pairs
        ]
        books.book(sink, float(absorbed))
        return parts

    return fit


def affine_rule(mine, op, r: Array, eps: float, x: Array, weight: Array, *bias: Array):
    """For a linear layer, with a bias or without, and for LayerNorm."""
    rows = (a.reshape(-1, a.shape[-1]) for a in (r, x))
    r_x, r_bias, absorbed = mine(*rows, weight, bias[0] if bias else numpy.zeros(len(weight), x.dtype), eps)
    return r_x, None, *[numpy.asarray(r_bias) for _ in bias], absorbed


def matmul_rule(mine, op, r: Array, eps: float, a: Array, b: Array):
    return mine(r, a, b, eps) if all(op.needs) and min(a.ndim, b.ndim) > 1 else NotImplemented


def softmax_rule(mine, op, r: Array, eps: float, s: Array, x: Array):
    covered = op.dim in (-1, x.ndim - 1) and not (x == -math.inf).all(-1).any()
    return mine(r, x) if covered else NotImplemented


def shapley_values(mine, own, game, n: int, *arguments):
    _, base, exact = own(game, n, *arguments)
    return (mine(game, n), base, exact) if exact else NotImplemented


# attention's gradient by its definition, which calls those of matmul and softmax one after the other
STEPS = kernels, "attention_vjp", lambda mine, own, *arguments: reference.attention_vjp(*arguments)
NEXT = sampling, "next_token_probabilities"

TABLE = [
    Seam("topological_order", engine, "tape", topological_order, pure=False),
    Seam("unbroadcast", arithmetic.Add, "vjp", lambda mine, own, op, g, a, b:
         (mine(g, a.shape), mine(g, b.shape)) if arrays(a, b) else NotImplemented),
    Seam("mul_vjp", arithmetic.Mul, "vjp", lambda mine, own, op, g, a, b:
         needed(op, mine(g, a, b)) if arrays(a, b) else NotImplemented),
    Seam("matmul_vjp", linalg.MatMul, "vjp", matmul_vjp),
    Seam("matmul_vjp", reference, "matmul_vjp"),
    Seam("matmul_vjp", *STEPS),
    Seam("finite_differences", gradients, "finite_differences", finite_differences),
    Seam("sigmoid", kernels, "sigmoid"),
    Seam("scatter_add", kernels, "index_vjp", scatter_add),
    Seam("merge_pair", byte_pair, "merge"),
    Seam("most_frequent_pair", byte_pair.Corpus, "best_pair",
         lambda mine, own, corpus: mine(dict(zip(corpus.words, corpus.frequency, strict=True)))),
    Seam("bpe_encode", byte_pair.BPETokenizer, "encode", bpe_encode),
    Seam("embedding", lookup.Embedding, "forward", lambda mine, own, op, weight, ids: mine(weight, ids)),
    Seam("embedding_vjp", lookup.Embedding, "vjp",
         lambda mine, own, op, g, weight, ids: (mine(g, ids, len(weight)), None)),
    Seam("sinusoidal_table", position.SinusoidalPositionalEncoding, "compute",
         lambda mine, own, layer, length: Tensor(mine(length, layer.d_model))),
    Seam("rotary", position.RotaryEmbedding, "forward", rotary),
    Seam("softmax", kernels, "softmax", along),
    Seam("softmax_vjp", kernels, "softmax_vjp", along),
    Seam("softmax_vjp", reference, "softmax_vjp", along),
    Seam("softmax_vjp", *STEPS),
    Seam("attention", kernels, "attention", attend),
    Seam("causal_mask", kernels, "causal_mask",
         lambda mine, own, xp, n, m: mine(n) if n == m else NotImplemented),
    Seam("split_heads", heads.SplitHeads, "forward", split_heads),
    Seam("merge_heads", heads.MergeHeads, "forward",
         lambda mine, own, op, x: mine(x) if x.ndim == 4 and op.batch_first else NotImplemented),
    Seam("concat_vjp", joining.Concatenate, "vjp",
         lambda mine, own, op, g, *xs: mine(g, [x.shape[op.dim] for x in xs], op.dim)),
    Seam("multi_head_attention", attention.MultiheadAttention, "forward", self_attention),
    Seam("layer_norm", kernels, "layer_norm", lambda mine, own, *given: (mine(*given), *own(*given)[1:])),
    Seam("layer_norm_vjp", normalization.LayerNorm, "vjp",
         lambda mine, own, op, g, x, weight, bias: mine(g, x, weight, op.eps)),
    Seam("feed_forward", transformer.TransformerEncoderLayer, "feed_forward", feed_forward),
    Seam("cross_entropy", functional, "cross_entropy", cross_entropy),
    Seam("cross_entropy_vjp", kernels, "cross_entropy_vjp", cross_entropy_vjp),
    Seam("SGD", optim.SGD, "update_all", step("momentum"), pure=False),
    Seam("Adam", optim.Adam, "update_all", step("betas", "eps"), pure=False),
    Seam("AdamW", optim.AdamW, "update_all", step("betas", "eps", "weight_decay"), pure=False),
    Seam("clip_grad_norm", utils, "clip_grad_norm_", clip_grad_norm, pure=False),
    Seam("sample", sampling, "draw", sample, pure=False),
    Seam("keep_top_k", *NEXT, lambda mine, own, logits, temperature=1.0, top_k=None, top_p=None:
         mine(own(logits, temperature), top_k) if top_k and not top_p and temperature else NotImplemented),
    Seam("keep_top_p", *NEXT, lambda mine, own, logits, temperature=1.0, top_k=None, top_p=None:
         mine(own(logits, temperature, top_k), top_p) if top_p and temperature else NotImplemented),
    Seam("next_token_probabilities", *NEXT, lambda mine, own, logits, *how: mine(logits.astype(float), *how)),
    Seam("stabilised", Books, "stabiliser", lambda mine, own, books, z: mine(z, books.eps) - z),
    Seam("epsilon_rule", linalg.Linear, "relprop", rule("epsilon", affine_rule), pure=False),
    Seam("matmul_rule", linalg.MatMul, "relprop", rule("epsilon", matmul_rule), pure=False),
    Seam("softmax_rule", softmax.Softmax, "relprop", rule("softmax", softmax_rule), pure=False),
    Seam("layer_norm_rule", normalization.LayerNorm, "relprop", rule("epsilon", affine_rule), pure=False),
    Seam("kernel_weights", surrogate, "mask_weights"),
    Seam("weighted_ridge", surrogate, "weighted_ridge"),
    Seam("shapley_values", shapley, "shapley_values", shapley_values),
    Seam("prefixes", deletion_curves, "prefixes"),
    Seam("rank_correlation", statistics, "rank_correlation"),
    Seam("auroc", rationales, "auroc"),
    Seam("mask_tokens", masked_lm, "hidden"),
    Seam("span_corruption", span_corruption, "cut_out"),
    Seam("relative_buckets", t5, "buckets"),
    Seam("rotary_pairs", position.RotaryEmbedding, "forward",
         lambda mine, own, layer, x, start=0: rotary(mine, own, layer, x, start, layer.interleaved)),
]  # fmt: skip
SEAMS = {row.exercise: [seam for seam in TABLE if seam.exercise == row.exercise] for row in TABLE}
# the rules of lesson 11 are about relevance itself: with one of them, LRP has to be walked in its explicit form
RULES = frozenset({"stabilised", "epsilon_rule", "matmul_rule", "softmax_rule", "layer_norm_rule"})
