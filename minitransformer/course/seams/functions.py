"""Functions, looked up in their module by those that call them."""

from __future__ import annotations

from dataclasses import replace as changed

import numpy

from minitransformer import autograd, gradients, statistics
from minitransformer.autograd import Op, Tensor, no_grad
from minitransformer.course.seams.seam import Array, Seam, Seams, shaped
from minitransformer.explain import deletion_curves, rationales, shapley, surrogate
from minitransformer.explain.perturbation import masked_logits
from minitransformer.generation import beam, sampling
from minitransformer.generation.reading import last_logits
from minitransformer.kernels import numpy as kernels
from minitransformer.models import t5
from minitransformer.nn import functional, utils
from minitransformer.ops.creation import tensor
from minitransformer.recipes import span_corruption
from minitransformer.tokenization import byte_pair
from minitransformer.tokenization.tokenizer import UNK


class Node:
    """An op as lesson 01 sees a value: `parents` are the ops whose results it used."""

    def __init__(self, op: Op, parents: list[Node]):
        self.op = op
        self.parents = parents


def tape(mine, own, root: Tensor) -> list[Op]:
    nodes: dict[Op | None, Node] = {}
    for op in reversed(ops := own(root)):
        used = [t.op for t in op.inputs or () if isinstance(t, Tensor) and t.op is not None]
        nodes[op] = Node(op, [nodes[made_by] for made_by in used])
    order = [node.op for node in reversed(mine(nodes[root.op]))] if nodes else []
    if len(order) != len(ops):
        raise ValueError(f"expected {len(ops)} values in the order, got {len(order)}")
    return order


def finite_differences(mine, own, fn, tensors, i: int, eps: float = 1e-6, seed: int = 0):
    @no_grad()
    def f(x: Array) -> Array:
        return fn(*[Tensor(x if j == i else t.array) for j, t in enumerate(tensors)]).array.copy()

    value = f(tensors[i].array)
    g = gradients.random_cotangent(value.shape, seed)
    known = numpy.isfinite(value).all()
    return shaped(mine(f, tensors[i].array, g, eps), tensors[i].array) if known else NotImplemented


def cross_entropy(mine, own, input: Tensor, target: Tensor, *options, **settings):
    plain = not options and not any(settings.values()) and input.ndim == 2 and len(input)
    if not plain or target.dtype.kind not in "iu" or (target.array < 0).any():
        return NotImplemented
    loss = own(input, target)
    loss.array = shaped(mine(input.array, target.array), loss.array).astype(input.dtype)
    return loss


def cross_entropy_vjp(
    mine, own, g: Array, x: Array, target: Array, shift: Array, total: Array, smoothing: float
):
    is_mean = not smoothing and len(x) and (g == g[0]).all()
    return mine(g[0] * x.dtype.type(len(x)), x, target) if is_mean else NotImplemented


def clip(mine, own, parameters, max_norm: float, *options):
    if options or not isinstance(parameters, list):
        return NotImplemented
    gradients = [p.grad for p in parameters if p.grad is not None]
    clipped = [g.array.copy() for g in gradients]
    norm = tensor(float(mine(clipped, max_norm)))
    for g, new in zip(gradients, clipped, strict=True):
        g.writable()[...] = new
    return norm


def draw(mine, own, p: Array, random: numpy.random.Generator) -> int:
    token = int(mine(p.copy(), random.random()))
    if not p[token]:
        raise ValueError(f"drew token {token}, which has probability 0")
    return token


def keep_top_k(mine, own, logits: Array, temperature: float = 1.0, top_k=None, top_p=None):
    if top_k is None or temperature == 0:
        return NotImplemented
    kept = mine(own(logits, temperature), top_k)
    with numpy.errstate(divide="ignore"):
        return kept if top_p is None else own(numpy.log(kept), top_p=top_p)


def keep_top_p(mine, own, logits: Array, temperature: float = 1.0, top_k=None, top_p=None):
    return (
        mine(own(logits, temperature, top_k), top_p) if top_p is not None and temperature else NotImplemented
    )


def beam_search(mine, own, model, ids, length: int, beams: int = 4, penalty: float = 1.0, stop_id=None):
    """The best text is the learner's; those that came next to it are the library's."""

    def log_shares(text: list[int]) -> Array:  # (T,) -> (V,)
        logits = last_logits(model, [text])[0].astype(float)
        return logits - numpy.logaddexp.reduce(logits)

    if stop_id is not None or not length:
        return NotImplemented
    tokens, score = mine(log_shares, list(ids), beams, length)
    return [beam.Draft(tuple(map(int, tokens)), float(score)), *own(model, ids, length, beams, penalty)[1:]]


class Measured(numpy.ndarray):
    """Distances with the masks that they were measured of, which the exercise asks for."""

    masks: Array | None = None


def cosine_distance(mine, own, masks: Array) -> Measured:
    distance = own(masks).view(Measured)
    distance.masks = masks
    return distance


def kernel(mine, own, distance: Measured, width: float = surrogate.KERNEL_WIDTH):
    return NotImplemented if getattr(distance, "masks", None) is None else mine(distance.masks, width)


def shapley_values(mine, own, game, n: int, *arguments):
    values, base, exact = own(game, n, *arguments)
    return (mine(game, n), base, exact) if exact else NotImplemented


def removal_curves(mine, own, logit, ids, relevance, replace: str = "zero", *, unk_id: int = UNK, **options):
    """The curves of an explanation are the learner's; those of random orders, to compare with, are the library's."""
    found = own(logit, ids, relevance, replace, unk_id=unk_id, **options)
    morf, lerf, _ = mine(lambda keep: masked_logits(logit, ids, keep, replace, unk_id), relevance)
    return changed(found, morf=shaped(morf, found.morf), lerf=shaped(lerf, found.lerf))


NEXT = sampling, "next_token_probabilities"

SEAMS: Seams = {
    "topological_order": (Seam(autograd, "tape", tape, False),),
    "finite_differences": (Seam(gradients, "finite_differences", finite_differences, False),),
    "merge_pair": (Seam(byte_pair, "merge"),),
    "cross_entropy": (Seam(functional, "cross_entropy", cross_entropy, False),),
    "cross_entropy_vjp": (Seam(kernels, "cross_entropy_vjp", cross_entropy_vjp),),
    "clip_grad_norm": (Seam(utils, "clip_grad_norm_", clip, False),),
    "sample": (Seam(sampling, "draw", draw, False),),
    "keep_top_k": (Seam(*NEXT, keep_top_k),),
    "keep_top_p": (Seam(*NEXT, keep_top_p),),
    "next_token_probabilities": (
        Seam(*NEXT, lambda mine, own, logits, *how: mine(logits.astype(float), *how)),
    ),
    "beam_search": (Seam(beam, "beam_search", beam_search),),
    "kernel_weights": (
        Seam(surrogate, "cosine_distance", cosine_distance),
        Seam(surrogate, "kernel", kernel),
    ),
    "weighted_ridge": (
        Seam(surrogate, "weighted_ridge", lambda mine, own, x, y, weight, alpha: mine(x, y, weight, alpha)),
    ),
    "shapley_values": (Seam(shapley, "shapley_values", shapley_values),),
    "prefixes": (Seam(deletion_curves, "prefixes"),),
    "removal_curves": (Seam(deletion_curves, "faithfulness", removal_curves, False),),
    "rank_correlation": (Seam(statistics, "rank_correlation"),),
    "auroc": (Seam(rationales, "auroc"),),
    "span_corruption": (Seam(span_corruption, "cut_out"),),
    "relative_buckets": (Seam(t5, "buckets"),),
}
