"""Activations, dropout, normalization and losses."""

from __future__ import annotations

import numpy

from minitransformer.backends import float32
from minitransformer.randomness import manual_seed
from minitransformer.verify.case import OpCase
from minitransformer.verify.inputs import given, ids, normal, positive


def _dropped(lib, x):
    manual_seed(0)  # each call sets the same units to zero
    return lib.nn.functional.dropout(x, 0.3)


def _dropped_by_hand(torch, x):
    key = numpy.random.default_rng(0).integers(1 << 63)
    even = numpy.random.Generator(numpy.random.Philox(key=key)).random(tuple(x.shape), dtype=float32)
    return x * torch.tensor(even >= 0.3) / 0.7


ACTIVATIONS = [
    OpCase("tanh", lambda lib, x: lib.tanh(x), [normal(3, 4)]),
    OpCase("sigmoid", lambda lib, x: lib.sigmoid(x), [normal(3, 4)]),
    OpCase("relu", lambda lib, x: lib.relu(x), [normal(3, 4)]),
    OpCase("gelu", lambda lib, x: lib.nn.functional.gelu(x), [normal(3, 4)]),
    OpCase("gelu, tanh form", lambda lib, x: lib.nn.functional.gelu(x, approximate="tanh"), [normal(3, 4)]),
    OpCase("silu", lambda lib, x: lib.nn.functional.silu(x), [normal(3, 4)]),
    OpCase("leaky_relu", lambda lib, x: lib.nn.functional.leaky_relu(x, 0.2), [normal(3, 4)]),
    OpCase("elu", lambda lib, x: lib.nn.functional.elu(x, 0.7), [normal(3, 4)]),
    OpCase("softplus", lambda lib, x: lib.nn.functional.softplus(x, 2, 3), [normal(3, 4)]),
    OpCase("logsigmoid", lambda lib, x: lib.nn.functional.logsigmoid(x), [normal(3, 4)]),
    OpCase("mish", lambda lib, x: lib.nn.functional.mish(x), [normal(3, 4)]),
    OpCase("hardtanh", lambda lib, x: lib.nn.functional.hardtanh(x, -0.5), [normal(3, 4)]),
    OpCase("relu6", lambda lib, x: lib.nn.functional.relu6(4 * x), [normal(3, 4)]),
    OpCase("prelu", lambda lib, x, w: lib.nn.functional.prelu(x, w), [normal(3, 4, 2), normal(4)]),
    OpCase("selu", lambda lib, x: lib.nn.functional.selu(x), [normal(3, 4)]),
    OpCase("celu", lambda lib, x: lib.nn.functional.celu(x, 0.5), [normal(3, 4)]),
    OpCase("hardswish", lambda lib, x: lib.nn.functional.hardswish(3 * x), [normal(3, 4)]),
    OpCase(
        "hardsigmoid",
        lambda lib, x: lib.nn.functional.hardsigmoid(3 * x),
        [normal(3, 4)],
        lambda lib, x: lib.nn.functional.relu6(3 * x + 3) / 6,  # its own gradient rounds 1/6 to float32
    ),
    OpCase("softsign", lambda lib, x: lib.nn.functional.softsign(x), [normal(3, 4)]),
    OpCase("tanhshrink", lambda lib, x: lib.nn.functional.tanhshrink(x), [normal(3, 4)]),
    OpCase("hardshrink", lambda lib, x: lib.nn.functional.hardshrink(x, 0.3), [normal(3, 4)]),
    OpCase("softshrink", lambda lib, x: lib.nn.functional.softshrink(x, 0.3), [normal(3, 4)]),
    OpCase("threshold", lambda lib, x: lib.nn.functional.threshold(x, 0.2, -1.5), [normal(3, 4)]),
    OpCase("glu", lambda lib, x: lib.nn.functional.glu(x, 0), [normal(4, 3)]),
    OpCase("dropout", _dropped, [normal(3, 4)], _dropped_by_hand),
]


NORMALIZATIONS = [
    OpCase(
        "layer_norm",
        lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (5,), w, b),
        [normal(2, 3, 5), normal(5), normal(5)],
    ),
    OpCase(
        "layer_norm, two dimensions",
        lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (3, 5), w, b),
        [normal(2, 3, 5), normal(3, 5), normal(3, 5)],
    ),
    OpCase("layer_norm, no weight", lambda lib, x: lib.nn.functional.layer_norm(x, (5,)), [normal(2, 3, 5)]),
    OpCase(
        "rms_norm", lambda lib, x, w: lib.nn.functional.rms_norm(x, (5,), w), [normal(2, 3, 5), normal(5)]
    ),
]


