"""One step of a recurrent network as a module: `RNNCell`, `LSTMCell` and `GRUCell`."""

from __future__ import annotations

import math
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.module import Module
from minitransformer.nn.steps import MODES, States, plain


def check_shape(name: str, t: Tensor, expected: tuple[int, ...]) -> None:
    """Raise RuntimeError, as PyTorch does, if a tensor has another shape than expected.

    Args:
        name: what the tensor is, for the message.
        t: the tensor.
        expected: its shape.
    """
    if t.shape != expected:
        raise RuntimeError(f"{name}: expected shape {expected}, got {t.shape}")


class RNNCellBase(Module):
    """What the three cells share: their parameters, and a step with them.

    `weight_ih` is (G, input_size), `weight_hh` (G, hidden_size), `bias_ih` and `bias_hh` (G,) or None, for
    G = num_chunks hidden_size sums. All start with uniform random values in +-1 / sqrt(hidden_size).

    Args:
        input_size: the size of each input vector.
        hidden_size: H, the size of each state.
        bias: whether there are biases.
        num_chunks: how many sums there are for each number of the state.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        sums = num_chunks * hidden_size
        self.weight_ih = init.parameter(sums, input_size, device=device, dtype=dtype)
        self.weight_hh = init.parameter(sums, hidden_size, device=device, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, init.parameter(sums, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all parameters to new initial values."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0.0
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _next(self, mode: str, input: Tensor, given: States) -> States:
        """The states after a step, from those given. (.., input_size), (.., H) -> (.., H)."""
        name = type(self).__name__
        for t in (input, *given):
            if t.ndim not in (1, 2):
                raise ValueError(f"{name}: expected 1 or 2 dimensions, got shape {t.shape}")
        check_shape(f"{name}, input", input, (*input.shape[:-1], self.input_size))
        for h in given:
            check_shape(f"{name}, hx", h, (*input.shape[:-1], self.hidden_size))
        x = F.linear(input, self.weight_ih, self.bias_ih)  # (.., G)
        return MODES[mode][1](x, given, self.weight_hh, self.bias_hh)

    def _zeros(self, input: Tensor) -> Tensor:
        """A first state. (.., input_size) -> (.., H)."""
        return input.new_zeros(*input.shape[:-1], self.hidden_size)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(RNNCellBase):
    """One step of a plain recurrent network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Args:
        input_size: as in `RNNCellBase`.
        hidden_size: as in `RNNCellBase`.
        bias: as in `RNNCellBase`.
        nonlinearity: "tanh" or "relu".
        device: as in `RNNCellBase`.
        dtype: as in `RNNCellBase`.

    Raises:
        ValueError: `nonlinearity` is another word.

    Source:
        Elman, Cognitive Science 14(2), 1990.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity
        plain(nonlinearity)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Take one step.

        Args:
            input: (N, input_size) or (input_size,).
            hx: the state before it, (N, H) or (H,); None means zeros.

        Returns:
            The state after it, (N, H) or (H,).

        Raises:
            ValueError: there are more dimensions.
            RuntimeError: the sizes do not fit.
        """
        given = self._zeros(input) if hx is None else hx
        return self._next(plain(self.nonlinearity), input, (given,))[0]


class LSTMCell(RNNCellBase):
    """One step of a long short-term memory; `ops.networks.recurrent.lstm_step` has its formula.

    The sums for input gate, forget gate, new values and output gate stand side by side in this order.

    Args:
        input_size: as in `RNNCellBase`.
        hidden_size: as in `RNNCellBase`.
        bias: as in `RNNCellBase`.
        device: as in `RNNCellBase`.
        dtype: as in `RNNCellBase`.

    Source:
        Hochreiter and Schmidhuber, Neural Computation 9(8), 1997.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Take one step.

        Args:
            input: (N, input_size) or (input_size,).
            hx: output h and cells c before it, both (N, H) or (H,); None means zeros.

        Returns:
            Output and cells after it, both (N, H) or (H,).

        Raises:
            ValueError: there are more dimensions.
            RuntimeError: the sizes do not fit.
        """
        h, c = self._next("LSTM", input, (self._zeros(input),) * 2 if hx is None else tuple(hx))
        return h, c


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit; `ops.networks.recurrent.gru_step` has its formula.

    The sums for reset gate, update gate and new values stand side by side in this order.

    Args:
        input_size: as in `RNNCellBase`.
        hidden_size: as in `RNNCellBase`.
        bias: as in `RNNCellBase`.
        device: as in `RNNCellBase`.
        dtype: as in `RNNCellBase`.

    Source:
        Cho et al., EMNLP 2014.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Take one step.

        Args:
            input: (N, input_size) or (input_size,).
            hx: the state before it, (N, H) or (H,); None means zeros.

        Returns:
            The state after it, (N, H) or (H,).

        Raises:
            ValueError: there are more dimensions.
            RuntimeError: the sizes do not fit.
        """
        return self._next("GRU", input, (self._zeros(input) if hx is None else hx,))[0]
