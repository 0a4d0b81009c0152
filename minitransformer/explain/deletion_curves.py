"""Is an explanation faithful to the model? Remove tokens in the order of their relevance, and record the logit.

If the relevant tokens are those that the model used, the logit falls fast when they are removed first (MoRF, most relevant
first) and slowly when they are removed last (LeRF). Random orders show how far it falls for this text and this replacement
in any case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from minitransformer.autograd import Tensor
from minitransformer.explain.perturbation import Logit, masked_logits, one_sequence
from minitransformer.statistics import mean_height
from minitransformer.tokenization.tokenizer import UNK

SHARES = (0.01, 0.05, 0.10, 0.20, 0.50)  # of the tokens, DeYoung et al., ACL 2020, section 4
METRICS = ("delta_auc", "aopc", "comprehensiveness", "sufficiency")

Array = numpy.ndarray


def metrics(morf: Array, lerf: Array) -> dict[str, Array]:
    """Four measures of faithfulness; a high value is good, except for sufficiency.

    | measure | definition |
    |---|---|
    | delta_auc | AUC(LeRF) - AUC(MoRF) |
    | aopc | the mean over k = 0..T of f(x) - f(x without the k most relevant tokens) |
    | comprehensiveness | the mean over `SHARES` of f(x) - f(x without that share of most relevant tokens) |
    | sufficiency | the mean over `SHARES` of f(x) - f(x with only that share) |

    Args:
        morf: the logit with k tokens removed, most relevant first, (.., T + 1).
        lerf: the same, least relevant first.

    Returns:
        Each measure by its name, (..).

    Source:
        Samek et al., IEEE TNNLS 28, 2017, equation 12; DeYoung et al., ACL 2020, section 4.
    """
    full = morf[..., 0]
    n = morf.shape[-1] - 1
    counts = [math.ceil(share * n) for share in SHARES]
    return {
        "delta_auc": mean_height(lerf) - mean_height(morf),
        "aopc": (full[..., None] - morf).mean(axis=-1),
        "comprehensiveness": (full[..., None] - morf[..., counts]).mean(axis=-1),
        "sufficiency": (full[..., None] - lerf[..., [n - k for k in counts]]).mean(axis=-1),
    }


@dataclass(frozen=True)
class Faithfulness:
    """How a logit falls as tokens are removed. The measures are those of `metrics`.

    Attributes:
        replace: what a removed token becomes, as in `masked_logits`.
        morf: the logit with k tokens removed, most relevant first, (T + 1,).
        lerf: the same, least relevant first.
        random_curves: (R, 2, T + 1), R random orders, each forwards and backwards.
    """

    replace: str
    morf: Array = field(repr=False)
    lerf: Array = field(repr=False)
    random_curves: Array = field(repr=False)

    @property
    def scores(self) -> dict[str, float]:
        """The four measures of the explanation."""
        return {name: float(value) for name, value in metrics(self.morf, self.lerf).items()}

    @property
    def random(self) -> dict[str, tuple[float, float]]:
        """(mean, standard deviation) of the four measures over the random orders."""
        found = metrics(self.random_curves[:, 0], self.random_curves[:, 1])
        return {name: (float(values.mean()), float(values.std(ddof=1))) for name, values in found.items()}

    @property
    def delta_auc(self) -> float:
        """The area under the curve of `lerf` less that under the curve of `morf`; larger is better."""
        return self.scores["delta_auc"]

    @property
    def aopc(self) -> float:
        """By how much the logit falls, most relevant first, averaged over the numbers of removed tokens; larger is better."""
        return self.scores["aopc"]

    @property
    def comprehensiveness(self) -> float:
        """By how much the logit falls without the most relevant tokens; larger is better."""
        return self.scores["comprehensiveness"]

    @property
    def sufficiency(self) -> float:
        """By how much the logit falls with only the most relevant tokens left; smaller is better."""
        return self.scores["sufficiency"]

    def __str__(self) -> str:
        random = {
            name: f"random {mean:+8.4f} +- {spread:.4f}" for name, (mean, spread) in self.random.items()
        }
        rows = [f"{name:18s} {value:+8.4f}   {random[name]}" for name, value in self.scores.items()]
        return "\n".join([f"faithfulness, tokens become: {self.replace}", *rows])


def prefixes(order: Array) -> Array:
    """The tokens that are left after the first 0, 1, .. T tokens of an order are removed.

    Args:
        order: the positions of the tokens, (T,).

    Returns:
        (T + 1, T) booleans, True for a token that is left.
    """
    n = len(order)
    keep = numpy.empty((n + 1, n), dtype=bool)
    keep[:, order] = numpy.arange(n) >= numpy.arange(n + 1)[:, None]
    return keep


def faithfulness(
    logit: Logit,
    ids: Any,
    relevance: Any,
    replace: str = "zero",
    *,
    unk_id: int = UNK,
    orders: int = 20,
    seed: int = 0,
) -> Faithfulness:
    """How a logit falls as tokens are removed in the order of their relevance, and in random orders.

    Args:
        logit: integer tensor (N, T') -> one number for each sequence (N,), such as `explain.logit_of(model, target)`.
        ids: one sequence (T,).
        relevance: of each token, (T,).
        replace: what a removed token becomes: "zero" sets its embedding to zero, "unk" puts `unk_id`, "delete" takes it out.
        unk_id: the id of the unknown token.
        orders: the number of random orders.
        seed: of the random orders.

    Returns:
        The curves and measures of the relevance and of the random orders.

    Raises:
        ValueError: shapes that do not fit, relevance or logits that are not finite, or fewer than 2 orders; and whatever
            `logit` raises.
    """
    ids = one_sequence(ids)
    if orders < 2:
        raise ValueError(f"orders: expected 2 or more random orders to measure a spread, got {orders}")
    random = numpy.random.default_rng(seed)
    every = [ranking(ids, relevance), *(random.permutation(len(ids)) for _ in range(orders))]
    curves = deletion_curves(logit, ids, every, replace, unk_id)
    return Faithfulness(replace, curves[0, 0], curves[0, 1], curves[1:])


def ranking(ids: Array, relevance: Any) -> Array:
    """The positions of the tokens, most relevant first.

    Args:
        ids: (T,).
        relevance: (T,), an array or a tensor.

    Returns:
        (T,) integers.

    Raises:
        ValueError: the relevance has another shape, or is not finite.
    """
    given = relevance.numpy() if isinstance(relevance, Tensor) else relevance
    values = numpy.asarray(given, dtype=numpy.float64)
    if values.shape != ids.shape or not numpy.isfinite(values).all():
        got = f"got shape {values.shape}: {values}"
        raise ValueError(f"relevance: expected {ids.shape} finite numbers, one for each token, {got}")
    return numpy.argsort(-values, kind="stable")


def deletion_curves(
    logit: Logit, ids: Array, orders: Sequence[Array], replace: str = "zero", unk_id: int = UNK
) -> Array:
    """The logit as the tokens are removed in each order, forwards and backwards.

    Args:
        logit: as in `faithfulness`.
        ids: (T,).
        orders: R orders of the positions, (T,) each.
        replace: as in `masked_logits`.
        unk_id: as in `masked_logits`.

    Returns:
        (R, 2, T + 1): for each order, forwards and backwards, the logit with 0, 1, .. T tokens removed.
    """
    each = [prefixes(order[::way]) for order in orders for way in (1, -1)]
    keep = numpy.concatenate(each)  # (2 R (T + 1), T)
    return unique_logits(logit, ids, keep, replace, unk_id).reshape(len(orders), 2, len(ids) + 1)


def unique_logits(logit: Logit, ids: Array, keep: Array, replace: str, unk_id: int) -> Array:
    """`masked_logits`, which computes the logit of equal masks only once.

    Args:
        logit: as in `masked_logits`.
        ids: (T,).
        keep: (N, T) booleans.
        replace: as in `masked_logits`.
        unk_id: as in `masked_logits`.

    Returns:
        (N,).
    """
    different, places = numpy.unique(keep, axis=0, return_inverse=True)
    return masked_logits(logit, ids, different, replace, unk_id)[places.ravel()]
