"""What `verify` checks: a function of tensors or a layer, written once and run with minitransformer and with PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

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
    theirs: Callable | None  # None where PyTorch has nothing of the kind


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
        floats, others = ([a for a in inputs if (a.dtype.kind == "f") == wanted] for wanted in (True, False))
        parameters = {name: random.normal(0, 0.5, p.shape) for name, p in layer.named_parameters()}
        packing = Packing([a.shape for a in floats], {name: a.shape for name, a in parameters.items()})
        return Problem(
            [packing.pack([*floats, *parameters.values()]), *others],
            packing.unpacked(self._with_parameters(minitransformer, layer, functional_call)),
            lambda torch: packing.unpacked(self._in_torch(torch, dtype)),
        )

    def _with_parameters(self, lib, layer, functional_call: Callable) -> Callable:
        """The layer's use as a function of its inputs and of its parameters by name."""

        def run(inputs, parameters):
            return self.call(
                lib, lambda *args, **kwargs: functional_call(layer, parameters, args, kwargs), *inputs
            )

        return run

    def _in_torch(self, torch, dtype: str) -> Callable:
        if self.theirs is not None:
            return lambda inputs, parameters: self.theirs(torch, *inputs, *parameters.values())
        return self._with_parameters(
            torch, self.build(torch).to(getattr(torch, dtype)), torch.func.functional_call
        )


@dataclass(frozen=True)
class ModelCase(LayerCase):
    """A whole model that PyTorch has not: finite differences judge it here, and transformers in `tests/`."""

    kind = "model"

    def problem(self, random: numpy.random.Generator, dtype: str) -> Problem:
        """As for a layer, without PyTorch's side."""
        return replace(super().problem(random, dtype), theirs=None)


@dataclass(frozen=True)
class Packing:
    """How inputs and parameters, here by their shapes, lie one after the other in one vector."""

    inputs: list[tuple[int, ...]]
    parameters: dict[str, tuple[int, ...]]

    def pack(self, arrays: Sequence[numpy.ndarray]) -> numpy.ndarray:
        """The vector. Arrays of these shapes -> (n,)."""
        return numpy.concatenate([a.ravel() for a in arrays])

    def unpacked(self, function: Callable) -> Callable:
        """`function(inputs, parameters by name)` as a function of the vector and of the inputs that are not in it."""
        shapes, n = [*self.inputs, *self.parameters.values()], len(self.inputs)

        def of_vector(vector, *others):
            parts = vector.split([math.prod(shape) for shape in shapes])  # both packages have these methods
            parts = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
            return function([*parts[:n], *others], dict(zip(self.parameters, parts[n:], strict=True)))

        return of_vector


def functional_call(module: Module, parameters: Mapping[str, Tensor], args: tuple, kwargs: Mapping):
    """`module(*args, **kwargs)` with these tensors, by dotted name, in place of its parameters. They stay there."""
    owners = dict(module.named_modules())
    for dotted, tensor in parameters.items():
        owner, _, name = dotted.rpartition(".")
        owners[owner]._keep("_parameters", name, tensor)
    return module(*args, **kwargs)
