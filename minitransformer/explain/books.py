"""The books of a walk of relevance: what each op received, passed on and absorbed, a row for each op."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Op
from minitransformer.devices import floats
from minitransformer.explain.ledger import Row
from minitransformer.ops.books import Books


class WalkBooks(Books):
    """The books that laws are given, with a row for each op of a walk; amounts are booked in the newest one."""

    def __init__(self, eps: float):
        super().__init__(eps)
        self.rows: list[Row] = []

    def open(self, layer: str, op: str, received: Any) -> Row:
        """Begin the row of an op: what laws absorb from now on is booked there."""
        row = Row(layer, op, received)
        self.rows.append(row)
        self.absorbed = row.absorbed
        return row

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
