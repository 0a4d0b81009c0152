"""PyTorch's own test database: every sample for a name that we have is run with both libraries.

The outcome is `equal`, `refused` (we raise and PyTorch does not) or `different`; `torch_decisions` lists the last two with
their reasons, and `unheld` finds what that table does not say, or says of nothing.
"""

from __future__ import annotations

import collections
import re
import warnings
from typing import Any, NamedTuple

import numpy
from helpers import as_numpy, assert_close, cotangents
from later import torch

import minitransformer as mt

REFUSALS = (TypeError, ValueError, RuntimeError, IndexError, NotImplementedError)


class Outcome(NamedTuple):
    """What came of one sample: `subject` names an op, module or optimiser, and its form; `detail` is what was said or seen."""

    subject: str
    kind: str  # "equal", "refused" or "different"
    detail: str = ""


class Decision(NamedTuple):
    """A row of the table: outcomes that are meant so, by patterns of the subject (whole) and of the detail (anywhere)."""

    subject: str
    kind: str
    detail: str
    why: str

    def covers(self, outcome: Outcome) -> bool:
        same = self.kind == outcome.kind and re.fullmatch(self.subject, outcome.subject)
        return bool(same and re.search(self.detail, outcome.detail))


def ours(value: Any) -> Any:
    """A sample's value for us: tensors become leaves of the same dtype; dtypes, devices and containers their like."""
    if isinstance(value, torch.Tensor):
        return leaf(value)
    if isinstance(value, torch.dtype):
        return getattr(mt, str(value).removeprefix("torch."))  # complex ones: AttributeError, a refusal
    if isinstance(value, (torch.device, torch.memory_format)):
        return str(value).removeprefix("torch.")
    if isinstance(value, dict):
        return {key: ours(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(map(ours, value)) if isinstance(value, tuple) else [ours(item) for item in value]
    return value


def leaf(tensor: torch.Tensor):
    """Our leaf with the values, the strides and the wish for a gradient of PyTorch's. Raises TypeError for complex ones."""
    if tensor.is_complex():
        raise TypeError("there are no complex tensors")
    return mt.Tensor(
        tensor.detach().clone(memory_format=torch.preserve_format).numpy(), requires_grad=tensor.requires_grad
    )


def tensors(value: Any, kind: type) -> list:
    """All tensors in a structure, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [t for item in value for t in tensors(item, kind)]
    return [value] if isinstance(value, kind) else []


def backward(outputs: list, inputs: list, place) -> list:
    """The inputs' gradients from a random cotangent at every output that has a history."""
    live = [
        (o, c) for o, c in zip(outputs, cotangents(outputs), strict=True) if c is not None and o.requires_grad
    ]
    for i, (output, cotangent) in enumerate(live):
        output.backward(place(cotangent), retain_graph=i + 1 < len(live))
    return [t.grad for t in inputs]


def compare(subject: str, fn, torch_fn, arguments: Any, drawn: bool = False) -> Outcome:
    """The outcome of `fn` and `torch_fn` for the same arguments; `arguments` is (args, kwargs) with PyTorch's tensors.

    Values, their structure and dtypes, and the gradients of all inputs are held to each other; of `drawn` ones shapes and dtypes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copies, given = ours_or_error(arguments)
        theirs, expected = attempt(torch_fn, arguments, torch.Tensor, torch.tensor)
        got, result = (copies, given) if copies else attempt(fn, given, mt.Tensor, mt.tensor)
    if theirs or got:
        return both_raise(subject, theirs, got)
    try:
        same(result, expected, drawn)
    except AssertionError as error:
        return Outcome(subject, "different", " ".join(str(error).split()))
    return Outcome(subject, "equal")


def ours_or_error(arguments: Any) -> tuple:
    """(None, our copy of the arguments) or (why there is none, None)."""
    try:
        return None, ours(arguments)
    except (AttributeError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}", None


def attempt(fn, arguments: Any, kind: type, place) -> tuple:
    """(None, (result, gradients)) or (what was raised, None)."""
    args, kwargs = arguments
    for t in tensors(arguments, kind):
        t.grad = None  # another form may have left one
    try:
        result = fn(*args, **kwargs)
        return None, (result, backward(tensors(result, kind), tensors(arguments, kind), place))
    except (*REFUSALS, AttributeError, AssertionError, KeyError, ArithmeticError) as error:
        return f"{type(error).__name__}: {error}", None


def both_raise(subject: str, theirs: str | None, got: str | None) -> Outcome:
    if theirs and got:
        return Outcome(subject, "equal")
    return (
        Outcome(subject, "refused", got) if got else Outcome(subject, "different", f"PyTorch raises {theirs}")
    )


def same(ours: Any, theirs: Any, drawn: bool) -> None:
    """Raise AssertionError unless results, dtypes and gradients are the same."""
    (result, gradients), (expected, slopes) = ours, theirs
    same_values(result, expected, drawn)
    for i, (g, s) in enumerate(zip(gradients, slopes, strict=True)):
        assert (g is None) == (s is None), f"gradient of tensor {i}: got {g}, expected {s}"
        same_values(g, s, drawn, f"gradient of tensor {i}")


def same_values(got: Any, expected: Any, drawn: bool, what: str = "value") -> None:
    if isinstance(expected, (tuple, list)) and not isinstance(expected, torch.Size):
        assert isinstance(got, (tuple, list)) and len(got) == len(expected), (
            f"{what}: expected {len(expected)} results, got {got}"
        )
        for i, (g, e) in enumerate(zip(got, expected, strict=True)):
            same_values(g, e, drawn, f"{what} {i}")
    elif isinstance(expected, torch.Tensor):
        assert isinstance(got, mt.Tensor), f"{what}: expected a tensor, got {got!r}"
        hide = numpy.zeros_like if drawn else numpy.asarray
        assert_close(hide(as_numpy(got)), hide(as_numpy(expected)), what=what, least=1e-3)
    else:
        assert got == expected or got != got and expected != expected, (
            f"{what}: expected {expected!r}, got {got!r}"
        )


def unheld(outcomes: list[Outcome], decisions: list[Decision]) -> list[str]:
    """What the table does not hold: outcomes in no row, and rows that no outcome hits; nothing if it is complete."""
    unequal = [o for o in outcomes if o.kind != "equal"]
    missing = collections.Counter(o for o in unequal if not any(d.covers(o) for d in decisions))
    idle = [d for d in decisions if not any(d.covers(o) for o in unequal)]
    return [f"{n} x {o.subject}: {o.kind}: {o.detail}" for o, n in missing.items()] + [
        f"hit by no sample: {d}" for d in idle
    ]


def summary(outcomes: list[Outcome]) -> str:
    """How many were equal, refused and different."""
    counts = collections.Counter(o.kind for o in outcomes)
    return ", ".join(f"{counts[kind]} {kind}" for kind in ("equal", "refused", "different"))
