"""Functions of each element, under the names of PyTorch's `special`."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.ops.elementwise.angles import sinc
from minitransformer.ops.elementwise.error_functions import erfc, erfinv
from minitransformer.ops.elementwise.exponentials import erf, expm1, log1p
from minitransformer.ops.elementwise.logarithms import logit, xlogy
from minitransformer.ops.elementwise.powers import exp2
from minitransformer.ops.elementwise.rounding import round
from minitransformer.ops.networks.activation import sigmoid as expit
from minitransformer.ops.networks.softmax import log_softmax, logsumexp, softmax

__all__ = [
    "entr",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "log1p",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "ndtri",
    "round",
    "sinc",
    "softmax",
    "xlogy",
]


def entr(input: Tensor) -> Tensor:
    """-p ln p, elementwise: what a probability p adds to the entropy.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape; 0 at 0, and NaN where the input is negative.
    """
    return -xlogy(input, input)


def ndtr(input: Tensor) -> Tensor:
    """The part of the standard normal distribution below a value, elementwise.

    Args:
        input: any shape; integers become float32.

    Returns:
        The same shape, from 0 to 1.
    """
    return erfc(input * -math.sqrt(0.5)) / 2


def ndtri(input: Tensor) -> Tensor:
    """The value below which a given part of the standard normal distribution lies, elementwise: the inverse of `ndtr`.

    Args:
        input: parts, from 0 to 1.

    Returns:
        The same shape.
    """
    return erfinv(input * 2 - 1) * math.sqrt(2)
