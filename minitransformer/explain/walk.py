"""Layer-wise relevance propagation (LRP): the tape is walked backwards with the relevance law of each op, not its gradient.

The head of `explain/__init__.py` says what a walk, a rule, a stop and the books are.

Two forms of the same rules. The *explicit* form walks relevance itself: each op divides the relevance of its output
among its inputs (Bach et al., PLoS ONE 10(7), 2015). The *gradient* form walks a modified gradient and multiplies it by
the activation at the end: one backward pass, without a division by small sums (Achtibat et al., ICML 2024; Arras et al.,
arXiv 2502.15886).

Where a sum is exactly 0 though its terms are not, as in (x - x') w with x = x', the forms differ. In explicit form the sum has no
relevance, 0 w = 0, that its terms could share, and they get nothing. The gradient form divides nothing: the terms get x w and
-x' w, which is the limit of both forms as x' comes near to x. The ledgers of both close.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy

from minitransformer.autograd import Filed, Op, Tensor, key, propagate, tape
from minitransformer.backends import HOST, Array, Arrays, namespace
from minitransformer.devices import to_host
from minitransformer.explain.entered import entered
from minitransformer.explain.explanation import Ledger, LRPExplanation, Row, WalkBooks
from minitransformer.explain.held import Held
from minitransformer.explain.question import Position, Question, values_of
from minitransformer.explain.rules import Composite, Rule, located, named_composite
from minitransformer.explain.targets import One, Target
from minitransformer.explain.without import reason
from minitransformer.nn.layer_record import Layers, named
from minitransformer.nn.module import Module
from minitransformer.nn.position import POSITIONS, is_marked
from minitransformer.ops.laws import Activates, Moves, widened
from minitransformer.ops.tensors.inplace import Overwrite
from minitransformer.settings import enable_grad

FORMS = ("gradient", "explicit")


@dataclass(slots=True)
class Stop:
    """What a walk does at one op, decided before it begins.

    Attributes:
        rule: how relevance is divided there.
        layer: the layer in which the op lies.
        ways: for each input the key under which its relevance is filed, or None for an input that gets none.
        needs: for each input whether it gets any, as the laws of the op read it.
    """

    rule: Rule
    layer: str
    ways: list[Any]
    needs: list[bool]


class Walk:
    """One walk back from an output: the rule of each op in the chosen form, and the books.

    The sum of the relevance that an op passes to an input is filed in `arrived`, until the walk comes to the op that made this
    input, which received it.

    Args:
        rule: the name of a preset, or a `Composite`.
        form: "gradient" or "explicit".
        books: what the laws are given, with a row for each op.
        layers: the record of the model's run.
        origin: for a walk inside an op made of others, the layers that its leaves come from.
        outside: for such a walk, the keys of what is live outside.

    Raises:
        ValueError: another form, or no such preset.
    """

    def __init__(
        self,
        rule: str | Composite,
        form: str,
        books: WalkBooks,
        layers: Layers | None = None,
        origin: dict[Tensor, str] | None = None,
        outside: Collection[Any] = (),
    ):
        if form not in FORMS:
            raise ValueError(f"form: expected 'gradient' or 'explicit', got {form!r}")
        self.composite = named_composite(rule)
        self.explicit = form == "explicit"
        self.books = books
        self.layers = Layers() if layers is None else layers
        self.origin, self.outside = origin, outside
        self.stops: dict[Op, Stop] = {}
        self.live = set[Any]()
        self.values = values_of(())
        self.read: dict[Any, Array] = {}
        self.arrived: dict[Any, Any] = defaultdict(float)

    def run(self, root: Tensor, seed: Array, sources: list[Any], ops: list[Op] | None = None) -> Filed:
        """Walk back from one output.

        Args:
            root: the output.
            seed: what the walk begins with, of the output's shape: its relevance in explicit form, or else its cotangent.
            sources: keys of the tensors that are explained.
            ops: the tape of the output, newest op first, if the caller has it.

        Returns:
            What arrives at each source, by key: relevance in explicit form, or else the modified gradient.
        """
        return self._run([(root, seed)], sources, tape(root) if ops is None else ops)

    def _run(self, seeds: list[tuple[Tensor, Array]], sources: list[Any], ops: list[Op]) -> Filed:
        """`run` from several outputs at once. What no source reaches, as by a rule that holds a softmax constant, is a bias."""
        live = self.plan(ops, sources)
        for root, seed in seeds:
            amount = self._amount(seed, root.array)
            if key(root) in live:
                self.arrived[key(root)] += amount
            else:
                self.books.open(self._maker(root), "constant", amount)
                self.books.book("bias", amount)
        begin = {key(root): widened(seed) for root, seed in seeds if key(root) in live}
        with numpy.errstate(invalid="ignore"):  # 0 times a score of -inf, see `_amount`
            return propagate(ops, begin, self.law, lambda t: key(t) in live, keep=set(sources))

    def plan(self, ops: Sequence[Op], sources: Sequence[Any]) -> set[Any]:
        """Decide in `stops` what the walk does at each op.

        Args:
            ops: the tape, newest op first.
            sources: keys of the tensors that are explained.

        Returns:
            The keys of all that depends on a source other than through what a rule holds constant.

        Raises:
            ValueError: an entry of the composite selects nothing.
        """
        sites = located(ops[::-1], self.layers, counted=self.origin is None)
        if self.origin is None:
            self.composite.check(sites)
        self.live = live = set(sources)
        explained = frozenset(sources)
        self.values = values_of(ops, explained)

        def depends(t: Tensor) -> bool:
            return (k := key(t)) in live or k in self.outside

        for site in sites:
            op = site.op
            rule = self.composite.rule_for(site)
            ways = []
            for i, t in enumerate(op.inputs or ()):
                k = key(t) if isinstance(t, Tensor) else None
                if k in explained:
                    self.read[k] = self.values.arrays(op)[i]
                held = isinstance(op, Held) or k in live and rule.holds(op, i, depends)
                ways.append(k if k in live and not held else None)
            self.stops[op] = stop = Stop(rule, site.layer, ways, [k is not None for k in ways])
            if True in stop.needs:
                live.update([(op, i) for i in range(op.outputs)])
        return live

    def law(self, op: Op, r: Array | Arrays) -> Arrays:
        """The law of one op: what arrived at its output becomes its inputs' parts, and is booked.

        Half precision is widened to float32, in which less is rounded.

        Args:
            op: the op.
            r: what arrived; for several outputs a tuple, with None for those at which nothing did.

        Returns:
            The part of each input, or None.
        """
        stop = self.stops[op]
        arrays = [widened(a) for a in self.values.arrays(op)]
        op.needs = stop.needs
        received = self._received(op)
        if op.clear is not None and (self.explicit or type(op).modified is Op.modified):
            return self._through_clear_form(op, op.clear, r, arrays)
        row = self.books.open(stop.layer, str(op), received)
        output = [widened(self.values.output(op))] if op.reads in ("output", "both") else []
        parts = self._share(stop.rule, op, stop.layer)(op, r, self.books, *output, *arrays)
        self._book(op, r, parts, arrays, row)
        return parts

    def _received(self, op: Op) -> float | Array:
        """What was filed for an op's outputs."""
        if op.outputs == 1:
            return self.arrived.pop((op, 0), 0.0)
        return sum([self.arrived.pop((op, i), 0.0) for i in range(op.outputs)])

    def _share(self, rule: Rule, op: Op, layer: str) -> Callable[..., Arrays]:
        """The rule's law in the form of this walk. Raises NotImplementedError, ValueError if there is none."""
        modified = type(op).modified is not Op.modified
        if type(op).relprop is Op.relprop and not modified:
            why = f"{reason(op)}; detach its inputs if none shall flow"
            raise NotImplementedError(f"relevance at {named(op, layer)}: {why}")
        if not self.explicit and not (rule.gradient_form and modified):
            raise ValueError(
                f"relevance at {named(op, layer)}: {rule} has no gradient form; pass form='explicit', "
                "on the command line --form explicit"
            )
        return rule.relprop if self.explicit else rule.modified

    def _book(self, op: Op, r: Array | Arrays, parts: Arrays, arrays: Sequence[Array], row: Row) -> None:
        """Relevance of inputs that are followed is passed on; that of the others is absorbed."""
        # these keep each number as it is: no need to see how large they are
        moves = isinstance(op, (Moves, Activates))
        for source, k, part, a in zip(op.inputs, self.stops[op].ways, parts, arrays, strict=True):
            if part is None:
                continue
            amount = row.received if moves and _is_view(part, r) else self._amount(part, a)
            # what the tensor held then may be written over by now
            if isinstance(op, Overwrite) and part is parts[0]:
                amount = row.received - self._amount(parts[1], arrays[1])
            if k is None:
                positional = isinstance(source, Tensor) and is_marked(source)
                self.books.book(POSITIONS if positional else "bias", amount)
                continue
            self.arrived[k] += amount
            row.passed.append((self._maker(source), amount))
            if not moves:
                row.scale += self._extent(part, a)

    def _amount(self, part: Array, a: Array) -> float | Array:
        """The sum of an input's relevance; `a` are the input's values."""
        if self.explicit or not isinstance(a, HOST):
            return _number((part if self.explicit else part * self.books.finite(a)).sum())
        amount = float(numpy.vdot(part, a))  # makes no array of the products
        # 0 times a score of -inf
        return amount if amount == amount else float(numpy.vdot(part, self.books.finite(a)))

    def _extent(self, part: Array, a: Array) -> float | Array:
        """The sum of an input's |relevance|."""
        if self.explicit or not isinstance(a, HOST):
            return _number(abs(part if self.explicit else part * self.books.finite(a)).sum())
        extent = float(numpy.vdot(numpy.abs(part), numpy.abs(a)))
        return extent if extent == extent else float(numpy.vdot(abs(part), abs(self.books.finite(a))))

    def _maker(self, t: Tensor) -> str:
        """The layer that made a tensor."""
        if t.op is None:
            return (self.origin or {}).get(t, "")
        return self.stops[t.op].layer if t.op in self.stops else self.layers.of(t.op)

    def within(self, op: Op, origin: dict[Tensor, str] | None = None) -> Walk:
        """A walk with the same rules inside an op made of others.

        Args:
            op: the op, at which this walk has a stop.
            origin: the layers that the leaves inside come from.

        Returns:
            The walk, with the same books.
        """
        form = "explicit" if self.explicit else "gradient"
        layers = self.layers.within(self.stops[op].layer)
        return Walk(self.composite, form, self.books, layers, origin or {}, {*self.outside, *self.live})

    def _through_clear_form(
        self, op: Op, clear: Callable[..., Any], r: Array | Arrays, arrays: Sequence[Array]
    ) -> Arrays:
        """An op made of others passes relevance on as they do: run it in clear ops, and walk those."""
        needs = self.stops[op].needs
        leaves = [entered(*each) for each in zip(op.inputs, arrays, needs, strict=True)]
        with enable_grad():
            outs = clear(*leaves)
        pairs = zip(outs, r, strict=True) if op.outputs > 1 else [(outs, r)]
        seeds = [(out, part) for out, part in pairs if part is not None]
        ops = sorted({op for out, _ in seeds for op in tape(out)}, key=attrgetter("number"), reverse=True)
        origin = {leaf: self._maker(t) for leaf, t in zip(leaves, op.inputs, strict=True)}
        inner = self.within(op, origin)
        found = inner._run(seeds, [leaf for leaf, need in zip(leaves, needs, strict=True) if need], ops)
        for leaf, t in zip(leaves, op.inputs, strict=True):
            self.arrived[key(t)] += inner.arrived.pop(leaf, 0.0)
        return tuple(found.get(leaf) for leaf in leaves)

    def explain(self, asked: Question, inside: Sequence[tuple[Any, Array]] = ()) -> list[Array]:
        """Walk back from the explained output of a model.

        Args:
            asked: the question.
            inside: keys and values of intermediate results that are explained; none means the tokens' vectors.

        Returns:
            The relevance of each.
        """
        vectors = [(key(t), t.array) for t in asked.vectors]
        names = [""] * len(inside) or asked.sources
        seed = asked.weighted_logits if self.explicit else asked.weights
        if asked.constant:
            row = self.books.open("", "logsumexp", asked.output)
            self.books.book("softmax", asked.constant)
            row.passed.append((self._maker(asked.logits), asked.weighted_logits.sum()))
        found = self.run(asked.logits, seed, [k for k, _ in (*vectors, *inside)], asked.ops)
        ends = zip(inside or vectors, names, strict=True)
        return [self.arrival(k, found.get(k), values, name) for (k, values), name in ends]

    def arrival(self, k: Any, part: Array | None, values: Array, name: str = "") -> Array:
        """The relevance of a source, booked as the tokens' if the walk ends there.

        Args:
            k: the key of the source.
            part: what arrived there; None for nothing.
            values: the values of the source.
            name: what the ledger calls it.

        Returns:
            The relevance, of the shape of `values`.
        """
        values = self.read.get(k, values)
        if part is None:
            part = namespace(values).zeros_like(values)
        amounts = part if self.explicit else part * values
        if k in self.arrived:
            maker = "" if isinstance(k, Tensor) else self.layers.of(k[0])
            self.books.open(maker, "tokens", self.arrived.pop(k)).source = name
            self.books.absorb("tokens", amounts)
        return amounts

    def ledger(self, total: float, dtype: numpy.dtype[Any]) -> Ledger:
        """The books, closed and verified.

        Args:
            total: the explained output.
            dtype: of the output.

        Returns:
            The ledger.

        Raises:
            ValueError: `total` is NaN or infinite.
            RuntimeError: relevance went missing at an op, which the error names.
        """
        if not math.isfinite(total):
            raise ValueError(
                f"relevance: expected a finite output to explain, got {total}; `detect_anomaly` names the op"
            )
        return Ledger(total, self.books.closed(), dtype.name).verify()


