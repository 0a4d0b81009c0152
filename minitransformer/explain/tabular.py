"""LIME for a row of numbers: shaken like the data it comes from, and imitated by the same linear model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy

from minitransformer.explain.surrogate import BATCH_SIZE, LimeExplanation, ask, check_counts, imitate, kernel

Array = numpy.ndarray


def lime_tabular(
    predict: Callable[[Array], Array],
    row,
    data,
    label: int = 1,
    num_features: int = 10,
    num_samples: int = 5000,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> LimeExplanation:
    """Which numbers of `row` (n,) speak for class `label`, and which against (Ribeiro et al., KDD 2016, algorithm 1).

    Each column of `data` (N, n) has a mean m and a standard deviation s. Samples are m + s z, z normal; columns are
    standardised, nearness is sqrt(exp(-D^2 / w^2)) of the distance D to the row, w = 0.75 sqrt(n), and the weights are per
    standard deviation. As in lime 0.2.0.1 with discretize_continuous=False. `predict` takes rows (N, n) and returns
    probabilities (N, n_classes). `names` (n,) label the columns. Errors as `lime`'s, and ValueError for shapes that do not
    fit or numbers that are not finite.
    """
    check_counts(label=label, num_features=num_features, num_samples=num_samples)
    row, data = _checked(row, data)
    mean, scale = data.mean(axis=0), data.std(axis=0)
    # a constant column is left as it is
    scale = numpy.where(scale <= 10 * numpy.finfo(float).eps * abs(mean), 1.0, scale)
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


def _checked(row, data) -> tuple[Array, Array]:
    row, data = numpy.asarray(row, dtype=numpy.float64), numpy.asarray(data, dtype=numpy.float64)
    if row.ndim != 1 or data.ndim != 2 or not len(data) or not len(row) or data.shape[1] != len(row):
        raise ValueError(
            f"expected a row (n,) and data (N, n) with as many columns, got {row.shape} and {data.shape}"
        )
    if not (numpy.isfinite(row).all() and numpy.isfinite(data).all()):
        raise ValueError("row, data: expected finite numbers")
    return row, data
