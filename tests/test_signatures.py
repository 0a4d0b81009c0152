"""A positional argument means what it means in PyTorch, or is refused: names, order and defaults of what has a signature there."""

import inspect
import operator
import warnings
from types import SimpleNamespace

from later import torch

import minitransformer as mt

PLACES = {
    "nn": mt.nn,
    "nn.functional": mt.nn.functional,
    "nn.init": mt.nn.init,
    "nn.utils": mt.nn.utils,
    "nn.utils.rnn": mt.nn.utils.rnn,
    "autograd": SimpleNamespace(
        grad=mt.autograd.grad, backward=mt.autograd.backward, Function=mt.autograd.Function
    ),  # no_grad and its like also stand bare at the head of a function
    "distributions": mt.distributions,
    "func": mt.func,
    "optim": mt.optim,
    "optim.lr_scheduler": mt.optim.lr_scheduler,
    "amp": mt.amp,
    "cuda": mt.cuda,
    "cuda.amp": mt.cuda.amp,
    "utils.data": mt.utils.data,
}
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def pairs():
    """(name, ours, PyTorch's) of every class and function that both have, with the methods of modules and optimisers."""
    for place, ours in PLACES.items():
        theirs = operator.attrgetter(place)(torch)
        for name, mine in sorted(vars(ours).items()):
            other, home = getattr(theirs, name, None), getattr(mine, "__module__", "")
            ours_here = (
                home.startswith("minitransformer.") and mine is not mt.Tensor and not name.startswith("_")
            )
            if ours_here and callable(mine) and callable(other):
                yield f"{place}.{name}", mine, other
                if inspect.isclass(mine) and inspect.isclass(other):
                    methods = [
                        m for m in vars(mine) if callable(getattr(other, m, None)) and not m.startswith("__")
                    ]
                    yield from ((f"{place}.{name}.{m}", getattr(mine, m), getattr(other, m)) for m in methods)


def parameters(function):
    """The signature, or None of what is not written in Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return None


def parted(mine, other):
    """The first positional parameter that is another one in PyTorch, or another default (None or a Generator: chosen inside)."""
    for i, p in enumerate(p for p in mine if p.kind in POSITIONAL):
        q = other[i] if i < len(other) else None
        if q is None or q.kind in (q.VAR_POSITIONAL, q.VAR_KEYWORD):
            return None if q is not None else f"{p.name} where PyTorch has none"
        if p.name != q.name or q.kind not in POSITIONAL:
            return f"{p.name} where PyTorch has {q.name}{'' if q.kind in POSITIONAL else ', by name only'}"
        chosen = q.default is None or callable(q.default) or type(q.default).__name__ == "Generator"
        chosen = chosen or str(q.default) == f"torch.{p.default}"  # a dtype
        if p.default != q.default and not chosen:
            return f"{p.name}={p.default} where PyTorch has {q.default}"
    return None


def test_positional_arguments_are_pytorch_s():
    found, held = {}, 0
    for name, mine, other in pairs():
        if (ours := parameters(mine)) is not None and (theirs := parameters(other)) is not None:
            held += 1
            found[name] = parted(ours, theirs)
    assert held > 120
    assert not {name: part for name, part in found.items() if part}


def test_what_parts_is_seen():
    def theirs(input, weight=None, reduction="mean", *, scale=1.0): ...
    def fewer(input, weight=None): ...
    def swapped(input, reduction="mean"): ...
    def other_default(input, weight=None, reduction="sum"): ...
    def positional(input, weight=None, reduction="mean", scale=1.0): ...

    told = [
        parted(parameters(f), parameters(theirs)) for f in (theirs, fewer, swapped, other_default, positional)
    ]
    assert told[:3] == [None, None, "reduction where PyTorch has weight"]
    assert told[3:] == ["reduction=sum where PyTorch has mean", "scale where PyTorch has scale, by name only"]
