"""Statistics of measured numbers: ranks and their correlation, areas, and how sure a mean, a median or a share is."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt
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


def median_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """The median of a sample, and an interval for it.

    The interval is the narrowest pair of order statistics that is wide enough, or the whole range if none is. The number of
    values below the median is binomial with p = 1/2.

    Args:
        values: independent measurements, in any order.
        level: the probability that the interval holds the true median.

    Returns:
        (low, median, high).

    Source:
        Conover, Practical Nonparametric Statistics, section 3.2.

    >>> median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9])
    (2.0, 5.0, 8.0)
    """
    ordered = sorted(map(float, values))
    n = len(values)
    cut = 0
    while cut + 1 < (n + 1) // 2 and 2 * sum(comb(n, k) for k in range(cut + 2)) / 2**n <= 1 - level:
        cut += 1
    return ordered[cut], float(numpy.median(ordered)), ordered[n - 1 - cut]


def share_error(share: float, n: int) -> float:
    """The standard error of a share: how far chance alone moves it, as a rule.

    Args:
        share: of the cases, from 0 to 1, such as an accuracy.
        n: the number of independent cases.

    Returns:
        The standard deviation of such a share, sqrt(share (1 - share) / n).
    """
    return sqrt(share * (1 - share) / n)


def mean_and_error(values: Array) -> tuple[float, float]:
    """The mean of a sample, and how far chance alone moves it, as a rule.

    Args:
        values: (N,), N > 1.

    Returns:
        (mean, standard error of the mean).
    """
    return float(values.mean()), float(values.std(ddof=1) / numpy.sqrt(len(values)))
