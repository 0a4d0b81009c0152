"""The answer that every method of explanation gives: the relevance of each token, and a ledger of the rest.

The ledger accounts for every unit of relevance. What the tokens do not get of the explained output went somewhere else: to
positions, to biases, to the stabiliser, or to the constant part of a tangent, of the softmax or another curve, which no input
explains. Each of these sinks is booked by its own formula where it happens, never as what is left over, so that the sum is a
proof: `ledger.gap` is rounding noise, or a rule is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy

from minitransformer.devices import floats
from minitransformer.explain import rendering
from minitransformer.explain.targets import One
from minitransformer.ops.books import Books
from minitransformer.pictures.pages import save_page
from minitransformer.pictures.tokens import plain_strip

SINKS = ("positions", "bias", "epsilon", "softmax", "tangent", "dropped")
MEANING = {
    "tokens": "what the words themselves contributed",
    "positions": "what came from where they stand",
    "bias": "what the model adds whatever it reads",
    "epsilon": "kept by the stabiliser of the divisions",
    "softmax": "the part of attention no input explains",
    "tangent": "the constant part of other curves, taken as lines",
    "dropped": "given up by a rule on purpose",
    "ranks": "what the books of other ranks hold",  # only where several ranks compute one model
    "total": "the explained output",
}
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}  # the largest gap from rounding, as a part of the scale
HALF_TOLERANCE = {"float16": 2.0**-10, "bfloat16": 2.0**-7}  # for one op; they have 11 and 8 binary digits


def tolerance(dtype: str, depth: int) -> float:
    """The largest gap, as a part of the scale, that rounding may make on a walk.

    In half precision each op rounds by up to `HALF_TOLERANCE`. Such errors are random, so that their sum grows as sqrt(depth).

    Args:
        dtype: the name of the output's dtype.
        depth: the number of ops.

    Returns:
        The largest gap.
    """
    return HALF_TOLERANCE[dtype] * math.sqrt(depth) if dtype in HALF_TOLERANCE else TOLERANCE[dtype]


@dataclass(slots=True)
class Row:
    """What one op, or one layer, did with relevance: received = passed on + tokens + all sinks.

    Attributes:
        layer: the name of the layer.
        op: the name of the op; empty for a layer.
        received: the relevance that came in.
        passed: (the layer it went to, how much) of each input.
        absorbed: how much of it, by sink; "tokens" is where explained inputs end.
        scale: the sum of |relevance| that was passed on.
        source: where an explained input ends, its name.
    """

    layer: str
    op: str
    received: float
    passed: list[tuple[str, float]] = field(default_factory=list)
    absorbed: dict[str, float] = field(default_factory=dict)
    scale: float = 0.0
    source: str = ""

    def amounts(self) -> list[Any]:
        """All numbers here, in the order in which `restate` takes them.

        Returns:
            The numbers, some of them arrays () on a device.
        """
        return [self.received, self.scale, *[amount for _, amount in self.passed], *self.absorbed.values()]

    def restate(self, amounts: Iterator[float]) -> None:
        """Replace the numbers here.

        Args:
            amounts: gives the new numbers, in the order of `amounts`.
        """
        self.received = next(amounts)
        self.scale = next(amounts)
        self.passed = [(layer, next(amounts)) for layer, _ in self.passed]
        self.absorbed = {sink: next(amounts) for sink in self.absorbed}

    @property
    def passed_on(self) -> float:
        """The relevance that went on to inputs."""
        return sum([amount for _, amount in self.passed], 0.0)

    @property
    def gap(self) -> float:
        """What came in less what is accounted for: zero but for rounding."""
        return self.received - self.passed_on - sum(self.absorbed.values(), 0.0)


class Ledger(Mapping[str, float]):
    """output = tokens + positions + bias + epsilon + softmax + tangent + dropped, as a mapping, with `total` the output.

    Of a model whose layers several ranks share out, each rank has a ledger, with one entry more: + ranks.

    Args:
        total: the explained output.
        rows: what each op did, newest op first.
        dtype: the name of the output's dtype.

    Attributes:
        rows: the same equation for each op.
        scale: the largest sum of |relevance| at any op, which rounding errors are compared with.
        tolerance: the largest gap that rounding may make, as a part of the scale.
    """

    meaning = MEANING

    def __init__(self, total: float, rows: list[Row], dtype: str = "float32"):
        self.rows = rows
        self.dtype = dtype
        self.tolerance = tolerance(dtype, len(rows))
        self.scale = max([abs(total), *(row.scale for row in rows)])
        self._entries = dict.fromkeys(("tokens", *SINKS), 0.0)
        for row in rows:
            for sink, amount in row.absorbed.items():
                self._entries[sink] = self._entries.get(sink, 0.0) + amount
        self._entries["total"] = total

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
        """Whether total and every op are accounted for, within what the dtype allows."""
        return self._small(self.gap) and all(self._small(row.gap) for row in self.rows)

    def _small(self, gap: float) -> bool:
        return abs(gap) <= self.tolerance * self.scale

    @property
    def inputs(self) -> dict[str, float]:
        """What each explained input got; together they are the entry "tokens"."""
        found: dict[str, float] = {}
        for row in self.rows:
            if row.source:
                found[row.source] = found.get(row.source, 0.0) + row.absorbed.get("tokens", 0.0)
        return found

    @property
    def by_op(self) -> list[tuple[str, str, float]]:
        """What each op absorbed: (op, sink, amount)."""
        return [
            (row.op, sink, amount)
            for row in self.rows
            for sink, amount in row.absorbed.items()
            if sink in SINKS
        ]

    def by_layer(self, depth: int | None = None) -> list[Row]:
        """A row for each layer, from the output down.

        A layer receives what ops of other layers pass to it, and passes on what goes to other layers; what moves within it is
        left out.

        Args:
            depth: how many parts of each layer's name to keep: with 1, all of "encoder" is one row. None keeps whole names.

        Returns:
            The rows; `op` is empty in each.
        """
        layers: dict[str, Row] = {}
        for row in self.rows:
            name = _cut(row.layer, depth)
            layer = layers.setdefault(name, Row(name, "", 0.0))
            _merge(layer, row, depth)
        return list(layers.values())

    def verify(self) -> Ledger:
        """Check this ledger.

        Returns:
            The ledger itself.

        Raises:
            RuntimeError: at an op, which the error names, or in total, the accounts do not close.
        """
        for row in self.rows:
            if not self._small(row.gap):
                where = f"{row.op} in layer {row.layer!r}" if row.layer else row.op
                accounted = f"{row.passed_on:.9g} went on and {sum(row.absorbed.values()):.9g} was absorbed"
                why = (
                    "its rule is wrong"
                    if math.isfinite(row.gap)
                    else f"a number is too large for {self.dtype}"
                )
                raise RuntimeError(
                    f"relevance goes missing at {where}: {row.received:.9g} came in, {accounted}; {why}"
                )
        if not self._small(self.gap):
            raise RuntimeError(
                f"relevance goes missing between ops: a gap of {self.gap:.3g} in {self['total']:.9g}"
            )
        return self

    def table(self, by: str = "layer", depth: int | None = None) -> str:
        """A line for each layer or op: what it received, passed on, and absorbed by sink.

        Args:
            by: "layer" or "op".
            depth: of layers' names, as in `by_layer`.

        Returns:
            The table, as text of several lines.

        Raises:
            ValueError: `by` is another word.
        """
        if by not in ("layer", "op"):
            raise ValueError(f"by: expected 'layer' or 'op', got {by!r}")
        rows = self.by_layer(depth) if by == "layer" else self.rows
        names = [" ".join(filter(None, (row.layer or "(model)", row.op, row.source))) for row in rows]
        width = max(map(len, names), default=5)
        head = " ".join(
            [
                f"{by:<{width}}",
                *(f"{title:>11}" for title in ("received", "passed on", "tokens", *SINKS, "gap")),
            ]
        )
        return "\n".join(
            [head] + [f"{name:<{width}} {_numbers(row)}" for name, row in zip(names, rows, strict=True)]
        )

    def __repr__(self) -> str:
        rows = [f"{name:>10} {amount:+12.6f}  {MEANING[name]}" for name, amount in self.items()]
        if len(self.inputs) > 1:
            rows[1:1] = [f"{'':10} {amount:+12.6f}  of these {name}" for name, amount in self.inputs.items()]
        return "\n".join(rows[:-1] + ["-" * 23, rows[-1], f"{'gap':>10} {self.gap:+12.2e}"])


def _cut(name: str, depth: int | None) -> str:
    return ".".join(name.split(".")[:depth])


def _merge(layer: Row, row: Row, depth: int | None) -> None:
    """Add the row of an op to that of its layer; what the op passes to its own layer was received there and stays."""
    layer.scale = max(layer.scale, row.scale)
    layer.received += row.received
    for name, amount in row.passed:
        if _cut(name, depth) == layer.layer:
            layer.received -= amount
        else:
            layer.passed.append((_cut(name, depth), amount))
    for sink, amount in row.absorbed.items():
        layer.absorbed[sink] = layer.absorbed.get(sink, 0.0) + amount


def _numbers(row: Row) -> str:
    amounts: Iterable[float] = (
        row.received,
        row.passed_on,
        *(row.absorbed.get(sink, 0.0) for sink in ("tokens", *SINKS)),
    )
    return (
        " ".join(f"{amount:+11.5f}" if amount else f"{'.':>11}" for amount in amounts) + f" {row.gap:+11.1e}"
    )


# ---- the books of a walk ----


class WalkBooks(Books):
    """The books that laws are given, with a row for each op of a walk; amounts are booked in the newest one.

    Args:
        eps: the stabiliser, 0 or more.
    """

    def __init__(self, eps: float):
        super().__init__(eps)
        self.rows: list[Row] = []

    def open(self, layer: str, op: str, received: Any) -> Row:
        """Begin the row of an op: what laws absorb from now on is booked there.

        Args:
            layer: the layer in which the op lies.
            op: the name of the op.
            received: the relevance that came in, a number or an array () on a device.

        Returns:
            The row.
        """
        row = Row(layer, op, received)
        self.rows.append(row)
        self.absorbed = row.absorbed
        return row

    def closed(self) -> list[Row]:
        """The rows with plain numbers. Only here the program waits for amounts on a device, for all at once.

        Returns:
            The rows, newest op first.
        """
        if any(type(row.received) is not float for row in self.rows):
            plain = iter(floats([amount for row in self.rows for amount in row.amounts()]))
            for row in self.rows:
                row.restate(plain)
        return self.rows


# ---- the answer ----


class Explanation:
    """The relevance of each token to one output of a model.

    Args:
        method: the name of the method.
        ids: integers (T,) or (B, T).
        relevance: signed numbers of the shape of `ids`.
        target: the explained output of each sequence, or the name of a class.
        output: the value of the explained outputs, summed over the sequences.
        tokens: strings to show, of the shape of `ids`; the ids if None.
        ledger: what became of the rest of the output; None for a method that does not account for it.

    Attributes:
        name: what the explained output is called, such as "positive"; None if it is not set.
        probability: of the explained output; None if it is not set.
        unknown: tokens that the model does not know.

    Raises:
        ValueError: the tokens have another shape.
    """

    def __init__(
        self,
        method: str,
        ids: numpy.ndarray,
        relevance: numpy.ndarray,
        target: Sequence[One | str],
        output: float,
        tokens: Sequence[str] | None = None,
        ledger: Ledger | None = None,
    ):
        self.method, self.ids, self.relevance = method, ids, relevance
        self.target, self.output, self.ledger = target, output, ledger
        self.name: str | None = None
        self.probability: float | None = None
        self.unknown: Sequence[str] = ()
        self.tokens = numpy.asarray(ids).astype(str).tolist() if tokens is None else list(tokens)
        if numpy.shape(self.tokens) != numpy.shape(relevance):
            raise ValueError(
                f"tokens: expected strings of shape {relevance.shape}, got {numpy.shape(self.tokens)}"
            )

    def rows(self) -> list[tuple[list[str], numpy.ndarray]]:
        """The tokens and their relevance, sequence by sequence.

        Returns:
            (tokens, relevance (T,)) of each.
        """
        if self.relevance.ndim == 1:
            return [(self.tokens, self.relevance)]
        return list(zip(self.tokens, self.relevance, strict=True))

    def show(self) -> None:
        """Print the tokens in colour, and the ledger."""
        rendering.print_explanation(self)

    def to_html(self) -> str:
        """A fragment of HTML with inline styles, which notebooks show even if they are not trusted.

        Returns:
            The HTML.
        """
        return rendering.html_explanation(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write an HTML page that loads no other file.

        Args:
            path: the file to write.
        """
        save_page(path, self.method, self.to_html())

    _repr_html_ = to_html

    def __repr__(self) -> str:
        strips = "\n".join(plain_strip(tokens, values) for tokens, values in self.rows())
        return f"{self.method}: logit {self.target} = {self.output:.4f}\n{strips}" + (
            f"\n{self.ledger}" if self.ledger else ""
        )


class LRPExplanation(Explanation):
    """An explanation by LRP. Its ledger accounts for what of the output the tokens do not get."""

    ledger: Ledger
