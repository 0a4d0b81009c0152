"""More activation functions: those that shrink what is near zero, hard ones made of straight lines, and the relatives of ELU.

As in `activation`, those with f(0) = 0 pass on all relevance.
"""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.laws import Activates
from minitransformer.ops.networks.rectifiers import elu, relu6
from minitransformer.ops.operands import real
from minitransformer.ops.tensors.inplace import in_place


class Hardswish(Activates):
    """y = x min(max(x + 3, 0), 6) / 6. Relevance: R_x = R.

    Source:
        Howard et al., ICCV 2019, section 5.2.
    """

    def forward(self, x: Array) -> Array:
        return x * (x + 3).clip(0, 6) / 6

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = (2 x + 3) / 6 between -3 and 3
        xp = namespace(x)
        return (g * xp.where(x <= -3, 0, xp.where(x < 3, x / 3 + 0.5, 1)),)


class Softsign(Activates):
    """y = x / (1 + |x|). Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return x / (1 + abs(x))

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = 1 / (1 + |x|)^2
        return (g / (1 + abs(x)) ** 2,)


class Tanhshrink(Activates):
    """y = x - tanh x. Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return x - namespace(x).tanh(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = tanh^2 x
        return (g * namespace(x).tanh(x) ** 2,)


class Hardshrink(Activates):
    """y = x, and 0 where |x| <= lambd. Relevance: R_x = R, of what is left.

    Args:
        lambd: how far from zero x must be.
    """

    def __init__(self, lambd: float):
        self.lambd = lambd

    def forward(self, x: Array) -> Array:
        return namespace(x).where(abs(x) <= self.lambd, 0, x).astype(x.dtype, copy=False)

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (g * ~(abs(x) <= self.lambd),)


class Softshrink(Hardshrink):
    """y = x moved towards 0 by lambd, and 0 where it would pass it. Relevance: R_x = R, of what is left."""

    def forward(self, x: Array) -> Array:
        return x - x.clip(-self.lambd, self.lambd)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input min(max(input + 3, 0), 6) / 6, elementwise: SiLU made of straight lines.

    Args:
        input: any shape.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape.

    Source:
        Howard et al., ICCV 2019, section 5.2.
    """
    return in_place(hardswish)(input) if inplace else Hardswish()(real(input))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input + 3, 0), 6) / 6, elementwise.

    Args:
        input: any shape.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape, values from 0 to 1.
    """
    return in_place(hardsigmoid)(input) if inplace else relu6(real(input) + 3) / 6


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|), elementwise.

    Args:
        input: any shape.

    Returns:
        The same shape, values between -1 and 1.
    """
    return Softsign()(real(input))


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input), elementwise.

    Args:
        input: any shape.

    Returns:
        The same shape.
    """
    return Tanhshrink()(real(input))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input, and 0 where |input| <= lambd, elementwise.

    Args:
        input: any shape.
        lambd: how far from zero the input must be, 0 or more.

    Returns:
        The same shape.
    """
    return Hardshrink(lambd)(real(input))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input moved towards 0 by `lambd`, and 0 where it would pass it, elementwise.

    Args:
        input: any shape.
        lambd: how far, 0 or more.

    Returns:
        The same shape.

    Raises:
        ValueError: `lambd` is negative.
    """
    if not lambd >= 0:
        raise ValueError(f"softshrink: expected lambd >= 0, got {lambd}")
    return Softshrink(lambd)(real(input))


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """The input where it is above a threshold, else a value, elementwise.

    Args:
        input: any shape.
        threshold: what the input must be above.
        value: what stands in its place if it is not.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape and dtype.
    """
    return _threshold_(input, threshold, value) if inplace else _above(input, threshold, value)


def _above(input: Tensor, least: float, value: float) -> Tensor:
    return where(input <= least, value, input)


_threshold_ = in_place(_above)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """ELU with the two numbers that keep the mean 0 and the variance 1 through layers, elementwise.

    Args:
        input: any shape.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape.

    Source:
        Klambauer et al., NeurIPS 2017, equation 2.
    """
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return in_place(selu)(input) if inplace else elu(real(input), alpha) * scale


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input above 0, alpha (e^(input / alpha) - 1) below, elementwise: an ELU without a bend at 0.

    Args:
        input: any shape.
        alpha: what the result comes to, negated, far below 0; not 0.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape.

    Raises:
        ValueError: `alpha` is 0.

    Source:
        Barron, arXiv 1704.07483.
    """
    if not alpha:
        raise ValueError("celu: expected an alpha other than 0")
    return in_place(celu)(input, alpha) if inplace else elu(real(input) / alpha) * alpha
