"""Random values written in place."""

from __future__ import annotations

import numpy

from minitransformer.autograd import Tensor
from minitransformer.backends import Array
from minitransformer.devices import device_of, to_device
from minitransformer.ops.tensors.inplace import put
from minitransformer.randomness import Drawing, drawing


def _drawn(input: Tensor, values: Array) -> Tensor:
    return put(input, Tensor(to_device(values.astype(input.dtype), device_of(input.array))))


def uniform_(input: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Drawing = None) -> Tensor:
    """Set the elements to random numbers from the uniform distribution over [a, b), in place.

    Args:
        input: any shape, floating-point.
        a: the lower limit.
        b: the upper limit.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.

    Returns:
        `input`.
    """
    return _drawn(input, drawing(generator).uniform(a, b, input.shape))


def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Drawing = None) -> Tensor:
    """Set the elements to random numbers from a normal distribution, in place.

    Args:
        input: any shape, floating-point.
        mean: its mean.
        std: its standard deviation.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.

    Returns:
        `input`.
    """
    return _drawn(input, drawing(generator).normal(mean, std, input.shape))


def random_(input: Tensor, from_: int = 0, to: int | None = None, *, generator: Drawing = None) -> Tensor:
    """Set the elements to random integers from the uniform distribution over from_ .. to - 1, in place.

    Args:
        input: any shape.
        from_: the smallest integer; given alone it is `to`, and the smallest is 0.
        to: one more than the largest; None without `from_` means what the dtype holds exactly.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.

    Returns:
        `input`.
    """
    low, high = (from_, to) if to is not None else (0, from_ or _largest(input) + 1)
    return _drawn(input, drawing(generator).integers(low, high, input.shape))


def _largest(input: Tensor) -> int:
    exact = {"float16": 2**11, "float32": 2**24, "float64": 2**53, "bool": 1}
    return exact.get(input.dtype.name) or 2 ** (8 * input.dtype.itemsize - (input.dtype.kind == "i")) - 1


def bernoulli_(input: Tensor, p: float | Tensor = 0.5, *, generator: Drawing = None) -> Tensor:
    """Set the elements to 1 with a probability, else 0, in place.

    Args:
        input: any shape.
        p: the probability, a number, or a tensor with one for each element.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.

    Returns:
        `input`.

    Raises:
        ValueError: a probability is outside 0 .. 1.
    """
    chances = to_device(p.array, "cpu") if isinstance(p, Tensor) else numpy.asarray(p)
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError(f"bernoulli_: expected probabilities in 0 .. 1, got {p}")
    return _drawn(input, drawing(generator).random(input.shape) < chances)


def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Drawing = None) -> Tensor:
    """Set the elements to random numbers from the exponential distribution, in place.

    Args:
        input: any shape, floating-point.
        lambd: its rate, one over its mean.
        generator: where the numbers come from; None takes the one that `manual_seed` seeds.

    Returns:
        `input`.
    """
    return _drawn(input, drawing(generator).exponential(1 / lambd, input.shape))
