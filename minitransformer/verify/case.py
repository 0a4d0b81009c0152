"""A case to verify: a function of tensors, or a layer, written once and run with minitransformer and with PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy

import minitransformer
from minitransformer.nn.stateless import functional_call
from minitransformer.verify.inputs import Maker
from minitransformer.verify.packing import Packing


@dataclass(frozen=True)
class Problem:
    """A function and its inputs.

    Attributes:
        inputs: NumPy arrays.
        ours: Our function of tensors.
        theirs: `theirs(torch)` returns PyTorch's function of the same inputs; None where PyTorch has none.
    """

    inputs: list[numpy.ndarray]
    ours: Callable
    theirs: Callable | None


@dataclass(frozen=True)
class OpCase:
    """A function of tensors: `function(lib, *tensors) -> tensor`; `lib` is minitransformer, then torch.

    Attributes:
        name: What is checked, and after a comma how.
        function: Runs with both packages.
        makers: One for each input.
        theirs: PyTorch's way, where it is written differently.
    """

    name: str
    function: Callable
    makers: Sequence[Maker]
    theirs: Callable | None = None
    kind = "op"

    def problem(self, random: numpy.random.Generator, dtype: str) -> Problem:
        """Draw random inputs.

        Args:
            random: Where random numbers come from.
            dtype: Has no effect for an op, whose inputs are converted later.

        Returns:
            The inputs, and both functions.
        """
        function = self.theirs or self.function
        return Problem(
            [make(random) for make in self.makers],
            lambda *tensors: self.function(minitransformer, *tensors),
            lambda torch: lambda *tensors: function(torch, *tensors),
        )


def forward(lib, layer, *inputs):
    """Call a layer with its inputs.

    Args:
        lib: minitransformer or torch; not used.
        layer: The layer.
        *inputs: Its inputs.

    Returns:
        What the layer returns.
    """
    return layer(*inputs)


@dataclass(frozen=True)
class LayerCase:
    """A layer: `build(lib)` makes it, and `call(lib, layer, *inputs) -> tensor` runs it.

    Attributes:
        name: What is checked, and after a comma how.
        build: Makes the layer with either package.
        makers: One for each input; those of floating-point inputs come first.
        call: Runs the layer.
        theirs: `theirs(torch, *inputs, *parameters) -> tensor`, where PyTorch has no such layer.
    """

    name: str
    build: Callable
    makers: Sequence[Maker]
    call: Callable = forward
    theirs: Callable | None = None
    kind = "layer"

    def problem(self, random: numpy.random.Generator, dtype: str) -> Problem:
        """Draw random inputs and parameters.

        Args:
            random: Where random numbers come from.
            dtype: "float64" or "float32", the dtype of the layer.

        Returns:
            All floating-point inputs and parameters as one vector, the other inputs, and both functions of these.
        """
        layer = self.build(minitransformer).to(dtype)
        inputs = [make(random) for make in self.makers]
        floats = [a for a in inputs if a.dtype.kind == "f"]
        others = [a for a in inputs if a.dtype.kind != "f"]
        parameters = {name: random.normal(0, 0.5, p.shape) for name, p in layer.named_parameters()}
        packing = Packing([a.shape for a in floats], {name: a.shape for name, a in parameters.items()})
        return Problem(
            [packing.pack([*floats, *parameters.values()]), *others],
            packing.unpacked(self._with_parameters(minitransformer, layer, functional_call)),
            lambda torch: packing.unpacked(self._in_torch(torch, dtype)),
        )

    def _with_parameters(self, lib, layer, functional_call: Callable) -> Callable:
        """The call of the layer as a function of its inputs and of its parameters by name."""

        def run(inputs, parameters):
            def substituted(*args, **kwargs):
                return functional_call(layer, parameters, args, kwargs)

            return self.call(lib, substituted, *inputs)

        return run

    def _in_torch(self, torch, dtype: str) -> Callable:
        """PyTorch's function of the inputs and of the parameters by name."""
        theirs = self.theirs
        if theirs is not None:
            return lambda inputs, parameters: theirs(torch, *inputs, *parameters.values())
        layer = self.build(torch).to(getattr(torch, dtype))
        return self._with_parameters(torch, layer, torch.func.functional_call)


@dataclass(frozen=True)
class ModelCase(LayerCase):
    """A whole model, which PyTorch does not have: it is checked against finite differences only."""

    kind = "model"

    def problem(self, random: numpy.random.Generator, dtype: str) -> Problem:
        """Draw random inputs and parameters; see `LayerCase.problem`.

        Args:
            random: Where random numbers come from.
            dtype: "float64" or "float32".

        Returns:
            The problem, without PyTorch's function.
        """
        return replace(super().problem(random, dtype), theirs=None)