def _number(amount: Any) -> float | Array:
    """A number on the host as a Python float; one on a device as it is, so that the program need not wait for it yet."""
    return float(amount) if isinstance(amount, HOST) else amount


def _is_view(part: Array, r: Array | Arrays) -> bool:
    """Whether a part is all that arrived, in another shape: the same numbers in the same memory need no weighing."""
    return (
        not isinstance(r, tuple)
        and part.size == r.size
        and (part.base is r or part.base is r.base is not None)
    )


# ---- what users call ----


def account(
    output: Tensor,
    wrt: Sequence[Tensor],
    rule: str | Composite = "attnlrp",
    form: str = "gradient",
    eps: float = 1e-6,
    *,
    layers: Layers | None = None,
) -> tuple[list[numpy.ndarray], Ledger]:
    """`relevance`, with the ledger that accounts for the rest of the output.

    Args:
        output: a tensor of one element, recorded on the tape.
        wrt: leaves or intermediate results; all other tensors count as constants.
        rule: the name of a preset, or a `Composite`.
        form: "gradient" or "explicit".
        eps: the stabiliser of the divisions in the explicit form.
        layers: the record of the model's run (see `explain.Layers`).

    Returns:
        The relevance of each tensor in `wrt`, and the ledger.

    Raises:
        ValueError, NotImplementedError, RuntimeError: as `relevance` does.
    """
    if output.array.size != 1 or not output.requires_grad:
        raise ValueError(
            f"relevance: expected one recorded number to explain, got shape {output.shape}; index or sum it"
        )
    walk = Walk(rule, form, WalkBooks(eps), layers)
    keys = [key(t) for t in wrt]
    seed = output.array.copy() if walk.explicit else namespace(output.array).ones_like(output.array)
    ops = tape(output)
    found = walk.run(output, seed, keys, ops)
    read = {key(t) for op in ops for t in op.inputs or () if isinstance(t, Tensor)} if found else set()
    if missing := [i for i, k in enumerate(keys) if k not in found and k not in read]:
        raise ValueError(
            f"relevance: the output does not depend on wrt{missing}, or only through what {rule!r} holds constant"
        )
    pairs = enumerate(zip(keys, wrt, strict=True))
    parts = [walk.arrival(k, found.get(k), t.array, f"wrt[{i}]") for i, (k, t) in pairs]
    return [to_host(part) for part in parts], walk.ledger(output.item(), output.dtype)


