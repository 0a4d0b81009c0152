"""Prove a port: is relevance conserved in each layer of a model, do its two forms agree, and does a third way confirm them?

| check | passes if |
|---|---|
| conservation | each layer and each op passes on or books what it receives |
| forms | the gradient form and the explicit form, without a stabiliser, give each number the same |
| differences | central differences of the modified function, along random directions, give the same |
| derivative | central differences of the model itself agree with the gradient of its tape: nothing is cut off that matters |
| places | no op lacks a law, none had its values edited |

All is computed in float64, with a copy of the model. The first three can only be wrong together if one mistake is made in three
places that share no code.

Along a direction d every number x of the inputs changes by a random part of itself, d x, and the modified function must change by
<R, d>, R being the relevance of each number. With normal d an error e of R shows as <e, d>, itself normal, of deviation |e|: a
direction hides it with a probability below 0.8 c |R| / |e|, where c is the gap that passes. So an error in one part in a thousand
of R, in however many of its numbers, passes four directions in less than one of a hundred million models.

The forms are compared where the inputs differ by a millionth from those given. At these themselves a sum may be exactly 0 though
its terms are not, and then the explicit form has nothing to divide: see `walk.py`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy

from minitransformer.autograd import cotangents, key
from minitransformer.backends import Array, namespace
from minitransformer.devices import to_device, to_host
from minitransformer.explain.explanation import Ledger, WalkBooks
from minitransformer.explain.lost import Lost, changed_outside, cut_off, same_ops, without_law
from minitransformer.explain.modified_function import replay
from minitransformer.explain.question import Position, weighted
from minitransformer.explain.rules import Composite, named_composite
from minitransformer.explain.run import Run
from minitransformer.explain.targets import Target
from minitransformer.explain.walk import Walk
from minitransformer.nn.module import Module

# the largest relative gaps in float64: between the two forms, and beside central differences
FORMS_GAP, DIFFERENCE_GAP = 1e-6, 1e-5
STEP = 1e-5  # of central differences, as a part of the values
NUDGE = 1e-6  # by which the inputs differ in further runs


class LayerRow(NamedTuple):
    """What one layer did with relevance.

    Attributes:
        layer: its dotted name; "" for what no layer computes.
        received: the relevance that came in.
        accounted: what it passed on, gave to the inputs, or booked under a sink.
        gap: the difference.
    """

    layer: str
    received: float
    accounted: float
    gap: float


@dataclass(frozen=True)
class Certificate:
    """What `certify` found.

    Attributes:
        output: the explained output.
        rule: the name of the rules.
        rows: (layer, in, out, gap) for each layer, from the output down; empty if no walk could be made.
        forms_gap: the largest difference between the two forms, as a part of the largest relevance; NaN if not computed.
        difference_gap: the same between a walk and central differences of the modified function.
        derivative_gap: the same between the gradient of the tape and central differences of the model, along one direction.
        lost: the places where relevance is lost.
        ledger: the ledger of the gradient form; None if no walk could be made.
        relevance: by input, the relevance of each token, or of each row of numbers.
        checked: along how many random directions central differences were taken, over all tokens at once.
    """

    output: float
    rule: str
    rows: list[LayerRow] = field(default_factory=list)
    forms_gap: float = math.nan
    difference_gap: float = math.nan
    derivative_gap: float = math.nan
    lost: list[Lost] = field(default_factory=list)
    ledger: Ledger | None = None
    relevance: dict[str, list[numpy.ndarray]] = field(default_factory=dict, repr=False)
    checked: int = 0

    @property
    def conserved(self) -> bool:
        """Whether every op and every layer accounts for what it received."""
        return self.ledger is not None and self.ledger.closes

    @property
    def ok(self) -> bool:
        """Whether every check passed. Places where a piece was cut off count if the derivative says that they matter."""
        return self.conserved and all(gap <= limit for _, gap, limit, _ in self._gaps())

    def _gaps(self) -> list[tuple[str, float, float, str]]:
        """(name, gap, the largest that passes, what is compared) of each."""
        return [
            ("forms", self.forms_gap, FORMS_GAP, "gradient form and explicit form"),
            (
                "difference",
                self.difference_gap,
                DIFFERENCE_GAP,
                f"the modified function, in {self.checked} directions",
            ),
            ("derivative", self.derivative_gap, DIFFERENCE_GAP, "the model itself, in one direction"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON.

        Returns:
            A dictionary; None stands for a gap that could not be computed.
        """
        gaps = {f"{name}_gap": gap for name, gap, _, _ in self._gaps()}
        return {
            "ok": self.ok,
            "output": self.output,
            "rule": self.rule,
            "rows": [dict(zip(("layer", "in", "out", "gap"), row, strict=True)) for row in self.rows],
            **{name: gap if math.isfinite(gap) else None for name, gap in gaps.items()},
            "checked": self.checked,
            "lost": [lost._asdict() for lost in self.lost],
            "ledger": self.ledger and {**self.ledger, "gap": self.ledger.gap},
        }

    def show(self) -> None:
        """Print the checks, the layers, and the places where relevance is lost."""
        from minitransformer.terminal import (
            Terminal,  # rich takes time to import: only what prints imports it
        )

        Terminal().print(str(self), markup=False, highlight=False, soft_wrap=True)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{'certified' if self.ok else 'not certified'}: output {self.output:.6g}, rule {self.rule}"
        yield f"  conservation {_verdict(self.conserved)}: {len(self.rows)} layers, {self._worst()}"
        for name, gap, limit, what in self._gaps():
            yield f"  {name:<12} {_verdict(gap <= limit)}: relative gap {gap:.1e}, {what}"
        matters = not self.derivative_gap <= DIFFERENCE_GAP
        yield from (f"  {'lost' if matters else 'without effect here'}: {lost}" for lost in self.lost)
        if self.rows:
            width = max(12, *(len(row.layer) for row in self.rows))
            yield f"{'layer':{width}} {'in':>12} {'out':>12} {'gap':>9}"
            for row in self.rows:
                yield f"{row.layer or '(the model)':{width}} {row.received:+12.6f} {row.accounted:+12.6f} {row.gap:+9.1e}"
        if self.ledger is not None:
            yield str(self.ledger)

    def _worst(self) -> str:
        return f"largest gap {max((abs(row.gap) for row in self.rows), default=math.nan):.1e}"


