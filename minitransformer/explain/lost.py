"""Where a model loses relevance: what carries information that the tape does not show, or that no law divides.

| what | how it is found |
|---|---|
| an op without a relevance law | its class has none |
| a leaf edited in place after it was read, whose values no op can give again | the tape's own record of edits |
| a result changed outside of the tape, through `.numpy()` or `.data` | the op, computed again, gives something else |
| a piece cut off: `detach`, `item`, `.numpy()`, `no_grad` | a constant on the tape that changes when the inputs do |

The last is seen in a second run with inputs that differ by a millionth: its tape is laid beside the first one, op by op. What
`explain.constant` holds is meant to be constant, and is not listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy

from minitransformer.autograd import Op, Tensor
from minitransformer.explain.walk import Walk
from minitransformer.explain.without import reason


class Lost(NamedTuple):
    """A place where relevance is lost.

    Attributes:
        layer: the dotted name of the layer; "" outside of all.
        op: the op.
        why: what is wrong there, in words.
    """

    layer: str
    op: str
    why: str

    def __str__(self) -> str:
        return f"{self.op} in {f'layer {self.layer!r}' if self.layer else 'the model itself'}: {self.why}"


def without_law(walk: Walk, ops: Sequence[Op]) -> list[Lost]:
    """The ops that no walk can pass.

    Args:
        walk: a walk whose plan has been made.
        ops: the tape, newest op first.

    Returns:
        One entry for each op that has no law, or whose inputs were edited, oldest first.
    """
    return [lost for op in reversed(ops) if any(walk.stops[op].needs) for lost in _impassable(walk, op)]


def _impassable(walk: Walk, op: Op) -> Iterator[Lost]:
    layer, kind = walk.stops[op].layer, type(op)
    if kind.relprop is Op.relprop and kind.modified is Op.modified and op.clear is None:
        yield Lost(layer, str(op), reason(op))
        return
    try:
        walk.values.arrays(op)
    except RuntimeError as error:
        yield Lost(layer, str(op), str(error).removeprefix(f"{op}: "))


def changed_outside(walk: Walk, ops: Sequence[Op]) -> list[Lost]:
    """The results that something changed without the tape's knowledge.

    Args:
        walk: a walk whose plan has been made, on a tape that it can pass.
        ops: the tape, newest op first.

    Returns:
        One entry for each, oldest first.
    """
    results = {(t.op, t.index): t for op in ops for t in op.inputs if isinstance(t, Tensor) and t.op}
    why = "its result was changed outside of the tape, by .numpy() or .data; compute it by ops"
    return [
        Lost(walk.stops[op].layer, str(op), why)
        for op in reversed(ops)
        if op.clear is None and any(_differs(walk, op, i, results) for i in range(op.outputs))
    ]


def _differs(walk: Walk, op: Op, i: int, results: dict[Any, Tensor]) -> bool:
    """Whether an output is no longer what its op computes; no, if an edit changed it or what it was computed from."""
    t = results.get((op, i))
    if t is None or t.edited[0] > op.number or not walk.values.knows(op):
        return False  # an edited leaf is told by another entry, if a law needs it
    out = op.forward(*walk.values.arrays(op))
    return not _equal(out[i] if op.outputs > 1 else out, t.array)


def cut_off(walk: Walk, ops: Sequence[Op], again: Sequence[Op]) -> list[Lost]:
    """The constants that depend on the inputs though the tape does not say so.

    Args:
        walk: a walk whose plan has been made.
        ops: the tape, newest op first.
        again: the tape of a second run, with inputs that differ by little.

    Returns:
        One entry for each, oldest first; or a single one, if the second tape has other ops.
    """
    if not same_ops(ops, again):
        why = "with inputs that differ by a millionth the model runs other ops, or the same by chance: its tape says nothing"
        return [Lost("", "the tape", why)]
    pairs = zip(reversed(ops), reversed(again), strict=True)
    return [lost for op, other in pairs for lost in _changed(walk, op, other)]


def same_ops(ops: Sequence[Op], again: Sequence[Op]) -> bool:
    """Whether two runs of a model computed by the same kinds of ops.

    Args:
        ops: the tape of one.
        again: the tape of the other.

    Returns:
        True or False.
    """
    return list(map(type, ops)) == list(map(type, again))


def _changed(walk: Walk, op: Op, other: Op) -> Iterator[Lost]:
    layer = walk.stops[op].layer
    for i, (a, b) in enumerate(zip(op.inputs, other.inputs, strict=True)):
        if _is_constant(a) and not _equal(_values(a), _values(b)):
            what = f"input {i}, {_shown(a)}, changes with the model's inputs, but no tape leads there"
            why = (
                f"{what}: a detach, item, numpy or no_grad cut it off; explain.constant says that it is meant"
            )
            yield Lost(layer, str(op), why)
    for name, a in vars(op).items():
        kept = isinstance(a, numpy.ndarray) and a.dtype.kind == "f" and name not in ("y", "memo")
        if kept and not _equal(a, getattr(other, name)):
            yield Lost(
                layer,
                str(op),
                f"its setting {name!r} changes with the model's inputs: it was cut off the tape",
            )


def _is_constant(t: Any) -> bool:
    """Whether the tape takes an input for a constant: a number, or a tensor that no op made and no gradient reaches."""
    return isinstance(t, float) or isinstance(t, Tensor) and t.op is None and not t.requires_grad


def _values(t: Any) -> Any:
    return t.array if isinstance(t, Tensor) else t


def _shown(t: Any) -> str:
    return f"a constant {t.shape}" if isinstance(t, Tensor) else f"the number {t:.6g}"


def _equal(a: Any, b: Any) -> bool:
    """Whether two arrays or numbers are the same, NaN too."""
    if not hasattr(a, "shape"):
        return bool(a == b or a != a and b != b)
    return bool(a.shape == b.shape and ((a == b) | (a != a) & (b != b)).all())
