"""Recurrent networks: `RNN`, `LSTM` and `GRU`, which read a sequence step by step, in one direction or in both.

The input's part of all sums is one matrix product for the whole sequence; then the step (`steps.py`) is taken once for each
position. Inside, a sequence always is what `PackedSequence` holds: the vectors (N, C) of all positions, one position after the
other, and how many there are at each. Of padded sequences that is always the whole batch.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.cells import check_shape
from minitransformer.nn.module import Module
from minitransformer.nn.steps import MODES, States, Step, plain
from minitransformer.nn.utils.rnn import PackedSequence
from minitransformer.ops.precision import autocast_dtype
from minitransformer.ops.shape.joining import cat, split, stack

Given = TypeVar("Given", Tensor, PackedSequence)


class Weights(NamedTuple):
    """The parameters of one layer in one direction.

    Attributes:
        weight_ih: (G, C), for G sums.
        weight_hh: (G, H), or (G, P) with projections.
        bias_ih: (G,) or None.
        bias_hh: (G,) or None.
        weight_hr: (P, H), which makes outputs of P numbers, or None.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    weight_hr: Tensor | None


def scan(
    step: Callable[[Tensor, States], States], parts: Sequence[Tensor], start: States
) -> tuple[list[Tensor], States]:
    """Take a step for each position.

    Args:
        step: how.
        parts: the input at each position, (n, G); n only falls, or only grows up to B.
        start: the first states, (B, H).

    Returns:
        The output at each position, (n, H), and the last states, (B, H).
    """
    states = _first(start, len(parts[0]))
    outputs, ended = [], []
    for part in parts:  # (n, G)
        n, before = len(part), len(states[0])
        if n < before:
            ended.append(tuple(s[n:] for s in states))
            states = _first(states, n)
        elif n > before:
            states = tuple(cat([s, new[before:n]]) for s, new in zip(states, start, strict=True))
        states = step(part, states)
        outputs.append(states[0])
    if ended:
        states = tuple(map(cat, zip(states, *reversed(ended), strict=True)))
    return outputs, states


def _first(states: States, n: int) -> States:
    """The states of the first n sequences, (n, H)."""
    return states if n == len(states[0]) else tuple(s[:n] for s in states)


