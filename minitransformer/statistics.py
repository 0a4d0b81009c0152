"""Statistics of measured numbers: ranks and their correlation, areas, and how sure a mean is."""

from __future__ import annotations

from typing import Any

import numpy

Array = numpy.ndarray


def ranks(values: Array) -> Array:
    """The rank of each value, 1 for the smallest; equal values all get the mean of their ranks. (T,) -> (T,).

    Args:
        values: (T,).

    Returns:
        (T,).
    """
    _, place, count = numpy.unique(values, return_inverse=True, return_counts=True)
    last = numpy.cumsum(count)
    return (last - (count - 1) / 2)[place.ravel()]


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's rho, the correlation of the ranks.

    Args:
        a: values (T,).
        b: values (T,).

    Returns:
        A number from -1 to 1; 0 where all values of one side are equal.

    Source:
        Spearman, American Journal of Psychology 15, 1904.
    """
    a, b = (ranks(v) - (len(v) + 1) / 2 for v in (a, b))
    size = numpy.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size else 0.0


def roc_area(scores: Array, positive: Array) -> float:
    """The area under the ROC curve: the probability that a positive has a higher score than a negative; equal scores count half.

    Args:
        scores: (T,).
        positive: bool (T,), some True and some False.

    Returns:
        A number from 0 to 1.

    Source:
        Mann and Whitney, Annals of Mathematical Statistics 18, 1947.
    """
    n = int(positive.sum())
    m = int((~positive).sum())
    return float((ranks(scores)[positive].sum() - n * (n + 1) / 2) / (n * m))


def mean_height(curve: Array) -> Array:
    """The area under a curve over the interval from 0 to 1, by the trapezoid rule.

    Args:
        curve: (.., T + 1) heights at equal distances.

    Returns:
        (..).
    """
    heights: Array = (curve[..., 1:] + curve[..., :-1]).mean(axis=-1) / 2
    return heights


def bootstrap_interval(
    values: Any, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """The mean of a sample and a bootstrap interval for it: new samples are drawn from it with replacement.

    Args:
        values: (N,).
        level: the probability that the interval stands for.
        draws: the number of new samples.
        seed: of the draws.

    Returns:
        (mean, low, high).

    Source:
        Efron, Annals of Statistics 7, 1979.
    """
    values = numpy.asarray(values, dtype=numpy.float64)
    rows = numpy.random.default_rng(seed).integers(0, len(values), (draws, len(values)))
    low, high = numpy.quantile(values[rows].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(values.mean()), float(low), float(high)
