"""Compare this checkout with another one, in alternating processes: did a change make anything slower, or need more memory?"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy

import minitransformer
from minitransformer.bench import works
from minitransformer.bench.pairs import Ratio
from minitransformer.bench.row import Row
from minitransformer.statistics import median_interval

HERE = Path(minitransformer.__file__).parents[1]
LIMIT = 1.05  # an interval entirely above it is a regression


def beside(folder: Path, pairs: int) -> Iterator[Row]:
    """Measure every piece of our own work in this checkout and in another one.

    Args:
        folder: The other checkout, the folder that holds `minitransformer/`.
        pairs: Measurements of each piece of work in each checkout.

    Returns:
        A row for each piece of work: the ratio here / there, with the 95 % interval of its median.

    Raises:
        ValueError: `folder` is not a checkout of minitransformer.
    """
    if not (folder / "minitransformer" / "__init__.py").exists():
        raise ValueError(f"beside: expected a checkout of minitransformer, got {folder}")
    for name in [*works.WORKS, works.MEMORY]:
        ratio = compared(name, folder.resolve(), pairs)
        yield Row(name, folder.name, ratio, f"not > {LIMIT}", ratio.low <= LIMIT)


def compared(name: str, folder: Path, pairs: int) -> Ratio:
    """Measure one piece of work in both checkouts. They take turns in going first.

    Args:
        name: A key of `works.WORKS`, or `works.MEMORY`.
        folder: The other checkout.
        pairs: Measurements in each checkout.

    Returns:
        The ratio here / there.
    """
    sides: tuple[list[float], list[float]] = ([], [])
    for i in range(pairs):
        for side in (i % 2, 1 - i % 2):
            sides[side].append(_in_a_process(name, (HERE, folder)[side]))
    low, median, high = median_interval(numpy.divide(*sides).tolist())
    unit, scale = ("MiB", 2**20) if name == works.MEMORY else ("s", 1)
    ours, theirs = (float(numpy.median(side)) / scale for side in sides)
    return Ratio(median, low, high, ours, theirs, unit)


def _in_a_process(name: str, checkout: Path) -> float:
    """Seconds or bytes of one piece of work, with the package of `checkout`."""
    command = [sys.executable, "-P", works.__file__, name]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)