class RNNBase(Module):
    """What the three recurrent networks share.

    For layer k, the parameters are `weight_ih_lk` (G, C), `weight_hh_lk` (G, H), `bias_ih_lk` and `bias_hh_lk` (G,), and
    `weight_hr_lk` (P, H) with projections; those of the backward direction end with `_reverse`. Here C is the size of the layer's
    input and G = H, 3 H or 4 H the number of sums. All start with uniform random values in +-1 / sqrt(H).

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size: the size of each input vector.
        hidden_size: H, the size of each state.
        num_layers: L; each layer reads the outputs of the one before.
        bias: whether there are biases.
        batch_first: whether input and output are (B, T, ..), not (T, B, ..); states are (.., B, ..) in any case.
        dropout: the probability that a number between two layers is set to 0 in training.
        bidirectional: whether a second network reads each sequence backwards; its outputs stand beside those of the first.
        proj_size: P, the size of the outputs of an `LSTM`, if they are projected; 0 means that they are not.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: a number is out of range, or `mode` is another word.
        TypeError: a size is no integer.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_sizes(mode, input_size, hidden_size, num_layers, proj_size)
        _check_dropout(dropout, num_layers)
        self.mode, self.input_size, self.hidden_size, self.num_layers = (
            mode,
            input_size,
            hidden_size,
            num_layers,
        )
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        for layer in range(num_layers):
            for name in self._names(layer):
                self._add_weights(name, self._width(layer), device, dtype)
        self.reset_parameters()

    @property
    def _out(self) -> int:
        """The size of the output in one direction."""
        return self.proj_size or self.hidden_size

    def _names(self, layer: int) -> list[str]:
        """What the parameters of a layer end with, for each direction."""
        return [f"l{layer}", f"l{layer}_reverse"][: 1 + self.bidirectional]

    def _width(self, layer: int) -> int:
        """The size of a layer's input vectors."""
        return self._out * (1 + self.bidirectional) if layer else self.input_size

    def _add_weights(self, name: str, width: int, device: str | None, dtype: Any) -> None:
        sums = MODES[self.mode][0] * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (sums, width), "weight_hh": (sums, self._out)}
        if self.bias:
            shapes |= {"bias_ih": (sums,), "bias_hh": (sums,)}
        if self.proj_size:
            shapes |= {"weight_hr": (self.proj_size, self.hidden_size)}
        for part, shape in shapes.items():
            self.register_parameter(f"{part}_{name}", init.parameter(*shape, device=device, dtype=dtype))

    def _weights(self, name: str) -> Weights:
        return Weights(*(self._parameters.get(f"{part}_{name}") for part in Weights._fields))  # type: ignore[arg-type]

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction."""
        names = [name for layer in range(self.num_layers) for name in self._names(layer)]
        return [[w for w in self._weights(name) if w is not None] for name in names]

    def reset_parameters(self) -> None:
        """Set all parameters to new initial values."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def flatten_parameters(self) -> None:
        """Accepted as in PyTorch; no effect."""

    def _step(self, weights: Weights) -> Step:
        """The step with the parameters of a layer, and with its projection."""
        step = MODES[self.mode][1]
        if (down := weights.weight_hr) is None:
            return step

        def projected(x: Tensor, states: States, weight: Tensor, bias: Tensor | None) -> States:
            h, c = step(x, states, weight, bias)
            return F.linear(h, down), c  # (n, P), (n, H)

        return projected

    def _direction(
        self, data: Tensor, sizes: list[int], start: States, name: str
    ) -> tuple[Tensor, States]:  # (N, C), (B, H) -> (N, H), (B, H)
        """The outputs of one layer in one direction, and its last states."""
        weights = self._weights(name)
        step = self._step(weights)
        parts = split(F.linear(data, weights.weight_ih, weights.bias_ih), sizes)  # (n, G) each
        order = -1 if name.endswith("_reverse") else 1
        outputs, end = scan(
            lambda x, states: step(x, states, weights.weight_hh, weights.bias_hh), parts[::order], start
        )
        return cat(outputs[::order]), end

    def _layers(
        self, data: Tensor, sizes: list[int], start: States
    ) -> tuple[Tensor, States]:  # (N, C), (L D, B, H) -> (N, D H), (L D, B, H)
        """The outputs of the last layer, and the last states of all."""
        firsts = iter(zip(*(s.unbind(0) for s in start), strict=True))  # (B, H)
        ends = []
        for layer in range(self.num_layers):
            data = F.dropout(data, self.dropout, self.training) if layer else data
            outputs = []
            for name in self._names(layer):
                output, end = self._direction(data, sizes, next(firsts), name)
                outputs.append(output)
                ends.append(end)
            data = cat(outputs, -1)
        return data, tuple(map(stack, zip(*ends, strict=True)))

    def _run(self, input: Given, given: States | None) -> tuple[Given, States]:
        """The output, and the last states, each (L D, B, H)."""
        data = input.data if isinstance(input, PackedSequence) else input
        self._check_input(input, data)
        return self._packed(input, given) if isinstance(input, PackedSequence) else self._padded(input, given)

    def _packed(self, input: PackedSequence, given: States | None) -> tuple[PackedSequence, States]:
        sizes = input.batch_sizes.tolist()
        start = self._start(input.data, given, sizes[0], True)
        if given and input.sorted_indices is not None:
            start = tuple(s.index_select(1, input.sorted_indices) for s in start)
        data, end = self._layers(input.data, sizes, start)  # (N, D H), (L D, B, H)
        if input.unsorted_indices is not None:
            end = tuple(s.index_select(1, input.unsorted_indices) for s in end)
        return input.with_data(data), end

    def _padded(self, input: Tensor, given: States | None) -> tuple[Tensor, States]:
        batched = input.ndim == 3
        swap = batched and self.batch_first
        x = input.transpose(0, 1) if swap else input if batched else input.unsqueeze(1)  # (T, B, C)
        steps, batch, _ = x.shape
        if not steps:
            raise RuntimeError(
                f"{type(self).__name__}: expected at least one position, got input {input.shape}"
            )
        start = self._start(x, given, batch, batched)
        data, end = self._layers(x.flatten(0, 1), [batch] * steps, start)
        data = data.reshape(steps, batch, -1)  # (T, B, D H)
        if not batched:
            return data.squeeze(1), tuple(s.squeeze(1) for s in end)
        return data.transpose(0, 1) if swap else data, end

    def _start(self, x: Tensor, given: States | None, batch: int, batched: bool) -> States:
        """The first states, (L D, B, H): those given, or zeros."""
        count = self.num_layers * (1 + self.bidirectional)
        widths = (self._out, self.hidden_size)[: 2 if self.mode == "LSTM" else 1]
        if given is None:
            return tuple(x.new_zeros(count, batch, width) for width in widths)
        for s, width in zip(given, widths, strict=True):
            shape = (count, batch, width) if batched else (count, width)
            check_shape(f"{type(self).__name__}, hx", s, shape)
        return given if batched else tuple(s.unsqueeze(1) for s in given)

    def _check_input(self, input: Tensor | PackedSequence, data: Tensor) -> None:
        name, dtype = type(self).__name__, self.weight_ih_l0.dtype
        if data is input and data.ndim not in (2, 3):
            raise ValueError(f"{name}: expected 2 or 3 dimensions, got shape {data.shape}")
        if data.dtype != dtype and not autocast_dtype.get():
            raise ValueError(
                f"{name}: input is {data.dtype}, weight is {dtype}; call .to(weight.dtype) on the input"
            )
        check_shape(f"{name}, input", data, (*data.shape[:-1], self.input_size))

    def extra_repr(self) -> str:
        shown = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        changed = [
            f", {name}={getattr(self, name)}" for name, usual in shown.items() if getattr(self, name) != usual
        ]
        return f"{self.input_size}, {self.hidden_size}" + "".join(changed)


