"""Is it true? Take tokens away in the order of their relevance, and watch the logit.

If the relevant tokens are the ones the model used, the logit falls fast when they go first (MoRF, most relevant first) and
slowly when they go last (LeRF). A random order shows what falling means for this text and this replacement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy

from minitransformer.autograd import Tensor
from minitransformer.explain.perturbation import Logit, masked_logits, one_sequence
from minitransformer.statistics import mean_height
from minitransformer.tokenization.tokenizer import UNK

SHARES = (0.01, 0.05, 0.10, 0.20, 0.50)  # of the tokens, DeYoung et al., ACL 2020, section 4
METRICS = ("delta_auc", "aopc", "comprehensiveness", "sufficiency")

Array = numpy.ndarray


def metrics(morf: Array, lerf: Array) -> dict[str, Array]:
    """The four figures of one pair of curves, or of many: (.., T + 1) twice -> (..) each.

    delta_auc = AUC(LeRF) - AUC(MoRF); aopc = mean over k = 0..T of f(x) - f(x without the k most relevant), Samek et al.,
    IEEE TNNLS 28, 2017, equation 12; comprehensiveness = mean over shares of f(x) - f(x without the most relevant share),
    sufficiency = the same with only that share left (DeYoung et al., ACL 2020, section 4). Large is good, but for sufficiency.
    """
    full, n = morf[..., 0], morf.shape[-1] - 1
    counts = [math.ceil(share * n) for share in SHARES]
    return {
        "delta_auc": mean_height(lerf) - mean_height(morf),
        "aopc": (full[..., None] - morf).mean(axis=-1),
        "comprehensiveness": (full[..., None] - morf[..., counts]).mean(axis=-1),
        "sufficiency": (full[..., None] - lerf[..., [n - k for k in counts]]).mean(axis=-1),
    }


@dataclass(frozen=True)
class Faithfulness:
    """The logit as tokens go: `morf`, `lerf` (T + 1,), with k tokens gone at k.

    `random_curves` (R, 2, T + 1): R random orders, each forwards and backwards. `replace` says what a token that goes
    becomes. The figures are those of `metrics`; `random` gives the mean and the standard deviation of each over the orders.
    """

    replace: str
    morf: Array = field(repr=False)
    lerf: Array = field(repr=False)
    random_curves: Array = field(repr=False)

    @property
    def scores(self) -> dict[str, float]:
        """The four figures of the explanation."""
        return {name: float(value) for name, value in metrics(self.morf, self.lerf).items()}

    @property
    def random(self) -> dict[str, tuple[float, float]]:
        """(mean, standard deviation) of the four figures of random orders."""
        found = metrics(self.random_curves[:, 0], self.random_curves[:, 1])
        return {name: (float(values.mean()), float(values.std(ddof=1))) for name, values in found.items()}

    delta_auc = property(lambda self: self.scores["delta_auc"])
    aopc = property(lambda self: self.scores["aopc"])
    comprehensiveness = property(lambda self: self.scores["comprehensiveness"])
    sufficiency = property(lambda self: self.scores["sufficiency"])

    def __str__(self) -> str:
        random = {
            name: f"random {mean:+8.4f} +- {spread:.4f}" for name, (mean, spread) in self.random.items()
        }
        rows = [f"{name:18s} {value:+8.4f}   {random[name]}" for name, value in self.scores.items()]
        return "\n".join([f"faithfulness, tokens become: {self.replace}", *rows])


def prefixes(order: Array) -> Array:
    """Which tokens are left when 0, 1, .. T of `order` (T,) are gone: bool (T + 1, T)."""
    n = len(order)
    keep = numpy.empty((n + 1, n), dtype=bool)
    keep[:, order] = numpy.arange(n) >= numpy.arange(n + 1)[:, None]
    return keep


def faithfulness(
    logit: Logit, ids, relevance, replace: str = "zero", unk_id: int = UNK, orders: int = 20, seed: int = 0
) -> Faithfulness:
    """How a logit falls as tokens go in the order of their relevance, and in `orders` random orders.

    ids (T,) and relevance (T,), of one sequence. `logit` takes ids, an integer tensor (N, T'), and returns one number for
    each sequence (N,): `explain.logit_of(model, target)` makes one. `replace`: "zero" sets a token's embedding to zero,
    "unk" makes it `unk_id`, "delete" takes it out. Raises ValueError for shapes that do not fit, relevance or answers that
    are not finite, fewer than 2 orders; and whatever `logit` raises.
    """
    ids = one_sequence(ids)
    if orders < 2:
        raise ValueError(f"orders: expected 2 or more random orders to measure a spread, got {orders}")
    random = numpy.random.default_rng(seed)
    every = [ranking(ids, relevance), *(random.permutation(len(ids)) for _ in range(orders))]
    curves = deletion_curves(logit, ids, every, replace, unk_id)
    return Faithfulness(replace, curves[0, 0], curves[0, 1], curves[1:])


def ranking(ids: Array, relevance) -> Array:
    """The places of the tokens, the most relevant first. (T,), (T,) -> (T,). Raises ValueError as `faithfulness` does."""
    relevance = numpy.asarray(
        relevance.numpy() if isinstance(relevance, Tensor) else relevance, dtype=numpy.float64
    )
    if relevance.shape != ids.shape or not numpy.isfinite(relevance).all():
        got = f"got shape {relevance.shape}: {relevance}"
        raise ValueError(f"relevance: expected {ids.shape} finite numbers, one for each token, {got}")
    return numpy.argsort(-relevance, kind="stable")


def deletion_curves(
    logit: Logit, ids: Array, orders: Sequence[Array], replace: str = "zero", unk_id: int = UNK
) -> Array:
    """The logit as the tokens go in each order, forwards and backwards. R orders (T,) -> (R, 2, T + 1)."""
    # (2 R (T + 1), T)
    keep = numpy.concatenate([prefixes(order[::way]) for order in orders for way in (1, -1)])
    return unique_logits(logit, ids, keep, replace, unk_id).reshape(len(orders), 2, len(ids) + 1)


def unique_logits(logit: Logit, ids: Array, keep: Array, replace: str, unk_id: int) -> Array:
    """`masked_logits`, with equal masks asked once."""
    different, places = numpy.unique(keep, axis=0, return_inverse=True)
    return masked_logits(logit, ids, different, replace, unk_id)[places.ravel()]
