"""A module and its PyTorch twin: the same weights and inputs, then all values and all gradients compared."""

from __future__ import annotations

import numpy
from later import torch

import minitransformer as mt
from minitransformer.gradients import largest_error

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


def randomize(module: torch.nn.Module, seed: int = 0) -> None:
    """Draw all parameters at random, biases too, so that none is a zero or a one that hides a mistake."""
    random = numpy.random.default_rng(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.tensor(random.normal(0, 0.5, tuple(p.shape))))


def share_weights(ours: mt.nn.Module, theirs: torch.nn.Module, dtype: str = "float64") -> None:
    """Random weights in `theirs`, the same in `ours`, both in `dtype`."""
    randomize(theirs)
    theirs.to(getattr(torch, dtype))
    ours.to(dtype).load_state_dict(theirs.state_dict())


def shapes(module) -> dict[str, tuple[int, ...]]:
    """The shape of everything in the state_dict, by name."""
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def _converted(values, convert, dtype, requires_grad):
    return [
        convert(v.astype(dtype) if v.dtype.kind == "f" else v, requires_grad and v.dtype.kind == "f")
        if isinstance(v, numpy.ndarray)
        else v
        for v in values
    ]


def plainly(module, *inputs, **options):
    """The usual way to call a module."""
    return module(*inputs, **options)


def _run(module, call, inputs, options, dtype, convert, seed):
    """Outputs, and gradients of inputs and parameters by name, from random cotangents."""
    inputs = _converted(inputs, convert, dtype, True)
    options = dict(zip(options, _converted(options.values(), convert, dtype, False), strict=True))
    outputs = call(module, *inputs, **options)
    outputs = [o for o in (outputs if isinstance(outputs, tuple) else (outputs,)) if o is not None]
    random = numpy.random.default_rng(seed)
    sum(
        (o * convert(random.standard_normal(tuple(o.shape)).astype(dtype), False)).sum() for o in outputs
    ).backward()
    leaves = {
        f"input {i}": x for i, x in enumerate(inputs) if hasattr(x, "requires_grad") and x.requires_grad
    }
    leaves |= dict(module.named_parameters())
    values = [o.detach().numpy() for o in outputs]
    return values, {name: None if t.grad is None else t.grad.numpy() for name, t in leaves.items()}


def compare(ours, theirs, *inputs, dtype: str = "float64", call=plainly, seed: int = 99, **options):
    """Hold `call(ours, *inputs, **options)` against `theirs`, which share their weights: values and every gradient.

    Arrays become tensors of `dtype` if they are floats, and inputs among them get gradients. Gradients are compared
    relative to the largest entry of all of them. Returns (largest error of values, of gradients).
    """
    (values, gradients), (expected, slopes) = (
        _run(
            module,
            call,
            inputs,
            options,
            dtype,
            lambda a, grad, lib=lib: lib.tensor(a, requires_grad=grad),
            seed,
        )
        for module, lib in ((ours, mt), (theirs, torch))
    )
    assert [v.shape for v in values] == [v.shape for v in expected]
    assert {v.dtype.name for v in values} == {dtype}
    assert list(gradients) == list(slopes)
    assert [g is None for g in gradients.values()] == [g is None for g in slopes.values()]
    scale = max(float(abs(g).max()) for g in slopes.values() if g is not None)
    worst_value = max(largest_error(v, e) for v, e in zip(values, expected, strict=True))
    errors = {name: largest_error(g, slopes[name], scale) for name, g in gradients.items() if g is not None}
    assert worst_value <= TOLERANCE[dtype], f"values differ by {worst_value:.3g}"
    wrong = {name: error for name, error in errors.items() if error > TOLERANCE[dtype]}
    assert not wrong, f"gradients differ: {wrong}"
    return worst_value, max(errors.values(), default=0.0)
