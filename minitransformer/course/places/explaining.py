"""Lessons 11 to 13: the rules of relevance, LIME, fair shares, and the judges of explanations."""

from __future__ import annotations

import dataclasses
import math
from functools import partial

import numpy

from minitransformer import statistics
from minitransformer.course.places.place import Place, Places, as_it_is
from minitransformer.explain import (
    deletion_curves,
    rationales,
    shapley,
    surrogate,
    walk,
)
from minitransformer.explain.perturbation import masked_logits
from minitransformer.ops import books, linalg, normalization
from minitransformer.ops.softmax import Softmax
from minitransformer.tokenization.tokenizer import UNK


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
    def relprop(self, r, books, x, weight, *bias):
        rows = (a.reshape(-1, a.shape[-1]) for a in (r, x))
        kept_by = bias[0] if bias else numpy.zeros(len(weight), x.dtype)
        r_x, to_bias, to_epsilon = mine(*rows, weight, kept_by, books.eps)
        books.absorb("epsilon", to_epsilon)
        return r_x.reshape(x.shape), None, *[numpy.asarray(to_bias) for _ in bias]

    return relprop


def matmul_rule(mine, own):
    def relprop(self, r, books, a, b):
        if not all(self.needs) or min(a.ndim, b.ndim) < 2:
            return own(self, r, books, a, b)
        r_a, r_b, to_epsilon = mine(r, a, b, books.eps)
        books.absorb("epsilon", to_epsilon)
        return r_a, r_b

    return relprop


def softmax_rule(mine, own):
    def relprop(self, r, books, s, x):
        if self.dim not in (-1, x.ndim - 1) or (x == -math.inf).all(-1).any():
            return own(self, r, books, s, x)
        r_x, kept = mine(r, x)
        books.absorb("softmax", kept)
        return (r_x,)

    return relprop


def layer_norm_rule(mine, own):
    def relprop(self, r, books, x, weight, bias):
        if self.eps != 1e-5:
            return own(self, r, books, x, weight, bias)
        r_x, to_bias, to_epsilon = mine(r, x, weight, bias, books.eps)
        books.absorb("epsilon", to_epsilon)
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
    # where the distance is a mask, it is yet to be measured
    def weights(distance, width=surrogate.KERNEL_WIDTH):
        return mine(distance, width) if distance.dtype == bool else own(distance, width)

    return weights


def shapley_values(mine, own):
    def shares(game, n, num_samples=2048, seed=0):
        values, base, exact = own(game, n, num_samples, seed)
        return (mine(game, n) if exact else values), base, exact

    return shares


def removal_curves(mine, own):
    """The curves of an explanation are the learner's; those of random orders, to compare with, the library's."""

    def judged(logit, ids, relevance, replace="zero", unk_id=UNK, orders=20, seed=0):
        found = own(logit, ids, relevance, replace, unk_id=unk_id, orders=orders, seed=seed)
        morf, lerf, _ = mine(
            lambda keep: masked_logits(logit, ids, keep, replace, unk_id), numpy.asarray(relevance, float)
        )
        return dataclasses.replace(found, morf=morf, lerf=lerf)

    return judged


def auroc(mine, own):
    return lambda relevance, marked: mine(*rationales._checked(relevance, marked))


LRP = Place(walk, "lrp", explicit)

PLACES: Places = {
    "stabilised": (Place(books.Books, "ratio", ratio), LRP),
    "epsilon_rule": (Place(linalg.Linear, "relprop", linear_rule), LRP),
    "matmul_rule": (Place(linalg.MatMul, "relprop", matmul_rule), LRP),
    "softmax_rule": (Place(Softmax, "relprop", softmax_rule), LRP),
    "layer_norm_rule": (Place(normalization.LayerNorm, "relprop", layer_norm_rule), LRP),
    "kernel_weights": (
        Place(surrogate, "cosine_distance", masks_themselves),
        Place(surrogate, "kernel", kernel),
    ),
    "weighted_ridge": (Place(surrogate, "weighted_ridge", ridge),),
    "shapley_values": (Place(shapley, "shapley_values", shapley_values),),
    "prefixes": (Place(deletion_curves, "prefixes", as_it_is),),
    "removal_curves": (Place(deletion_curves, "faithfulness", removal_curves),),
    "rank_correlation": (Place(statistics, "rank_correlation", as_it_is),),
    "auroc": (Place(rationales, "auroc", auroc),),
}