def _verdict(passed: bool) -> str:
    return "ok" if passed else "FAILS"


def certify(
    model: Module,
    inputs: Any,
    target: Target = None,
    *,
    rule: str | Composite = "attnlrp",
    position: Position = -1,
    batch_first: bool = True,
    checks: int = 4,
) -> Certificate:
    """Check that relevance is computed rightly for one output of a model, of whatever ops it is made.

    Args:
        model: gives logits (B, V) as a classifier, or (B, T, V) as a language model. It is copied, and not changed.
        inputs: integer ids (T,) or (B, T), whose vectors from `nn.Embedding` are explained, or numbers of any shape, which are
            explained themselves; a tuple for a model of several inputs.
        target: the explained logit, in one of the forms that `explain.lrp` takes.
        rule: the name of a preset, or a `Composite`; one that has a gradient form.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        batch_first: False for a model that reads (T, B) and gives (T, B, V).
        checks: along how many random directions central differences are taken.

    Returns:
        A `Certificate`.

    Raises:
        ValueError: the rule has no gradient form, or the inputs, target or logits have another form.
        IndexError: a target or position out of range.
    """
    composite = named_composite(rule)
    if not composite.gradient_form:
        raise ValueError(f"certify: expected a rule that has a gradient form as well, got {composite.name}")
    if checks < 1:
        raise ValueError(f"checks: expected 1 or more, got {checks}")
    copied = copy.deepcopy(model).double()
    trial = _Trial(copied, inputs, composite, batch_first)
    trial.weights = trial.run.weigh(target, position, batch_first)
    return trial.certificate(checks)


