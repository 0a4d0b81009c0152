"""The ledger: every unit of relevance accounted for.

The explained output is shared among the tokens, and what the tokens do not get went somewhere: to positions, to biases, to
the stabiliser, or to the part of the softmax that no input explains. Each sink is booked by its own formula where it
happens, never as what is left over, so that the sum is a proof: `ledger.gap` is rounding noise, or a rule is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

SINKS = ("positions", "bias", "epsilon", "softmax", "dropped")
MEANING = {
    "tokens": "what the words themselves contributed",
    "positions": "what came from where they stand",
    "bias": "what the model adds whatever it reads",
    "epsilon": "kept by the stabiliser of the divisions",
    "softmax": "the part of attention no input explains",
    "dropped": "given up by a rule on purpose",
    "total": "the explained output",
}


class Ledger(Mapping):
    """output = tokens + positions + bias + epsilon + softmax + dropped, as a mapping, with `total` the output.

    `scale` is the largest sum of |relevance| at any op: what rounding errors are measured against. `by_op` lists what
    each op absorbed: (op, sink, amount).
    """

    def __init__(self, tokens: float, total: float, scale: float, by_op: list[tuple[str, str, float]]):
        self.scale, self.by_op = max(scale, abs(total)), by_op
        absorbed = {sink: sum((amount for _, s, amount in by_op if s == sink), 0.0) for sink in SINKS}
        self._entries = {"tokens": tokens, **absorbed, "total": total}

    def __getitem__(self, name: str) -> float:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def gap(self) -> float:
        """The output less all entries: zero but for rounding."""
        return self["total"] - sum(amount for name, amount in self.items() if name != "total")

    @property
    def closes(self) -> bool:
        """Whether the gap is within 1e-4 of the scale, what float32 allows."""
        return abs(self.gap) <= 1e-4 * self.scale

    def __repr__(self) -> str:
        rows = [f"{name:>10} {amount:+12.6f}  {MEANING[name]}" for name, amount in self.items()]
        return "\n".join(rows[:-1] + ["-" * 23, rows[-1], f"{'gap':>10} {self.gap:+12.2e}"])
