"""One piece of our own work, measured in a process of its own: `python -P bench_own.py NAME` prints seconds, or bytes.

`minitransformer bench --beside` runs this file on two checkouts in turn, so it uses only names that both have.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import minitransformer
from minitransformer.cli.bench_memory import growth
from minitransformer.cli.bench_models import SIZES, training_step
from minitransformer.cli.benchmarks import CHAIN, chain_of_ops
from minitransformer.explain import lrp
from minitransformer.ops.creation import randint, tensor
from minitransformer.randomness import manual_seed

SECONDS, TURN = 1.0, 0.1  # that the measured calls take in all, and in a turn, at least


def multiply() -> Callable[[], object]:
    """One multiplication of two numbers, and backward."""
    a, b = (tensor([x], requires_grad=True) for x in (2.0, 3.0))

    def run() -> None:
        (a * b).backward()
        a.grad = b.grad = None

    return run


def training(size: str) -> Callable[[], object]:
    """Forward, loss, backward and Adam."""
    return training_step(minitransformer, SIZES[size].model(), SIZES[size])


def relevance(size: str) -> Callable[[], object]:
    """LRP of one sequence."""
    ids = randint(0, SIZES[size].vocab, (1, SIZES[size].length)).numpy()
    return partial(lrp, SIZES[size].model(), ids)


WORKS = {"one-element multiply + backward": multiply}
WORKS |= {f"chain of {CHAIN:,} ops + backward": partial(chain_of_ops, minitransformer)}
WORKS |= {f"training step, {size} size": partial(training, size) for size in SIZES}
WORKS |= {f"LRP of one sequence, {size} size": partial(relevance, size) for size in SIZES}
MEMORY = "peak memory of training, char size"


def seconds(call: Callable[[], object]) -> float:
    """The median over turns of the seconds that a call takes; the first, which sets things up, is not counted."""
    call()
    found = [_turn(call, 1)]
    calls = max(1, round(TURN / found[0]))
    while sum(found) * calls < SECONDS:
        found.append(_turn(call, calls))
    return statistics.median(found[1:] or found)


def _turn(call: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


if __name__ == "__main__":
    manual_seed(0)
    print(growth("minitransformer") if sys.argv[1] == MEMORY else seconds(WORKS[sys.argv[1]]()))
