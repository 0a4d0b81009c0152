"""Methods that read the gradient of the output: at the token vectors, along a path to them, or at noisy copies of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from minitransformer.backends import Array, namespace
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.question import Position, Question
from minitransformer.explain.renamed import renamed
from minitransformer.explain.targets import Target
from minitransformer.nn.embedding import Embedding
from minitransformer.nn.module import Module


def gradient_x_input(
    model: Module,
    ids: Any,
    target: Target = None,
    *,
    position: Position = -1,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """sum_c x_c d(logit)/dx_c for each token's vector x. It does not account for the rest: there is no ledger.

    Args:
        model: gives logits, as in `explain.lrp`.
        ids: integers (T,) or (B, T).
        target: the explained logit, in one of the forms that `explain.lrp` takes.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        batch_first: False for a model that reads (T, B).
        tokens: strings to show, of the shape of `ids`.

    Returns:
        An `Explanation`.

    Raises:
        IndexError, ValueError: as `explain.lrp` does.

    Source:
        Shrikumar et al., arXiv 1605.01713, 2016.
    """
    asked = Question(model, ids, target, position, batch_first)
    slopes = asked.gradients(asked.vectors)
    total = asked.total([t.array * slope for t, slope in zip(asked.vectors, slopes, strict=True)])  # (B, T)
    return asked.explanation("gradient x input", total, tokens)


class PathExplanation(Explanation):
    """Integrated gradients, and the output at the baseline, where the path begins.

    Args:
        found: the explanation without it.
        baseline_output: the explained output at the baseline.

    Attributes:
        baseline_output: the explained output at the baseline.
        completeness_error: the sum of the relevance less output - baseline_output, which it approximates.
    """

    def __init__(self, found: Explanation, baseline_output: float):
        super().__init__(found.method, found.ids, found.relevance, found.target, found.output, found.tokens)
        self.baseline_output = baseline_output
        total = float(self.relevance.sum(dtype=numpy.float64))
        self.completeness_error = total - (self.output - baseline_output)

    def __repr__(self) -> str:
        return f"{super().__repr__()}\nfrom {self.baseline_output:.4f}, completeness error {self.completeness_error:+.2e}"


def gauss_legendre(n: int) -> tuple[Array, Array]:
    """Points and weights that integrate polynomials up to degree 2 n - 1 exactly.

    Args:
        n: the number of points, at least 1.

    Returns:
        The points in (0, 1), and their weights, (n,) each.
    """
    points, weights = numpy.polynomial.legendre.leggauss(n)  # on (-1, 1)
    return (1 + points) / 2, weights / 2


def trapezoid(n: int) -> tuple[Array, Array]:
    """Points and weights of the trapezoid rule: both ends have half the weight of the other points.

    Args:
        n: the number of points, at least 2.

    Returns:
        The points from 0 to 1, and their weights, (n,) each.

    Raises:
        ValueError: fewer points.
    """
    if n < 2:
        raise ValueError(f"steps: the trapezoid rule needs 2 or more, got {n}")
    weights = numpy.full(n, 1 / (n - 1))
    weights[[0, -1]] /= 2
    return numpy.linspace(0, 1, n), weights


QUADRATURES = {  # steps -> points in [0, 1], weights that add up to 1
    "gauss-legendre": gauss_legendre,
    "left": lambda n: (numpy.arange(n) / n, numpy.full(n, 1 / n)),
    "right": lambda n: (numpy.arange(1, n + 1) / n, numpy.full(n, 1 / n)),
    "middle": lambda n: ((numpy.arange(n) + 0.5) / n, numpy.full(n, 1 / n)),
    "trapezoid": trapezoid,
}


def _baseline_vector(embedding: Embedding, baseline: int | None) -> Array | float:
    """The vector at which the path begins: that of the token `baseline`, (C,), or zero."""
    if baseline is None:
        return 0.0
    if not 0 <= baseline < embedding.num_embeddings:
        raise IndexError(
            f"baseline: expected an id from 0 to {embedding.num_embeddings - 1}, or None for zero, got {baseline}"
        )
    return embedding.weight.array[baseline]


def integrated_gradients(
    model: Module,
    ids: Any,
    target: Target = None,
    *,
    position: Position = -1,
    steps: int = 50,
    quadrature: str = "gauss-legendre",
    baseline: int | None = None,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> PathExplanation:
    """sum_c (x_c - x'_c) int_0^1 dlogit/dx_c (x' + a (x - x')) da for each token's vector x and a baseline x'.

    The vectors of all tokens move together. With enough steps the relevance adds up to logit(x) - logit(x').

    Args:
        model: gives logits, as in `explain.lrp`.
        ids: integers (T,) or (B, T).
        target: the explained logit, in one of the forms that `explain.lrp` takes.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        batch_first: False for a model that reads (T, B).
        tokens: strings to show, of the shape of `ids`.
        steps: the number of points at which the gradient is computed.
        quadrature: "gauss-legendre", "left", "right", "middle" or "trapezoid".
        baseline: the id of the token whose vector is x'; None for zero.

    Returns:
        A `PathExplanation`, whose `completeness_error` tells whether the steps were enough.

    Raises:
        ValueError: fewer steps than the quadrature needs, or an unknown quadrature; and as `explain.lrp` does.
        IndexError: as `explain.lrp` does, and for a baseline outside the vocabulary.

    Source:
        Sundararajan et al., ICML 2017, equation 1.
    """
    if quadrature not in QUADRATURES or steps < 1:
        raise ValueError(
            f"expected quadrature {', '.join(QUADRATURES)} and steps >= 1, got {quadrature!r} and {steps}"
        )
    asked = Question(model, ids, target, position, batch_first)

    def at(a: float) -> tuple[float, Array]:
        """The output at x' + a (x - x'), and sum_c (x_c - x'_c) dlogit/dx_c there, (B, T)."""

        def between(embedding: Embedding, x: Array) -> Array:
            return _baseline_vector(embedding, baseline) * (1 - a) + a * x

        output, lookups = asked.rerun(between)
        return output, sum(
            (slope * (x - _baseline_vector(e, baseline))).sum(axis=-1) for e, x, slope in lookups
        )

    points, weights = QUADRATURES[quadrature](steps)
    total = sum(w * at(a)[1] for a, w in zip(points.tolist(), weights.tolist(), strict=True))  # (B, T)
    return PathExplanation(asked.explanation("integrated gradients", total, tokens), at(0.0)[0])


@renamed(samples="num_samples")
def smooth_grad(
    model: Module,
    ids: Any,
    target: Target = None,
    *,
    position: Position = -1,
    num_samples: int = 50,
    noise: float = 0.1,
    seed: int = 0,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """sum_c x_c E[dlogit/dx_c (x + n)] for each token's vector x, with normal noise n.

    Args:
        model: gives logits, as in `explain.lrp`.
        ids: integers (T,) or (B, T).
        target: the explained logit, in one of the forms that `explain.lrp` takes.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        batch_first: False for a model that reads (T, B).
        tokens: strings to show, of the shape of `ids`.
        num_samples: the number of noisy copies.
        noise: the standard deviation of n, as a share of max x - min x.
        seed: of the noise.

    Returns:
        An `Explanation`.

    Raises:
        ValueError: fewer than one sample, or negative noise; and as `explain.lrp` does.
        IndexError: as `explain.lrp` does.

    Source:
        Smilkov et al., arXiv 1706.03825, 2017.
    """
    if num_samples < 1 or noise < 0:
        raise ValueError(
            f"num_samples, noise: expected samples >= 1 and noise >= 0, got {num_samples} and {noise}"
        )
    asked = Question(model, ids, target, position, batch_first)
    random = numpy.random.default_rng(seed)

    def noisy(embedding: Embedding, x: Array) -> Array:
        n = namespace(x).asarray(random.standard_normal(x.shape), dtype=x.dtype)
        return x + noise * (x.max() - x.min()) * n

    runs = (asked.rerun(noisy)[1] for _ in range(num_samples))
    total = sum((x * slope).sum(axis=-1) for lookups in runs for _, x, slope in lookups)  # (B, T)
    return asked.explanation("SmoothGrad", total / num_samples, tokens)