class _Trial:
    """A model, its first run, and the checks of it."""

    weights: Array

    def __init__(self, model: Module, inputs: Any, composite: Composite, batch_first: bool):
        self.composite, self.batch_first = composite, batch_first
        self.model, self.inputs = model, inputs
        self.run = self._again({})
        self.ops, self.keys = self.run.ops, self.run.keys
        self.random = numpy.random.default_rng(0)

    def _again(self, scales: dict[int, Array]) -> Run:
        return Run(self.model, self.inputs, scales, self.batch_first)

    def certificate(self, checks: int) -> Certificate:
        """All checks; those that need a walk only if one can be made."""
        output, name = self.run.output(self.weights), self.composite.name
        if not math.isfinite(output):
            raise ValueError(f"certify: expected a finite output to explain, got {output}")
        plan = self._walk(self.run, "gradient")
        plan.plan(self.ops, self.keys)
        if lost := without_law(plan, self.ops):
            return Certificate(output, name, lost=lost)
        direction = self._direction()
        sides = [self._again(dict(enumerate(self._scales(direction, step)))) for step in (NUDGE, -NUDGE)]
        relevance, ledger, walk = self._relevance(self.run, "gradient")
        return Certificate(
            output,
            name,
            [_row(row) for row in ledger.by_layer()],
            self._forms_gap(sides[0]),
            self._difference_gap(walk, relevance, checks),
            self._derivative_gap(plan, direction, sides),
            changed_outside(plan, self.ops) + cut_off(plan, self.ops, sides[0].ops),
            ledger,
            self._named([_by_row(part) for part in relevance]),
            checks,
        )

    def _walk(self, run: Run, form: str) -> Walk:
        return Walk(self.composite, form, WalkBooks(0.0), run.layers)

    def _relevance(self, run: Run, form: str) -> tuple[list[numpy.ndarray], Ledger, Walk]:
        """The relevance of each source in one form, without a stabiliser; the ledger, not verified; and the walk."""
        walk = self._walk(run, form)
        seed = weighted(run.logits, self.weights) if walk.explicit else self.weights
        found = walk.run(run.logits, seed, run.keys, run.ops)
        pairs = zip(run.keys, run.sources, strict=True)
        parts = [to_host(walk.arrival(k, found.get(k), t.array, name)) for k, (name, t) in pairs]
        return parts, Ledger(run.output(self.weights), walk.books.closed(), run.logits.dtype.name), walk

    def _forms_gap(self, moved: Run) -> float:
        """The gap between the two forms, in a run a little beside the first one, if that has the same ops."""
        run = moved if same_ops(self.ops, moved.ops) else self.run
        gradient, explicit = (self._relevance(run, form)[0] for form in ("gradient", "explicit"))
        return _gap(gradient, explicit)

    def _named(self, sums: Sequence[numpy.ndarray]) -> dict[str, list[numpy.ndarray]]:
        found: dict[str, list[numpy.ndarray]] = {}
        for source, part in zip(self.run.sources, sums, strict=True):
            found.setdefault(source.name, []).append(part)
        return found

    def _direction(self) -> list[numpy.ndarray]:
        """By which part of itself each number of each source changes."""
        return [self.random.standard_normal(source.leaf.shape) for source in self.run.sources]

    def _difference_gap(self, walk: Walk, relevance: Sequence[numpy.ndarray], checks: int) -> float:
        """The gap between relevance and central differences of the modified function, as a part of |relevance|."""
        directions = [self._direction() for _ in range(checks)]
        expected = [sum(map(_dot, relevance, direction)) for direction in directions]
        slopes = [self._slope(walk, direction) for direction in directions]
        size = math.sqrt(sum(map(_dot, relevance, relevance)))
        return _gap([numpy.array(expected)], [numpy.array(slopes)], [numpy.array(size)])

    def _slope(self, walk: Walk, direction: Sequence[numpy.ndarray]) -> float:
        """How the modified function changes along a direction."""
        sides = []
        for step in (STEP, -STEP):
            scaled = zip(self.keys, self._scales(direction, step), self.run.sources, strict=True)
            values = {k: source.leaf.array * scale for k, scale, source in scaled}
            found = replay(walk, self.ops, values).get(key(self.run.logits), self.run.logits.array)
            explained = namespace(found).where(self.weights == 0, 0, found)
            sides.append(float((explained * self.weights).sum()))
        return (sides[0] - sides[1]) / (2 * STEP)

    def _scales(self, direction: Sequence[numpy.ndarray], step: float) -> list[Array]:
        """What each source is multiplied by, a step along a direction."""
        pairs = zip(direction, self.run.sources, strict=True)
        return [to_device(1 + step * d, source.leaf.device) for d, source in pairs]

    def _derivative_gap(self, plan: Walk, direction: Sequence[numpy.ndarray], sides: Sequence[Run]) -> float:
        """The gap between the tape's gradient and central differences of the model, from runs on both sides of the first one."""
        seeds = {key(self.run.logits): self.weights}
        found = cotangents([self.run.logits], seeds, self.keys, law=plan.values.gradients)
        triples = zip(self.keys, self.run.sources, direction, strict=True)
        parts = [_dot(to_host(found[k] * s.leaf.array), d) for k, s, d in triples if k in found]
        ahead, behind = (side.output(self.weights) for side in sides)
        slope = (ahead - behind) / (2 * NUDGE)
        rounding = 1e-15 * abs(self.run.output(self.weights)) / NUDGE
        size = max(map(abs, [*parts, slope]))
        return max(abs(slope - sum(parts)) - rounding, 0.0) / size if size else 0.0


def _dot(a: numpy.ndarray, b: numpy.ndarray) -> float:
    """The sum of the products."""
    return float((a * b).sum())


def _row(row: Any) -> LayerRow:
    return LayerRow(row.layer, row.received, row.received - row.gap, row.gap)


def _by_row(part: numpy.ndarray) -> numpy.ndarray:
    """The sum over the last dimension; a vector as it is."""
    return part.sum(axis=-1) if part.ndim > 1 else part


def _gap(
    a: Sequence[numpy.ndarray], b: Sequence[numpy.ndarray], scale: Sequence[numpy.ndarray] = ()
) -> float:
    """The largest difference between two lists of arrays, as a part of the largest number of `scale`, or of both."""
    size = max(float(abs(part).max(initial=0.0)) for part in (*a, *b, *scale))
    largest = max(float(abs(x - y).max(initial=0.0)) for x, y in zip(a, b, strict=True))
    return largest / size if size else largest
