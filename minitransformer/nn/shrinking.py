"""Activation functions as modules: those that shrink, hard ones, and the relatives of ELU."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.rectifiers import Editing, Unit


class Hardswish(Editing):
    """x min(max(x + 3, 0), 6) / 6.

    Args:
        inplace: whether to write the result into the input.

    Source:
        Howard et al., ICCV 2019, section 5.2.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


class Hardsigmoid(Editing):
    """min(max(x + 3, 0), 6) / 6.

    Args:
        inplace: whether to write the result into the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class SELU(Editing):
    """ELU with the two numbers that keep the mean 0 and the variance 1 through layers.

    Args:
        inplace: whether to write the result into the input.

    Source:
        Klambauer et al., NeurIPS 2017, equation 2.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class CELU(Editing):
    """x above 0, alpha (e^(x / alpha) - 1) below.

    Args:
        alpha: what the result comes to, negated, far below 0; not 0.
        inplace: whether to write the result into the input.

    Source:
        Barron, arXiv 1704.07483.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._shown(f"alpha={self.alpha}")


class Threshold(Editing):
    """x where it is above a threshold, else a value.

    Args:
        threshold: what x must be above.
        value: what stands in its place if it is not.
        inplace: whether to write the result into the input.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold, self.value = threshold, value

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return self._shown(f"threshold={self.threshold}, value={self.value}")


class Softsign(Unit):
    """x / (1 + |x|)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Unit):
    """x - tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Hardshrink(Unit):
    """x, and 0 where |x| <= lambd.

    Args:
        lambd: how far from zero x must be, 0 or more.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Hardshrink):
    """x moved towards 0 by lambd, and 0 where it would pass it.

    Args:
        lambd: how far, 0 or more.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)
