"""What a walk of relevance carries along: the stabiliser of its divisions, and the account of what went where."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

from minitransformer.autograd import Op
from minitransformer.backends import HOST, Array, namespace
from minitransformer.devices import floats
from minitransformer.explain.ledger import Row
from minitransformer.ops.laws import is_number


class Books:
    """The account of a walk, a row for each op. Laws get it as an argument, in ops under the name of `rule`."""

    def __init__(self, eps: float):
        if not eps >= 0:
            raise ValueError(f"eps: expected a number >= 0, got {eps}")
        self.eps = eps
        self.rows: list[Row] = []

    def open(self, layer: str, op: str, received) -> Row:
        """Begin the row of an op: what follows is booked there."""
        self.row = Row(layer, op, received)
        self.rows.append(self.row)
        return self.row

    def stabiliser(self, z: Array) -> Array:
        """eps sign(z), sign(0) = +1: away from zero, so that no share is larger than without it."""
        return namespace(z).where(z < 0, -self.eps, self.eps).astype(z.dtype)

    def ratio(self, r: Array, z: Array) -> Array:
        """R / S(z), S(z) = z + eps sign(z); the stabiliser's share of R is absorbed. With eps = 0, z = 0 drops its R."""
        signed = self.stabiliser(z)
        stable = z + signed
        if not self.eps:
            nothing = stable == 0
            stable = namespace(z).where(nothing, 1, stable)
            self.absorb("dropped", r * nothing)
            return r * ~nothing / stable
        share = r / stable
        self.absorb("epsilon", share * signed)
        return share

    @contextlib.contextmanager
    def stabilised(self, eps: float | None) -> Iterator[None]:
        """Another stabiliser inside this block; None changes nothing."""
        usual, self.eps = self.eps, self.eps if eps is None else eps
        try:
            yield
        finally:
            self.eps = usual

    def absorb(self, sink: str, amounts: Array) -> None:
        """Book the sum of `amounts` under a sink of the ledger."""
        amount = amounts.sum()
        self.book(sink, float(amount) if isinstance(amounts, HOST) else amount)

    def book(self, sink: str, amount) -> None:
        """Book one amount under a sink of the ledger."""
        absorbed = self.row.absorbed
        absorbed[sink] = absorbed.get(sink, 0.0) + amount

    def finite(self, a):
        """`a` with 0 for -inf: such a score is a place that is not there."""
        if is_number(a):
            return a if math.isfinite(a) else 0.0
        if a.dtype.kind != "f" or not a.size or (isinstance(a, HOST) and a.min() > -math.inf):
            return a  # a device is not asked: that would mean waiting for it
        return namespace(a).where(a == -math.inf, 0, a)

    def refuse(self, op: Op, why: str, when: bool = True) -> None:
        """Raise NotImplementedError, naming op and layer, instead of letting relevance vanish."""
        if when:
            raise NotImplementedError(f"relevance at {named(op, self.row.layer)}: {why}")

    def closed(self) -> list[Row]:
        """The rows with plain numbers: amounts from a device are waited for only here, all at once."""
        if any(type(row.received) is not float for row in self.rows):
            plain = iter(floats([amount for row in self.rows for amount in row.amounts()]))
            for row in self.rows:
                row.restate(plain)
        return self.rows


def named(op: Op, layer: str) -> str:
    """An op and the layer that made it, for messages."""
    return f"{op} in layer {layer!r}" if layer else str(op)