LOSSES = [
    OpCase(
        "cross_entropy", lambda lib, x, y: lib.nn.functional.cross_entropy(x, y), [normal(4, 5), ids(5, 4)]
    ),
    OpCase(
        "cross_entropy, smoothed, some ignored",
        lambda lib, x, y: lib.nn.functional.cross_entropy(
            x, y, ignore_index=0, reduction="sum", label_smoothing=0.1
        ),
        [normal(4, 5), given([3, 0, 4, 0])],
    ),
    OpCase(
        "cross_entropy, each place",
        lambda lib, x, y: lib.nn.functional.cross_entropy(x, y, reduction="none"),
        [normal(2, 5, 3), ids(5, 2, 3)],
    ),
    OpCase(
        "cross_entropy, classes weighted",
        lambda lib, x, y: lib.nn.functional.cross_entropy(
            x, y, lib.arange(1, 6).to(x.dtype), label_smoothing=0.1
        ),
        [normal(4, 5), ids(5, 4)],
    ),
    OpCase(
        "cross_entropy, of probabilities",
        lambda lib, x, p: lib.nn.functional.cross_entropy(x, lib.softmax(p, 1)),
        [normal(2, 5, 3), normal(2, 5, 3)],
    ),
    OpCase(
        "nll_loss",
        lambda lib, x, y: lib.nn.functional.nll_loss(x, y, reduction="none"),
        [normal(2, 5, 3), ids(5, 2, 3)],
    ),
    OpCase("mse_loss", lambda lib, x, y: lib.nn.functional.mse_loss(x, y), [normal(3, 4), normal(3, 4)]),
    OpCase("l1_loss", lambda lib, x, y: lib.nn.functional.l1_loss(x, y), [normal(3, 4), normal(3, 4)]),
    OpCase(
        "smooth_l1_loss",
        lambda lib, x, y: lib.nn.functional.smooth_l1_loss(x, y, beta=0.7),
        [normal(3, 4), normal(3, 4)],
    ),
    OpCase(
        "huber_loss",
        lambda lib, x, y: lib.nn.functional.huber_loss(x, y, reduction="none", delta=0.7),
        [normal(3, 4), normal(3, 4)],
    ),
    OpCase(
        "kl_div",
        lambda lib, x, y: lib.nn.functional.kl_div(x, lib.softmax(y, 1), reduction="batchmean"),
        [normal(3, 4), normal(3, 4)],
    ),
    OpCase(
        "binary_cross_entropy",
        lambda lib, x, y: lib.nn.functional.binary_cross_entropy(lib.sigmoid(x), lib.sigmoid(y)),
        [normal(3, 4), normal(3, 4)],
    ),
    OpCase(
        "binary_cross_entropy_with_logits",
        lambda lib, x, y: lib.nn.functional.binary_cross_entropy_with_logits(
            x, y, pos_weight=lib.arange(1, 5).to(x.dtype)
        ),
        [normal(3, 4), normal(3, 4)],
    ),
    OpCase(
        "pairwise_distance",
        lambda lib, a, b: lib.nn.functional.pairwise_distance(a, b, 3.0),
        [normal(3, 4), normal(3, 4)],
    ),
    OpCase(
        "cosine_embedding_loss",
        lambda lib, a, b, y: lib.nn.functional.cosine_embedding_loss(a, b, y, -0.5),
        [normal(4, 3), normal(4, 3), given([1, -1, -1, 1])],
    ),
    OpCase(
        "margin_ranking_loss",
        lambda lib, a, b, y: lib.nn.functional.margin_ranking_loss(a, b, y, 0.5),
        [normal(4), normal(4), given([1, -1, -1, 1])],
    ),
    OpCase(
        "hinge_embedding_loss",
        lambda lib, x, y: lib.nn.functional.hinge_embedding_loss(x, y, 0.5),
        [normal(4), given([1, -1, -1, 1])],
    ),
    OpCase(
        "soft_margin_loss",
        lambda lib, x, y: lib.nn.functional.soft_margin_loss(x, y, reduction="none"),
        [normal(4), given([1, -1, -1, 1])],
    ),
    OpCase(
        "multi_margin_loss",
        lambda lib, x, y: lib.nn.functional.multi_margin_loss(x, y, 2),
        [normal(4, 5), ids(5, 4)],
    ),
    OpCase(
        "multilabel_soft_margin_loss",
        lambda lib, x, y: lib.nn.functional.multilabel_soft_margin_loss(x, y),
        [normal(2, 3), given([[1, 0, 1], [0, 0, 1]])],
    ),
    OpCase(
        "poisson_nll_loss",
        lambda lib, x, y: lib.nn.functional.poisson_nll_loss(x, y, full=True),
        [normal(4), given([0.5, 2.0, 1.5, 5.0])],
    ),
    OpCase(
        "gaussian_nll_loss",
        lambda lib, x, y, v: lib.nn.functional.gaussian_nll_loss(x, y, v),
        [normal(4, 3), normal(4, 3), positive(4, 1)],
    ),
    OpCase(
        "triplet_margin_loss",
        lambda lib, a, p, n: lib.nn.functional.triplet_margin_loss(a, p, n, 3.0, swap=True),
        [normal(4, 3)] * 3,
    ),
]
