"""Initial values of parameters, drawn in place and off the tape."""

from __future__ import annotations

import math
from contextvars import ContextVar

from minitransformer.autograd import Tensor, no_grad, setting
from minitransformer.backends import float32
from minitransformer.nn.module import Parameter
from minitransformer.ops.creation import empty

EACH = 256  # numbers that take the memory of a parameter without any
_wanted: ContextVar[bool] = ContextVar("initial values wanted", default=True)
_room: ContextVar[list[int] | None] = ContextVar("how many numbers more parameters may hold", default=None)


def at_most(numbers: int | None):
    """Inside this block parameters hold no more numbers than these together, or as many as they like: for sizes from a file."""
    return setting(_room, numbers and [numbers])


def reserve(*size: int) -> None:
    """Raise ValueError, before there is memory for an array of this size, if `at_most` has no room for it."""
    if (room := _room.get()) is not None:
        room[0] -= math.prod(size) + EACH
        if room[0] < 0:
            raise ValueError("the sizes ask for more numbers than the file holds")


def no_initial_values():
    """Inside this block nothing here draws or fills: for a model whose weights are about to be loaded."""
    return setting(_wanted, False)


def parameter(*size: int, device: str | None = None, dtype=None) -> Parameter:
    """A parameter that waits for its values: float32 on the default device, unless told otherwise."""
    reserve(*size)
    return Parameter(empty(*size, dtype=dtype or float32, device=device))


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Drawn evenly from [a, b)."""
    return tensor.uniform_(a, b) if _wanted.get() else tensor


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Drawn from the normal distribution of this mean and standard deviation."""
    return tensor.normal_(mean, std) if _wanted.get() else tensor


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """All `val`."""
    return tensor.fill_(val) if _wanted.get() else tensor


def zeros_(tensor: Tensor) -> Tensor:
    """All 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """All 1."""
    return constant_(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float = 0.01) -> float:
    """What a nonlinearity takes from the standard deviation on the way, and weights must give back.

    One of "linear", "sigmoid", "tanh", "relu", "leaky_relu" (of slope `param` below zero). Raises ValueError for other
    words.
    """
    leaky = math.sqrt(2 / (1 + param**2))
    gains = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "leaky_relu": leaky}
    if nonlinearity not in gains:
        raise ValueError(f"nonlinearity: expected one of {', '.join(gains)}, got {nonlinearity!r}")
    return gains[nonlinearity]


def _fans(tensor: Tensor) -> dict[str, int]:
    """How many inputs each unit of a weight (out, in, ..) reads, and how many units read each input."""
    if tensor.ndim < 2:
        raise ValueError(f"expected a weight of shape (out, in) or (out, in, ..), got {tensor.shape}")
    units, inputs, *places = tensor.shape
    return {"fan_in": inputs * math.prod(places), "fan_out": units * math.prod(places)}


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Even in +-gain sqrt(6 / (fan_in + fan_out)): a variance kept both ways (Glorot & Bengio, AISTATS 2010)."""
    bound = gain * math.sqrt(6 / sum(_fans(tensor).values()))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Normal of standard deviation gain sqrt(2 / (fan_in + fan_out)), likewise."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor).values())))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Even in +-gain sqrt(3 / fan): variance kept through rectifiers of slope `a` below zero (He et al., ICCV 2015).

    `mode` is "fan_in" to keep it forward, "fan_out" backward. Raises ValueError for other words.
    """
    fans = _fans(tensor)
    if mode not in fans:
        raise ValueError(f"mode: expected 'fan_in' or 'fan_out', got {mode!r}")
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3 / fans[mode])
    return uniform_(tensor, -bound, bound)
