"""What `verify` checks: a function of tensors or a layer, written once and run with minitransformer and with PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy

import minitransformer
from minitransformer.autograd import Tensor
from minitransformer.nn import Module

Maker = Callable[[numpy.random.Generator], numpy.ndarray]


def normal(*shape: int) -> Maker:
    """Random numbers of mean 0 and variance 1."""
    return lambda random: random.standard_normal(shape)


def positive(*shape: int) -> Maker:
    """Random numbers from 1/2 to 2."""
    return lambda random: random.uniform(0.5, 2, shape)


def ids(below: int, *shape: int) -> Maker:
    """Random integers from 0 on."""
    return lambda random: random.integers(0, below, shape)


def given(values) -> Maker:
    """These values."""
    return lambda random: numpy.array(values)


@dataclass(frozen=True)
class Problem:
    """Inputs, what we make of them, and what PyTorch does; `theirs(torch)` gives its function of the same inputs."""

    inputs: list[numpy.ndarray]
    ours: Callable
    theirs: Callable


@dataclass(frozen=True)
class OpCase:
    """`function(lib, *tensors) -> tensor`, with `lib` one of the two packages; `theirs` where PyTorch has another way."""

    name: str
    function: Callable
    makers: Sequence[Maker]
    theirs: Callable | None = None
    kind = "op"

    def problem(self, random: numpy.random.Generator, dtype: str) -> Problem:
        """Random inputs, and both functions."""
        function = self.theirs or self.function
        return Problem(
            [make(random) for make in self.makers],
            lambda *tensors: self.function(minitransformer, *tensors),
            lambda torch: lambda *tensors: function(torch, *tensors),
        )


def forward(lib, layer, *inputs):
    """The usual way to use a layer."""
    return layer(*inputs)


@dataclass(frozen=True)
class LayerCase:
    """`build(lib)` makes the layer, `call(lib, layer, *inputs) -> tensor` uses it; floating-point inputs come first.

    Where PyTorch has no such layer, `theirs(torch, *inputs, *parameters)` computes it.
    """

    name: str
    build: Callable
    makers: Sequence[Maker]
    call: Callable = forward
    theirs: Callable | None = None
    kind = "layer"

    def problem(self, random: numpy.random.Generator, dtype: str) -> Problem:
        """All floating-point inputs and parameters as *one* vector, for their gradients to be measured on one scale."""
        layer = self.build(minitransformer).to(dtype)
        inputs = [make(random) for make in self.makers]
        parameters = {name: random.normal(0, 0.5, p.shape) for name, p in layer.named_parameters()}
        floats = [a for a in inputs if a.dtype.kind == "f"]
        shapes = [a.shape for a in (*floats, *parameters.values())]
        vector = numpy.concatenate([a.ravel() for a in (*floats, *parameters.values())])

        def use(lib, function):
            """`function(lib, inputs, parameters by name)` as a function of the vector and of the inputs that are not in it."""

            def of_vector(vector, *others):
                pieces = list(cut(vector, shapes))
                named = dict(zip(parameters, pieces[len(floats) :], strict=True))
                return function(lib, [*pieces[: len(floats)], *others], named)

            return of_vector

        return Problem(
            [vector, *(a for a in inputs if a.dtype.kind != "f")],
            use(minitransformer, self._with(layer, functional_call)),
            lambda torch: use(torch, self._reference(torch, dtype)),
        )

    def _with(self, layer, functional_call) -> Callable:
        """The layer with parameters from outside."""

        def run(lib, inputs, parameters):
            return self.call(lib, lambda *args, **kwargs: functional_call(layer, parameters, args, kwargs), *inputs)

        return run

    def _reference(self, torch, dtype: str) -> Callable:
        if self.theirs is not None:
            return lambda lib, inputs, parameters: self.theirs(lib, *inputs, *parameters.values())
        return self._with(self.build(torch).to(getattr(torch, dtype)), torch.func.functional_call)


def cut(vector, shapes: Sequence[tuple[int, ...]]) -> Iterator:
    """Tensors of these shapes out of one vector that holds them one after the other; for either package."""
    return (part.reshape(s) for part, s in zip(vector.split([math.prod(s) for s in shapes]), shapes, strict=True))


def functional_call(module: Module, parameters: Mapping[str, Tensor], args: tuple, kwargs: Mapping):
    """`module(*args, **kwargs)` with these tensors, by dotted name, in place of its parameters. They stay there."""
    owners = dict(module.named_modules())
    for dotted, tensor in parameters.items():
        owner, _, name = dotted.rpartition(".")
        setattr(owners[owner], name, tensor)
    return module(*args, **kwargs)
