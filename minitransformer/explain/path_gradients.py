"""Integrated gradients and SmoothGrad: the slope of the logit not at one point, but over many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.backends import Array, namespace
from minitransformer.devices import to_host
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.outputs import Target
from minitransformer.explain.probe import Probe
from minitransformer.nn.embedding import Embedding


class PathExplanation(Explanation):
    """Integrated gradients, with `baseline_output`, the logit where the path begins.

    `completeness_error` is what the relevance of all tokens adds up to, less what it should: output - baseline_output.
    """

    def __init__(self, baseline_output: float, *explanation):
        super().__init__(*explanation)
        self.baseline_output = baseline_output
        self.completeness_error = float(self.relevance.sum(dtype=numpy.float64)) - (
            self.output - baseline_output
        )

    def __repr__(self) -> str:
        return f"{super().__repr__()}\nfrom {self.baseline_output:.4f}, completeness error {self.completeness_error:+.2e}"


def gauss_legendre(n: int) -> tuple[Array, Array]:
    """Points in (0, 1) and weights that integrate polynomials up to degree 2 n - 1 exactly."""
    points, weights = numpy.polynomial.legendre.leggauss(n)  # on (-1, 1)
    return (1 + points) / 2, weights / 2


def trapezoid(n: int) -> tuple[Array, Array]:
    """n points from 0 to 1, both ends at half weight; n = 1 has no second end and raises ValueError."""
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


def _origin(embedding: Embedding, baseline: int | None) -> Array | float:
    """Where the path begins: the vector of a token, (C,), or zero."""
    if baseline is None:
        return 0.0
    if not 0 <= baseline < embedding.num_embeddings:
        raise IndexError(
            f"baseline: expected an id from 0 to {embedding.num_embeddings - 1}, or None for zero, got {baseline}"
        )
    return embedding.weight.array[baseline]


def integrated_gradients(
    model,
    ids,
    target: Target = None,
    position: int | Sequence[int] = -1,
    steps: int = 50,
    quadrature: str = "gauss-legendre",
    baseline: int | None = None,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> PathExplanation:
    """sum_c (x_c - x'_c) int_0^1 dlogit/dx_c (x' + a (x - x')) da for each token (Sundararajan et al., ICML 2017, equation 1).

    x are the tokens' embeddings, all moved together; x' is zero, or the embedding of the token `baseline`. With enough
    steps the relevance adds up to logit(x) - logit(x'): see `completeness_error`. `quadrature` is "gauss-legendre", "left",
    "right", "middle" or "trapezoid". Other arguments and errors as `lrp`'s; ValueError for steps or another quadrature.
    """
    if quadrature not in QUADRATURES or steps < 1:
        raise ValueError(
            f"expected quadrature {', '.join(QUADRATURES)} and steps >= 1, got {quadrature!r} and {steps}"
        )
    probe = Probe(model, ids, target, position, batch_first)

    def at(a: float):
        def between(embedding, x):
            return _origin(embedding, baseline) * (1 - a) + a * x

        output, lookups = probe.slopes(between)
        # (B, T)
        return output, sum((slope * (x - _origin(e, baseline))).sum(axis=-1) for e, x, slope in lookups)

    points, weights = QUADRATURES[quadrature](steps)
    total = sum(w * at(a)[1] for a, w in zip(points.tolist(), weights.tolist(), strict=True))
    shape = numpy.shape(ids)
    arrays = probe.batch.reshape(shape), to_host(total).reshape(shape)
    return PathExplanation(at(0.0)[0], "integrated gradients", *arrays, probe.targets, probe.output, tokens)


def smooth_grad(
    model,
    ids,
    target: Target = None,
    position: int | Sequence[int] = -1,
    samples: int = 50,
    noise: float = 0.1,
    seed: int = 0,
    batch_first: bool = True,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """sum_c x_c E[dlogit/dx_c (x + n)], n normal, for each token's embedding x (Smilkov et al., arXiv 1706.03825, 2017).

    The noise has standard deviation `noise` (max x - min x). Other arguments and errors as `lrp`'s; ValueError for fewer
    than one sample or a negative noise.
    """
    if samples < 1 or noise < 0:
        raise ValueError(f"expected samples >= 1 and noise >= 0, got {samples} and {noise}")
    probe, random = Probe(model, ids, target, position, batch_first), numpy.random.default_rng(seed)

    def shaken(embedding, x):
        n = namespace(x).asarray(random.standard_normal(x.shape), dtype=x.dtype)
        return x + noise * (x.max() - x.min()) * n

    runs = (probe.slopes(shaken)[1] for _ in range(samples))
    total = sum((x * slope).sum(axis=-1) for lookups in runs for _, x, slope in lookups) / samples  # (B, T)
    shape = numpy.shape(ids)
    arrays = probe.batch.reshape(shape), to_host(total).reshape(shape)
    return Explanation("SmoothGrad", *arrays, probe.targets, probe.output, tokens)
