"""More activation functions as modules: the relatives of ReLU, smooth ones, and gates."""

from __future__ import annotations

from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn import init as initial
from minitransformer.nn.module import Module


class Unit(Module):
    """A function of each unit by itself."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function elementwise.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.
        """
        raise NotImplementedError(self._get_name())


class Editing(Unit):
    """One that may write its result into the input.

    Args:
        inplace: whether it does.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return self._shown()

    def _shown(self, settings: str = "") -> str:
        return ", ".join(filter(None, [settings, "inplace=True" if self.inplace else ""]))


class LeakyReLU(Editing):
    """max(x, 0) + negative_slope min(x, 0).

    Args:
        negative_slope: the slope below 0.
        inplace: whether to write the result into the input.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return self._shown(f"negative_slope={self.negative_slope}")


class ELU(Editing):
    """x above 0, alpha (e^x - 1) below.

    Args:
        alpha: what the result comes to, negated, far below 0.
        inplace: whether to write the result into the input.

    Source:
        Clevert et al., ICLR 2016.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._shown(f"alpha={self.alpha}")


class Hardtanh(Editing):
    """x, not below min_val and not above max_val.

    Args:
        min_val: the lower limit.
        max_val: the upper limit.
        inplace: whether to write the result into the input.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.min_val, self.max_val = min_val, max_val

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return self._shown(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(Hardtanh):
    """min(max(x, 0), 6).

    Args:
        inplace: whether to write the result into the input.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return self._shown()


class Mish(Editing):
    """x tanh(ln(1 + e^x)).

    Args:
        inplace: whether to write the result into the input.

    Source:
        Misra, BMVC 2020.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class Softplus(Unit):
    """ln(1 + e^(beta x)) / beta: a smooth ReLU.

    Args:
        beta: how sharp the bend is.
        threshold: where beta x is above it, the result is x.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class LogSigmoid(Unit):
    """ln(1 / (1 + e^-x))."""

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class GLU(Module):
    """a sigmoid(b), where a and b are the two halves of the input.

    Args:
        dim: the dimension that is halved.

    Source:
        Dauphin et al., ICML 2017.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the gate.

        Args:
            input: (.., 2 n, ..), floating-point.

        Returns:
            (.., n, ..).

        Raises:
            ValueError: if the dimension has an odd size.
        """
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class PReLU(Unit):
    """max(x, 0) + weight min(x, 0), with a learned `weight` (num_parameters,).

    Args:
        num_parameters: 1, or the number of channels of an input (N, C, ..).
        init: what each weight starts with.
        device: where the weight lives; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Source:
        He et al., ICCV 2015.
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.init = init
        self.weight = initial.parameter(num_parameters, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weights to their first value."""
        initial.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.weight.numel()}"
