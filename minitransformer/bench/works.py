"""The pieces of work that `bench` measures, at three sizes, and the measurement of one of them in a process of its own.

`minitransformer bench --beside` runs this file by its path, `python -P works.py NAME`, on two checkouts in turn, and one of
them may be older than this file. So it imports nothing of `minitransformer.bench`, only names that every version has.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import minitransformer
from minitransformer.explain import lrp
from minitransformer.models import LanguageModel, LanguageModelConfig
from minitransformer.nn import functional as F

CHAIN = 100_000  # operations
# Of training, when memory is measured: the first creates Adam's running means, the later ones use them.
STEPS = 3
STATUS = Path("/proc/self/status")
SECONDS = 1.0  # all measured calls together take at least so long
TURN = 0.1  # and so do the calls between two readings of the clock

Work = Callable[[], object]


@dataclass(frozen=True)
class Size:
    """The sizes of a model and its batches.

    Attributes:
        vocab: The number of ids.
        d_model: The size of each token's vector.
        layers: Layers.
        heads: Attention heads in a layer.
        length: Tokens in a sequence.
        batch: Sequences in a batch.
    """

    vocab: int
    d_model: int
    layers: int
    heads: int
    length: int
    batch: int

    def model(self) -> LanguageModel:
        """Our language model of this size.

        Returns:
            The model: with the norm before each block, GELU in its tanh form, and no dropout.
        """
        sizes = (self.vocab, self.d_model, self.heads, self.layers, 4 * self.d_model)
        activation: Any = partial(F.gelu, approximate="tanh")  # a layer takes any; a file could not name it
        return LanguageModel(
            LanguageModelConfig(*sizes, dropout=0.0, activation=activation, max_len=self.length)
        )


SIZES = {
    "lesson": Size(64, 64, 2, 4, 64, 16),
    "tiny": Size(128, 128, 4, 4, 128, 8),
    "char": Size(65, 384, 6, 6, 256, 8),
}


def multiply(lib: ModuleType) -> Work:
    """Multiply two tensors of one element, and run backward.

    Args:
        lib: minitransformer or torch.

    Returns:
        The work.
    """
    a, b = (lib.tensor([x], requires_grad=True, device=_device()) for x in (2.0, 3.0))

    def run() -> None:
        (a * b).backward()
        a.grad = None
        b.grad = None

    return run


def chain_of_ops(lib: ModuleType) -> Work:
    """Run 100,000 multiplications, each on the result of the one before, and backward.

    Args:
        lib: minitransformer or torch.

    Returns:
        The work.
    """
    x = lib.tensor([1.0], requires_grad=True, device=_device())

    def run() -> None:
        y = x
        for _ in range(CHAIN):
            y = y * 1.00001
        y.backward()
        x.grad = None

    return run


def training_step(lib: ModuleType, model, size: Size) -> Callable[[], float]:
    """Run forward, loss, backward and Adam on one batch of random tokens.

    Args:
        lib: The package that the model belongs to, minitransformer or torch.
        model: The model.
        size: Its size.

    Returns:
        A function that makes the step and returns the loss.
    """
    tokens = minitransformer.randint(0, size.vocab, (size.batch, size.length + 1)).numpy()  # (B, T + 1)
    device = str(next(model.parameters()).device)
    inputs, targets = (lib.tensor(part.copy(), device=device) for part in (tokens[:, :-1], tokens[:, 1:]))
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> float:
        optimizer.zero_grad()
        logits = model(inputs)  # (B, T, V)
        loss = lib.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()  # waits until a device has finished

    return step


def our_training(size: str) -> Work:
    """A training step of our model.

    Args:
        size: A key of SIZES.

    Returns:
        The work.
    """
    return training_step(minitransformer, SIZES[size].model(), SIZES[size])


def our_relevance(size: str) -> Work:
    """LRP of one sequence by our model.

    Args:
        size: A key of SIZES.

    Returns:
        The work.
    """
    ids = minitransformer.randint(0, SIZES[size].vocab, (1, SIZES[size].length)).numpy()  # (1, T)
    return partial(lrp, SIZES[size].model(), ids)


def _device() -> str:
    """The device on which new tensors are created."""
    return str(minitransformer.ones(1).device)


WORKS: dict[str, Callable[[], Work]] = {
    "one-element multiply + backward": partial(multiply, minitransformer),
    f"chain of {CHAIN:,} ops + backward": partial(chain_of_ops, minitransformer),
}
WORKS |= {f"training step, {size} size": partial(our_training, size) for size in SIZES}
WORKS |= {f"LRP of one sequence, {size} size": partial(our_relevance, size) for size in SIZES}
MEMORY = "peak memory of training, char size"


def seconds(call: Work) -> float:
    """The median time of a call. The first call, which also sets things up, is not counted.

    Args:
        call: The call.

    Returns:
        Seconds.
    """
    call()
    found = [_turn(call, 1)]
    calls = max(1, round(TURN / found[0]))
    while sum(found) * calls < SECONDS:
        found.append(_turn(call, calls))
    return statistics.median(found[1:] or found)


def _turn(call: Work, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def resident() -> tuple[int, int] | None:
    """The memory of this process.

    Linux reports both numbers. macOS reports only the peak, which is then used for both: the peak before a step is what
    importing and building needed. (Linux has the same call, but there a new process starts with the peak of its parent.)

    Returns:
        Bytes in use now, and bytes at the peak; None on a system that reports neither.
    """
    if STATUS.exists():
        lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        now, most = (int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
        return now, most
    if sys.platform == "darwin":
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most, most
    return None


def growth(work: Work) -> int:
    """Measure the memory that a piece of work needs at its peak, beyond what the process uses already.

    Args:
        work: The work.

    Returns:
        Bytes.

    Raises:
        RuntimeError: On a system that does not report the peak.
    """
    before = resident()
    work()
    after = resident()
    if before is None or after is None:
        raise RuntimeError(
            "this system does not report the peak memory of a process: measure on Linux or macOS"
        )
    return after[1] - before[0]


def device_growth(work: Work) -> int:
    """Measure the GPU memory that our arrays need at the peak of a piece of work, beyond what they use already.

    Args:
        work: The work.

    Returns:
        Bytes.
    """
    import cupy

    pool = cupy.get_default_memory_pool()
    before = peak = pool.used_bytes()

    class Peak(cupy.cuda.MemoryHook):
        """Reads the pool after each allocation."""

        name = "peak"

        def malloc_postprocess(self, **allocated):
            nonlocal peak
            peak = max(peak, pool.used_bytes())

    with Peak():
        work()
    return peak - before


def repeated(step: Work) -> Work:
    """Make `STEPS` training steps one piece of work.

    Args:
        step: One training step.

    Returns:
        The work.
    """
    return lambda: [step() for _ in range(STEPS)]


def training_memory() -> int:
    """Measure the memory that training our model at char size needs at its peak, beyond importing and building.

    Returns:
        Bytes.
    """
    work = repeated(our_training("char"))
    return device_growth(work) if _device().startswith("cuda") else growth(work)


if __name__ == "__main__":
    minitransformer.manual_seed(0)
    print(training_memory() if sys.argv[1] == MEMORY else seconds(WORKS[sys.argv[1]]()))
