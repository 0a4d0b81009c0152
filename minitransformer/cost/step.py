"""What one training step of a model costs: operations, seconds, bytes and joules."""

from __future__ import annotations

import functools
import inspect
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.bench.works import device_growth
from minitransformer.cost.energy import WATTS, Meter
from minitransformer.cost.flops import FlopCounter, Flops
from minitransformer.nn import Module, functional
from minitransformer.ops.creation.random import randint
from minitransformer.ops.elementwise.arithmetic import add

SECONDS = 1.0  # the timed steps take at least so long together


@dataclass(frozen=True)
class Cost:
    """What a piece of work costs.

    Attributes:
        flops_forward: operations of products outside of backward walks, see `cost.flops`.
        flops_backward: those inside.
        elementwise_forward: all other operations outside of backward walks.
        elementwise_backward: those inside.
        seconds: by the clock.
        cpu_seconds: of all threads of this process.
        peak_bytes: the most memory that was in use at once.
        joules: the energy.
        joules_source: what told it; for an estimate, both of its factors.
        problems: why the hardware, or a part of it, did not tell.
    """

    flops_forward: int
    flops_backward: int
    elementwise_forward: int
    elementwise_backward: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    joules: float
    joules_source: str
    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, flops: Flops, meter: Meter, peak_bytes: int, times: int = 1) -> Cost:
        """Put together what was measured.

        Args:
            flops: the operations.
            meter: of time and energy.
            peak_bytes: the most memory in use.
            times: how often the work was done while the meter ran.

        Returns:
            The cost of doing it once.
        """
        counts = flops.forward, flops.backward, flops.elementwise_forward, flops.elementwise_backward
        measured = meter.seconds / times, meter.cpu_seconds / times
        source = meter.joules_source + (f", of {times} steps" if times > 1 else "")
        return cls(*counts, *measured, peak_bytes, meter.joules / times, source, tuple(meter.problems))

    @property
    def flops(self) -> int:
        """The operations of all products."""
        return self.flops_forward + self.flops_backward

    def to_dict(self) -> dict[str, Any]:
        """Plain data.

        Returns:
            The attributes by name.
        """
        return asdict(self)


def step_cost(
    model: Module, batch: int, length: int, watts: float = WATTS, seconds: float = SECONDS
) -> tuple[Cost, FlopCounter]:
    """Measure one training step on random tokens: forward, cross-entropy and backward, without the optimiser.

    Operations are counted in a first step, memory is watched in a second, and only further ones are timed.

    Args:
        model: reads ids (B, T), an encoder-decoder two of these; gives logits (B, V) or (B, T, V), or a tuple of such.
        batch: B.
        length: T, of both texts of an encoder-decoder.
        watts: assumed of a busy core, where the hardware does not tell its energy.
        seconds: the least time that the timed steps take together.

    Returns:
        The cost, whose `peak_bytes` are those of the parameters and of all that the step adds; and the counter, op by op.

    Raises:
        ValueError: `batch` or `length` is below 1, or the model reads no tokens, or no text of that length.
    """
    step = training_step(model.train(), batch, length)
    with FlopCounter() as counter:
        step()
    weights = sum(p.array.nbytes for p in model.parameters())
    peak = weights + memory(step, next(model.parameters()).device.type == "cuda")
    with Meter(watts) as meter:
        times = _repeated(step, seconds, meter.sample)
    return Cost.of(counter.total, meter, peak, times), counter


def training_step(model: Module, batch: int, length: int) -> Callable[[], None]:
    """A step on random tokens.

    Args:
        model: see `step_cost`.
        batch: sequences.
        length: tokens of each.

    Returns:
        A function that makes the step, and leaves no gradient behind.

    Raises:
        ValueError: see `step_cost`.
    """
    if min(batch, length) < 1:
        raise ValueError(f"expected a batch and a length of at least 1, got {batch} and {length}")
    vocab_size = getattr(getattr(model, "config", None), "vocab_size", None)
    if vocab_size is None:
        raise ValueError(
            f"{type(model).__name__}: expected a model that reads tokens, with config.vocab_size"
        )
    device = next(model.parameters()).device
    texts = [randint(0, vocab_size, (batch, length), device=device) for _ in range(_texts_of(model))]

    def step() -> None:
        outputs = model(*texts)
        parts = outputs if isinstance(outputs, tuple) else (outputs,)
        functools.reduce(add, map(_loss, parts)).backward()
        model.zero_grad()

    return step


def _texts_of(model: Module) -> int:
    """How many texts a model must be given: two by an encoder-decoder."""
    names = [
        name
        for name, parameter in inspect.signature(model.forward).parameters.items()
        if parameter.default is inspect.Parameter.empty or name == "decoder_ids"
    ]
    return len(names)


def _loss(logits: Tensor) -> Tensor:
    """The cross-entropy of the first class or token. (.., V) -> ()."""
    rows = logits.flatten(0, -2)  # (N, V)
    return functional.cross_entropy(rows, rows.new_zeros(len(rows), dtype=int))


def memory(step: Callable[[], object], on_gpu: bool) -> int:
    """The most memory of arrays that a step has in use at once, beyond what was in use before.

    Args:
        step: the step.
        on_gpu: whether its arrays lie on a GPU, whose pool is then asked; else Python's own account of NumPy's memory.

    Returns:
        Bytes.
    """
    if on_gpu:
        return device_growth(step)
    traced = tracemalloc.is_tracing()
    if not traced:
        tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    try:
        step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not traced:
            tracemalloc.stop()


def _repeated(step: Callable[[], object], seconds: float, after: Callable[[], None]) -> int:
    """Make steps until some time is over. Returns how many."""
    begun = time.perf_counter()
    times = 0
    while not times or time.perf_counter() - begun < seconds:
        step()
        after()
        times += 1
    return times
