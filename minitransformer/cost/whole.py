"""What a whole program, or a part of it that takes long, costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from minitransformer.bench.works import resident
from minitransformer.cost.energy import WATTS, Meter
from minitransformer.cost.flops import FlopCounter
from minitransformer.cost.step import Cost
from minitransformer.defaults import default_device
from minitransformer.devices import gpu

Reported = TypeVar("Reported")


class Measured:
    """The cost of what runs inside a `with` block, on this process alone.

    >>> import minitransformer as mt
    >>> with Measured() as measured:
    ...     y = mt.ones(2, 3) @ mt.ones(3, 4)
    >>> measured.cost.flops_forward
    48

    Args:
        watts: assumed of a busy core, where the hardware does not tell its energy.

    """

    def __init__(self, watts: float = WATTS):
        self.counter, self.meter = FlopCounter(), Meter(watts)

    def __enter__(self) -> Measured:
        self.meter.__enter__()
        self.counter.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.counter.__exit__(*error)
        self.meter.__exit__(*error)

    def sampled(self, report: Callable[[Reported], object]) -> Callable[[Reported], None]:
        """A report that samples the meter too, since counters of energy begin again in a long run; see `Meter.sample`.

        Args:
            report: is called often.

        Returns:
            What to call in its place.
        """

        def both(reported: Reported) -> None:
            report(reported)
            self.meter.sample()

        return both

    @property
    def cost(self) -> Cost:
        """The cost; its `peak_bytes` are those of the process from its start on, or of a GPU's pool."""
        return Cost.of(self.counter.total, self.meter, peak_of_process())


def peak_of_process() -> int:
    """The most memory that this process has used.

    Returns:
        Bytes, of a GPU's pool if the default device is one; 0 on a system that does not tell.
    """
    if default_device().type == "cuda":
        return int(gpu().get_default_memory_pool().total_bytes())
    found = resident()
    return found[1] if found else 0
