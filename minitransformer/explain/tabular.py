"""LIME for a row of numbers: samples like the data that the row comes from, and the same linear model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy
from numpy.typing import ArrayLike

from minitransformer.explain.predictions import ask
from minitransformer.explain.surrogate import BATCH_SIZE, LimeExplanation, check_counts, imitate, kernel

Array = numpy.ndarray


def lime_tabular(
    predict: Callable[[Array], ArrayLike],
    row: Any,
    data: Any,
    label: int = 1,
    *,
    num_features: int = 10,
    num_samples: int = 5000,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> LimeExplanation:
    """How much each number of a row adds to the probability of a class, or takes from it.

    With the mean m and the standard deviation s of each column of `data`, samples are m + s z with normal z. A sample at
    distance D from the row, in standard deviations, has the weight sqrt(exp(-D^2 / w^2)) with w = 0.75 sqrt(n). The numbers
    are those of lime 0.2.0.1 with discretize_continuous=False.

    Args:
        predict: rows (N, n) -> probabilities (N, n_classes).
        row: the explained row (n,).
        data: rows (N, n) like it.
        label: the class.
        num_features: the number of columns in the linear model.
        num_samples: the number of samples, with the row itself.
        seed: of the samples.
        names: n names of the columns.

    Returns:
        A `LimeExplanation`, whose weights are per standard deviation.

    Raises:
        ValueError: shapes that do not fit or numbers that are not finite; and as `lime` does.
        TypeError, IndexError: as `lime` does.

    Source:
        Ribeiro et al., KDD 2016, algorithm 1.
    """
    check_counts(label=label, num_features=num_features, num_samples=num_samples)
    row, data = _checked(row, data)
    mean = data.mean(axis=0)
    deviation = data.std(axis=0)
    constant = deviation <= 10 * numpy.finfo(float).eps * abs(mean)
    scale = numpy.where(constant, 1.0, deviation)
    samples = numpy.random.RandomState(seed).normal(0, 1, (num_samples, len(row))) * scale + mean  # (N, n)
    samples[0] = row
    y = numpy.concatenate(
        [ask(predict, samples[i : i + BATCH_SIZE], [label])[:, 0] for i in range(0, num_samples, BATCH_SIZE)]
    )
    x = (samples - mean) / scale
    weight = kernel(numpy.sqrt(((x - x[0]) ** 2).sum(axis=1)), 0.75 * math.sqrt(len(row)))
    names = [f"x{i}" for i in range(len(row))] if names is None else list(names)
    if len(names) != len(row):
        raise ValueError(f"names: expected {len(row)}, one for each column, got {len(names)}")
    return imitate(names, numpy.arange(len(row)), label, float(y[0]), x, y, weight, num_features)


def _checked(row: Any, data: Any) -> tuple[Array, Array]:
    """Both as float64 arrays, or ValueError."""
    row = numpy.asarray(row, dtype=numpy.float64)
    data = numpy.asarray(data, dtype=numpy.float64)
    if row.ndim != 1 or data.ndim != 2 or not len(data) or not len(row) or data.shape[1] != len(row):
        raise ValueError(
            f"expected a row (n,) and data (N, n) with as many columns, got {row.shape} and {data.shape}"
        )
    if not (numpy.isfinite(row).all() and numpy.isfinite(data).all()):
        raise ValueError("row, data: expected finite numbers")
    return row, data
