"""This checkout beside another, in processes in turn: whether a change made anything slower, or larger."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from math import comb
from pathlib import Path

import numpy

import minitransformer
from minitransformer.cli import bench_own
from minitransformer.cli.benchmarks import Row
from minitransformer.cli.pairs import Ratio

HERE = Path(minitransformer.__file__).parents[1]
CERTAIN = 0.95  # of the intervals
LIMIT = 1.05  # an interval wholly above it is a regression


def beside(folder: Path, pairs: int) -> Iterator[Row]:
    """A row for each work: ours here divided by ours there, with the median's 95 % interval. Raises ValueError."""
    if not (folder / "minitransformer" / "__init__.py").exists():
        raise ValueError(f"beside: expected a checkout of minitransformer, got {folder}")
    for name in [*bench_own.WORKS, bench_own.MEMORY]:
        ratio = compared(name, folder.resolve(), pairs)
        yield Row(name, folder.name, ratio, f"not > {LIMIT}", ratio.low <= LIMIT)


def compared(name: str, folder: Path, pairs: int) -> Ratio:
    """The work in both checkouts `pairs` times, each first every other time."""
    sides: tuple[list[float], list[float]] = ([], [])
    for i in range(pairs):
        for side in (i % 2, 1 - i % 2):
            sides[side].append(_in_a_process(name, (HERE, folder)[side]))
    low, median, high = median_interval(numpy.divide(*sides).tolist())
    unit, scale = ("MiB", 2**20) if name == bench_own.MEMORY else ("s", 1)
    ours, theirs = (float(numpy.median(side)) / scale for side in sides)
    return Ratio(median, low, high, ours, theirs, unit)


def _in_a_process(name: str, checkout: Path) -> float:
    command = [sys.executable, "-P", bench_own.__file__, name]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(checkout)}, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """(low, median, high): the narrowest pair of order statistics that holds the true median in 95 of 100 cases, or all values.

    The number of values below the median is binomial with p = 1/2 (Conover, Practical Nonparametric Statistics, 3.2).

    >>> median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9])
    (2.0, 5.0, 8.0)
    """
    ordered, n = sorted(map(float, values)), len(values)
    cut = 0
    while cut + 1 < (n + 1) // 2 and 2 * sum(comb(n, k) for k in range(cut + 2)) / 2**n <= 1 - CERTAIN:
        cut += 1
    return ordered[cut], float(numpy.median(ordered)), ordered[n - 1 - cut]