def _check_sizes(mode: str, input_size: int, hidden_size: int, num_layers: int, proj_size: int) -> None:
    if mode not in MODES:
        raise ValueError(f"mode: expected one of {', '.join(MODES)}, got {mode!r}")
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if not isinstance(size, int):
            raise TypeError(f"{name}: expected an integer, got {size!r}")
        if size < 1:
            raise ValueError(f"{name}: expected at least 1, got {size}")
    if proj_size and (mode != "LSTM" or not 0 < proj_size < hidden_size):
        raise ValueError(
            f"proj_size: expected 0, or of an LSTM less than hidden_size={hidden_size}, got {proj_size}"
        )


def _check_dropout(dropout: float, num_layers: int) -> None:
    if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
        raise ValueError(f"dropout: expected a probability from 0 to 1, got {dropout!r}")
    if dropout and num_layers == 1:
        warnings.warn(f"dropout={dropout} acts between layers, of which there is one", stacklevel=4)


class RNN(RNNBase):
    """A plain recurrent network: h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh).

    Args:
        input_size: as in `RNNBase`.
        hidden_size: as in `RNNBase`.
        num_layers: as in `RNNBase`.
        nonlinearity: "tanh" or "relu".
        bias: as in `RNNBase`.
        batch_first: as in `RNNBase`.
        dropout: as in `RNNBase`.
        bidirectional: as in `RNNBase`.
        device: as in `RNNBase`.
        dtype: as in `RNNBase`.

    Raises:
        ValueError: a number is out of range, or `nonlinearity` is another word.

    Source:
        Elman, Cognitive Science 14(2), 1990.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        options = (num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)
        super().__init__(plain(nonlinearity), input_size, hidden_size, *options)
        self.nonlinearity = nonlinearity

    def forward(self, input: Given, hx: Tensor | None = None) -> tuple[Given, Tensor]:
        """Read sequences.

        Args:
            input: (T, B, input_size); (B, T, input_size) with `batch_first`; (T, input_size); or a packed sequence.
            hx: the first state of each layer and direction, (L D, B, H), for an input without batch (L D, H); None means zeros.

        Returns:
            The last layer's states at all positions, (.., D H) in the form of the input, and the last state of each layer and
            direction, in the form of `hx`.

        Raises:
            ValueError: the number of dimensions or the dtype does not fit.
            RuntimeError: the sizes do not fit.
        """
        output, (h,) = self._run(input, None if hx is None else (hx,))
        return output, h


class GRU(RNNBase):
    """A network of gated recurrent units; `ops.networks.recurrent.gru_step` has the formula of a step.

    Args:
        input_size: as in `RNNBase`.
        hidden_size: as in `RNNBase`.
        num_layers: as in `RNNBase`.
        bias: as in `RNNBase`.
        batch_first: as in `RNNBase`.
        dropout: as in `RNNBase`.
        bidirectional: as in `RNNBase`.
        device: as in `RNNBase`.
        dtype: as in `RNNBase`.

    Source:
        Cho et al., EMNLP 2014.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        options = (num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)
        super().__init__("GRU", input_size, hidden_size, *options)

    def forward(self, input: Given, hx: Tensor | None = None) -> tuple[Given, Tensor]:
        """Read sequences.

        Args:
            input: as for `RNN.forward`.
            hx: as for `RNN.forward`.

        Returns:
            As `RNN.forward`.

        Raises:
            ValueError: the number of dimensions or the dtype does not fit.
            RuntimeError: the sizes do not fit.
        """
        output, (h,) = self._run(input, None if hx is None else (hx,))
        return output, h


class LSTM(RNNBase):
    """A long short-term memory; `ops.networks.recurrent.lstm_step` has the formula of a step.

    Args:
        input_size: as in `RNNBase`.
        hidden_size: as in `RNNBase`.
        num_layers: as in `RNNBase`.
        bias: as in `RNNBase`.
        batch_first: as in `RNNBase`.
        dropout: as in `RNNBase`.
        bidirectional: as in `RNNBase`.
        proj_size: as in `RNNBase`.
        device: as in `RNNBase`.
        dtype: as in `RNNBase`.

    Source:
        Hochreiter and Schmidhuber, Neural Computation 9(8), 1997; projections: Sak et al., arXiv 1402.1128.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        options = (num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype)
        super().__init__("LSTM", input_size, hidden_size, *options)

    def forward(
        self, input: Given, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Given, tuple[Tensor, Tensor]]:
        """Read sequences.

        Args:
            input: as for `RNN.forward`.
            hx: the first outputs (L D, B, P or H) and cells (L D, B, H), without batch (L D, ..); None means zeros.

        Returns:
            The last layer's outputs at all positions, and the last outputs and cells of each layer and direction.

        Raises:
            ValueError: the number of dimensions or the dtype does not fit.
            RuntimeError: the sizes do not fit.
        """
        output, (h, c) = self._run(input, None if hx is None else tuple(hx))
        return output, (h, c)
