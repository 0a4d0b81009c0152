"""Our training step with kernels compiled by Numba, compared with our own NumPy ones: processes in turn, as each chooses once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from minitransformer.bench import works
from minitransformer.bench.checkouts import HERE
from minitransformer.bench.pairs import ratio_of
from minitransformer.bench.row import Row, held_to
from minitransformer.kernels.choice import VARIABLE

LIMITS = {
    "lesson": 0.85,
    "tiny": 0.9,
    "char": 0.95,
}  # products, which are the same, are most of the larger steps


def fast(pairs: int) -> Iterator[Row]:
    """The time of a training step on one thread.

    Args:
        pairs: Measurements of each side; a quarter of them are made, each in a process of its own.

    Yields:
        A row for each of three sizes.
    """
    for size, limit in LIMITS.items():
        name = f"training step, {size} size"
        ours, theirs = zip(*(_both(name, i) for i in range(max(pairs // 4, 3))), strict=True)
        yield held_to(f"{name}, compiled kernels", "our own NumPy kernels", ratio_of(ours, theirs), limit)


def _both(name: str, turn: int) -> tuple[float, float]:
    """Seconds with Numba's kernels and with NumPy's; who is first changes with each turn."""
    order = ("numba", "numpy") if turn % 2 else ("numpy", "numba")
    seconds = {kernels: _in_a_process(name, kernels) for kernels in order}
    return seconds["numba"], seconds["numpy"]


def _in_a_process(name: str, kernels: str) -> float:
    """Seconds of a piece of work of `works`."""
    environment = {**os.environ, "PYTHONPATH": str(HERE), VARIABLE: kernels, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", works.__file__, name]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)
