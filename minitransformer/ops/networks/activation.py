"""Activation functions, each from one unit to the same unit.

Those with f(0) = 0 pass on all relevance. The sigmoid, which is 1/2 at 0, has the relevance of its tangent, whose constant
part is absorbed.
"""

from __future__ import annotations

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.books import Books
from minitransformer.ops.laws import Activates, Tangent
from minitransformer.ops.operands import real
from minitransformer.ops.tensors.inplace import in_place


class Tanh(Activates):
    """y = tanh x. Relevance: R_x = R."""

    reads = "output"

    def forward(self, x: Array) -> Array:
        return namespace(x).tanh(x)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dy/dx = 1 - y^2
        return (g * (1 - y * y),)


class Sigmoid(Tangent):
    """y = 1 / (1 + e^-x), in the form that does not overflow. Relevance by the tangent, since y = 1/2 at x = 0."""

    reads = "output"

    def forward(self, x: Array) -> Array:
        return kernels.of(x).sigmoid(x)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dy/dx = y (1 - y)
        return (g * y * (1 - y),)


class ReLU(Activates):
    """y = max(x, 0). Relevance: R_x = R."""

    reads = "output"

    def forward(self, x: Array) -> Array:
        return namespace(x).maximum(x, 0)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dy/dx = [x > 0], and 1 for NaN
        return (g * (y != 0),)

    def modified(self, g: Array, books: Books, y: Array, x: Array) -> Arrays:  # y / x is that too
        return self.vjp(g, y)


class GELU(Activates):
    """y = x Phi(x), where Phi is the distribution function of the normal distribution. Relevance: R_x = R.

    Args:
        approximate: "none", or "tanh" for the approximation of Phi by a tanh.

    Source:
        Hendrycks and Gimpel, arXiv 1606.08415.
    """

    reads = "both"

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, x: Array) -> Array:
        return kernels.of(x).gelu_tanh(x) if self.approximate == "tanh" else kernels.of(x).gelu(x)

    def vjp(self, g: Array, y: Array, x: Array) -> Arrays:  # dy/dx = Phi(x) + x Phi'(x)
        kernel = kernels.of(x)
        slope = kernel.gelu_tanh_vjp if self.approximate == "tanh" else kernel.gelu_vjp
        return (slope(g, x, y),)


class SiLU(Activates):
    """y = x sigmoid(x). Relevance: R_x = R."""

    def forward(self, x: Array) -> Array:
        return x * kernels.of(x).sigmoid(x)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = s + x s (1 - s)
        s = kernels.of(x).sigmoid(x)
        return (g * (s + x * s * (1 - s)),)

    def modified(self, g: Array, books: Books, x: Array) -> Arrays:  # y / x
        return (g * kernels.of(x).sigmoid(x),)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape, values from -1 to 1.
    """
    return Tanh()(real(input))


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-input), elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape, values from 0 to 1.
    """
    return Sigmoid()(real(input))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), elementwise.

    Args:
        input: any shape.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape and dtype.
    """
    return in_place(relu)(input) if inplace else ReLU()(input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input * Phi(input), elementwise, where Phi is the distribution function of the standard normal distribution.

    Args:
        input: any shape; integers become float32.
        approximate: "none" computes Phi by the error function; "tanh" takes the cheaper approximation.

    Returns:
        The same shape.

    Raises:
        ValueError: `approximate` is another word.

    Source:
        Hendrycks and Gimpel, arXiv 1606.08415.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: expected approximate 'none' or 'tanh', got {approximate!r}")
    return GELU(approximate)(real(input))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input), elementwise; also called swish.

    Args:
        input: any shape; integers become float32.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape.
    """
    return in_place(silu)(input) if inplace else SiLU()(real(input))
