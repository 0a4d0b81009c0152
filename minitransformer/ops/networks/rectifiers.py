"""More activation functions: the relatives of ReLU, and functions that are linear far from zero.

As in `activation`, those with f(0) = 0 pass on all relevance, and others have that of their tangent.
"""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.ops.elementwise.choice import clip
from minitransformer.ops.laws import Activates, Tangent
from minitransformer.ops.networks.activation import relu, sigmoid
from minitransformer.ops.operands import real
from minitransformer.ops.tensors.inplace import in_place


class LeakyReLU(Activates):
    """y = x, and negative_slope x below 0. Relevance: R_x = R.

    Args:
        negative_slope: the slope below 0.
    """

    def __init__(self, negative_slope: float):
        self.negative_slope = negative_slope

    def forward(self, x: Array) -> Array:
        return x * self.slope(x)

    def slope(self, x: Array) -> Array:
        """dy/dx.

        Args:
            x: the input.

        Returns:
            1 or the negative slope, for each unit.
        """
        return namespace(x).where(x > 0, 1, self.negative_slope).astype(x.dtype)

    def vjp(self, g: Array, x: Array) -> Arrays:
        return (g * self.slope(x),)


class ELU(Activates):
    """y = x, and alpha (e^x - 1) below 0. Relevance: R_x = R.

    Args:
        alpha: what y comes to, negated, far below 0.

    Source:
        Clevert et al., ICLR 2016.
    """

    def __init__(self, alpha: float):
        self.alpha = alpha

    def forward(self, x: Array) -> Array:
        xp = namespace(x)
        return xp.where(x > 0, x, self.alpha * xp.expm1(xp.minimum(x, 0)))

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = alpha e^x below 0
        xp = namespace(x)
        return (xp.where(x > 0, g, g * (self.alpha * xp.exp(xp.minimum(x, 0)))),)


class Softplus(Tangent):
    """y = ln(1 + e^(beta x)) / beta, and x where beta x is above a threshold. Relevance by the tangent, since y > 0 at x = 0.

    Args:
        beta: how sharp the bend is.
        threshold: where the function counts as linear.
    """

    def __init__(self, beta: float, threshold: float):
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Array) -> Array:
        xp = namespace(x)
        z = self.beta * x
        return xp.where(z > self.threshold, x, (xp.maximum(z, 0) + xp.log1p(xp.exp(-abs(z)))) / self.beta)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = sigmoid(beta x)
        xp = namespace(x)
        z = self.beta * x
        e = xp.exp(-abs(z))
        return (g * xp.where(z > self.threshold, 1, xp.where(z > 0, 1, e) / (1 + e)),)


class Mish(Activates):
    """y = x tanh(ln(1 + e^x)). Relevance: R_x = R.

    Source:
        Misra, BMVC 2020.
    """

    def forward(self, x: Array) -> Array:
        return x * namespace(x).tanh(namespace(x).logaddexp(0, x).astype(x.dtype))

    def vjp(self, g: Array, x: Array) -> Arrays:  # with t = tanh(..): dy/dx = t + x (1 - t^2) sigmoid(x)
        xp = namespace(x)
        soft = xp.logaddexp(0, x).astype(x.dtype)
        t = xp.tanh(soft)
        return (g * (t + x * (1 - t * t) * xp.exp(x - soft)),)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """max(input, 0) + negative_slope min(input, 0), elementwise.

    Args:
        input: any shape.
        negative_slope: the slope below 0.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape.
    """
    return in_place(leaky_relu)(input, negative_slope) if inplace else LeakyReLU(negative_slope)(real(input))


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input above 0, alpha (e^input - 1) below, elementwise.

    Args:
        input: any shape.
        alpha: what the result comes to, negated, far below 0.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape.

    Source:
        Clevert et al., ICLR 2016.
    """
    return in_place(elu)(input, alpha) if inplace else ELU(alpha)(real(input))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + e^(beta input)) / beta, elementwise: a smooth ReLU.

    Args:
        input: any shape.
        beta: how sharp the bend is.
        threshold: where beta input is above it, the result is the input.

    Returns:
        The same shape.
    """
    return Softplus(beta, threshold)(real(input))


def logsigmoid(input: Tensor) -> Tensor:
    """ln(1 / (1 + e^-input)), elementwise, computed without a logarithm of nearly 0.

    Args:
        input: any shape.

    Returns:
        The same shape, values below 0.
    """
    return -softplus(-input, threshold=float("inf"))


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input tanh(softplus(input)), elementwise.

    Args:
        input: any shape.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape.

    Source:
        Misra, BMVC 2020.
    """
    return in_place(mish)(input) if inplace else Mish()(real(input))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """The input, not below `min_val` and not above `max_val`, elementwise.

    Args:
        input: any shape, floating-point or integers.
        min_val: the lower limit; beside integers it is cut to one, towards 0.
        max_val: the upper limit, in the same way.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape and dtype.

    Raises:
        ValueError: the limits are in the wrong order, or are not in the range of an integer dtype.
        TypeError: the input is boolean.
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: expected min_val <= max_val, got {min_val} and {max_val}")
    limits = min_val, max_val
    if input.dtype.kind not in FLOATS:
        limits = _whole(input, limits)
    return in_place(clip)(input, *limits) if inplace else clip(input, *limits)


def _whole(input: Tensor, limits: tuple[float, float]) -> tuple[int, int]:
    """The limits as integers of the input's dtype."""
    if input.dtype.kind == "b":
        raise TypeError("hardtanh: expected numbers, got bool; call .float() first")
    bounds = namespace(input.array).iinfo(input.dtype)
    if not bounds.min <= limits[0] <= limits[1] <= bounds.max:
        raise ValueError(f"hardtanh: expected limits that {input.dtype} holds, got {limits}")
    return int(limits[0]), int(limits[1])


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6), elementwise.

    Args:
        input: any shape, floating-point or integers.
        inplace: whether to write the result into `input`.

    Returns:
        The same shape and dtype.
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """max(input, 0) + weight min(input, 0): a leaky ReLU whose slope is learned.

    Args:
        input: (N, C, ..), or (..) with one slope for all.
        weight: (C,), or (1,).

    Returns:
        The same shape.

    Raises:
        ValueError: there is no slope for each channel.

    Source:
        He et al., ICCV 2015.
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels):
        raise ValueError(
            f"prelu: expected 1 or {channels} slopes for input {input.shape}, got {weight.shape}"
        )
    each = () if weight.numel() == 1 else (channels, *[1] * (input.ndim - 2))
    return relu(input) - weight.reshape(*each) * relu(-input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), where a and b are the two halves of the input.

    Args:
        input: (.., 2 n, ..).
        dim: the dimension that is halved.

    Returns:
        (.., n, ..).

    Raises:
        ValueError: the dimension has an odd size.

    Source:
        Dauphin et al., ICML 2017.
    """
    if input.shape[dim] % 2:
        raise ValueError(f"glu: expected an even size of dimension {dim}, got {input.shape}")
    a, b = input.chunk(2, dim)
    return a * sigmoid(b)