def relevance(
    output: Tensor,
    wrt: Sequence[Tensor],
    rule: str | Composite = "attnlrp",
    form: str = "gradient",
    eps: float = 1e-6,
    *,
    layers: Layers | None = None,
) -> list[numpy.ndarray]:
    """How much each element of the tensors `wrt` contributed to the scalar `output`.

    Args:
        output: a tensor of one element, recorded on the tape.
        wrt: leaves or intermediate results; all other tensors count as constants.
        rule: the name of a preset, or a `Composite`.
        form: "gradient" or "explicit".
        eps: the stabiliser of the divisions in the explicit form.
        layers: the record of the model's run, from which a composite knows the layers (see `explain.Layers`).

    Returns:
        One array for each tensor in `wrt`, of its shape; zeros for one that the rule holds constant wherever it is read.

    Raises:
        ValueError: `output` does not depend on one of `wrt`, or on all only through constants.
        ValueError: a rule does not fit an op or has no gradient form.
        NotImplementedError: an op on the way has no relevance law; the error names it.
        RuntimeError: relevance goes missing at an op, which the error names.
    """
    return account(output, wrt, rule, form, eps, layers=layers)[0]


def lrp(
    model: Module,
    ids: Any,
    target: Target = None,
    rule: str | Composite = "attnlrp",
    position: Position = -1,
    form: str = "gradient",
    eps: float = 1e-6,
    batch_first: bool = True,
    *,
    tokens: Sequence[str] | None = None,
) -> LRPExplanation:
    """Explain a logit of `model(ids)` by the relevance of each token.

    Args:
        model: gives logits (B, V) as a classifier, or (B, T, V) as a language model.
        ids: integers (T,) or (B, T); a tuple of these for `model(*ids)`, such as the source and the answer of an encoder-decoder.
        target: the logit to explain; a pair (a, b) for logit a less logit b; `LogOdds(c)` for the logit of the
            probability of class c; a list with one of these for each sequence; None for the largest logit.
        rule: the name of a preset, or a `Composite`; those without a gradient form need `form="explicit"`.
        position: the token whose logits are explained, or one for each sequence; classifiers ignore it.
        form: "gradient" or "explicit".
        eps: the stabiliser of the divisions in the explicit form.
        batch_first: False for a model that reads (T, B) and gives (T, B, V).
        tokens: strings to show, of the shape of `ids`.

    Returns:
        An `LRPExplanation`, with a `ledger`; its `relevance` has the shape of `ids`. Of several inputs, one follows the other,
        (S + T,), and `ledger.inputs` says what each got.

    Raises:
        IndexError: a target or position out of range.
        ValueError, NotImplementedError, RuntimeError: as `relevance` does.
    """
    return _propagate(Question(model, ids, target, position, batch_first), "LRP", rule, form, eps, tokens)


def lrp_answer(
    model: Module,
    source: Any,
    answer: Any,
    target: One | None = None,
    *,
    rule: str | Composite = "attnlrp",
    form: str = "gradient",
    eps: float = 1e-6,
    tokens: Sequence[str] | None = None,
) -> LRPExplanation:
    """Explain the next token of an encoder-decoder, by each token of its source and of the answer so far.

    Args:
        model: gives logits (B, T, V) for `model(source, answer)`.
        source: integers (S,).
        answer: integers (T,), with the token that begins every answer of the model.
        target: the logit to explain, after the last token of the answer; None for the largest.
        rule: the name of a preset, or a `Composite`.
        form: "gradient" or "explicit".
        eps: the stabiliser of the divisions in the explicit form.
        tokens: S + T strings to show.

    Returns:
        An `LRPExplanation`, with a `ledger`; its `relevance` is (S + T,), the source first.

    Raises:
        IndexError, ValueError, NotImplementedError, RuntimeError: as `lrp` does.
    """
    asked = Question(model, answer, target, source=source)
    return _propagate(asked, "LRP of an answer", rule, form, eps, tokens)


def _propagate(
    asked: Question,
    method: str,
    rule: str | Composite,
    form: str,
    eps: float,
    tokens: Sequence[str] | None,
) -> LRPExplanation:
    """Walk from the explained logits to the vectors of the tokens."""
    walk = Walk(rule, form, WalkBooks(eps), asked.layers)
    total = asked.total(walk.explain(asked))  # (B, T)
    ledger = walk.ledger(asked.output, asked.logits.dtype)
    return asked.explanation(f"{method}, {walk.composite.name}", total, tokens, ledger)
