"""Initial values of parameters, set in place and without a tape. Random values come from `manual_seed`'s generator."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy

from minitransformer.autograd import Tensor, no_grad
from minitransformer.backends import float32
from minitransformer.nn.parameter import Parameter
from minitransformer.ops.creation.filled import empty
from minitransformer.randomness import generator
from minitransformer.settings import setting

EACH = 256  # the memory that a parameter needs beside its numbers, counted in numbers
_initialise: ContextVar[bool] = ContextVar("initial values are set", default=True)
_numbers_left: ContextVar[list[int] | None] = ContextVar(
    "how many more numbers parameters may hold", default=None
)


def at_most(numbers: int | None) -> setting:
    """Limit the size of all parameters made inside a `with` block, for models whose sizes come from a file.

    Args:
        numbers: how many numbers the parameters may hold together; None means no limit.

    Returns:
        A context manager. Inside it, `parameter` and `reserve` raise ValueError beyond the limit.
    """
    return setting(_numbers_left, numbers and [numbers])


def reserve(*size: int) -> None:
    """Count an array of this size against the limit that `at_most` has set, before its memory is allocated.

    Args:
        size: the array's shape.

    Raises:
        ValueError: if the limit is exceeded.
    """
    if (left := _numbers_left.get()) is not None:
        left[0] -= math.prod(size) + EACH
        if left[0] < 0:
            raise ValueError("the sizes ask for more numbers than the file holds")


def no_initial_values() -> setting:
    """Set no initial values inside a `with` block, for a model whose weights are loaded afterwards.

    Returns:
        A context manager. Inside it, the functions below leave their tensors as they are.
    """
    return setting(_initialise, False)


def parameter(*size: int, device: str | None = None, dtype: Any = None) -> Parameter:
    """A parameter without initial values.

    Args:
        size: its shape.
        device: where it lives; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Returns:
        The parameter; its numbers are undefined until one of the functions below sets them.

    Raises:
        ValueError: if it exceeds the limit that `at_most` has set.
    """
    reserve(*size)
    return Parameter(empty(*size, dtype=dtype or float32, device=device))


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Fill a tensor with uniform random numbers in [a, b), in place.

    Args:
        tensor: floating-point, of any shape.
        a: the lower bound.
        b: the upper bound.

    Returns:
        `tensor`.
    """
    return tensor.uniform_(a, b) if _initialise.get() else tensor


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Fill a tensor with normally distributed random numbers, in place.

    Args:
        tensor: floating-point, of any shape.
        mean: the distribution's mean.
        std: its standard deviation.

    Returns:
        `tensor`.
    """
    return tensor.normal_(mean, std) if _initialise.get() else tensor


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill a tensor with one number, in place.

    Args:
        tensor: of any shape.
        val: the number.

    Returns:
        `tensor`.
    """
    return tensor.fill_(val) if _initialise.get() else tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Fill a tensor with zeros, in place.

    Args:
        tensor: of any shape.

    Returns:
        `tensor`.
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill a tensor with ones, in place.

    Args:
        tensor: of any shape.

    Returns:
        `tensor`.
    """
    return constant_(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor for the standard deviation of weights that makes up for what a nonlinearity takes away.

    Args:
        nonlinearity: "linear", "conv1d", "conv2d", "conv3d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: for "leaky_relu", its slope below zero; None means 0.01.

    Returns:
        The factor: 1 for the first five, 5/3, sqrt(2), sqrt(2 / (1 + param^2)) or 3/4.

    Raises:
        ValueError: for another name.
    """
    slope = 0.01 if param is None else param
    gains = dict.fromkeys(["linear", "conv1d", "conv2d", "conv3d", "sigmoid"], 1.0)
    gains |= {"tanh": 5 / 3, "relu": math.sqrt(2), "leaky_relu": math.sqrt(2 / (1 + slope**2)), "selu": 3 / 4}
    if nonlinearity not in gains:
        raise ValueError(f"nonlinearity: expected one of {', '.join(gains)}, got {nonlinearity!r}")
    return gains[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """The number of inputs of each unit of a weight (out, in, ..), and the number of units for each input."""
    if tensor.ndim < 2:
        raise ValueError(f"expected a weight of shape (out, in) or (out, in, ..), got {tensor.shape}")
    units, inputs, *kernel = tensor.shape  # the further dimensions are those of a convolution's kernel
    return inputs * math.prod(kernel), units * math.prod(kernel)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Fill a weight with uniform random numbers in +-gain sqrt(6 / (fan_in + fan_out)), in place.

    The variance of activations, and that of gradients, then stay about the same from layer to layer.

    Args:
        tensor: a weight (out, in) or (out, in, ..).
        gain: see `calculate_gain`.

    Returns:
        `tensor`.

    Raises:
        ValueError: if the weight has fewer than two dimensions.

    Source:
        Glorot & Bengio, AISTATS 2010.
    """
    bound = gain * math.sqrt(6 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Fill a weight with normal random numbers of standard deviation gain sqrt(2 / (fan_in + fan_out)), in place.

    Args:
        tensor: a weight (out, in) or (out, in, ..).
        gain: see `calculate_gain`.

    Returns:
        `tensor`.

    Raises:
        ValueError: if the weight has fewer than two dimensions.

    Source:
        Glorot & Bengio, AISTATS 2010.
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_calculate_fan_in_and_fan_out(tensor))))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Fill a weight with uniform random numbers in +-gain sqrt(3 / fan), in place.

    Args:
        tensor: a weight (out, in) or (out, in, ..).
        a: for "leaky_relu", its slope below zero.
        mode: "fan_in" keeps the variance of activations, "fan_out" that of gradients.
        nonlinearity: what follows the layer: see `calculate_gain`.

    Returns:
        `tensor`.

    Raises:
        ValueError: for another mode or nonlinearity, or a weight with fewer than two dimensions.

    Source:
        He et al., ICCV 2015.
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Fill a weight with normal random numbers of standard deviation gain / sqrt(fan), in place.

    Args:
        tensor: a weight (out, in) or (out, in, ..).
        a: for "leaky_relu", its slope below zero.
        mode: "fan_in" keeps the variance of activations, "fan_out" that of gradients.
        nonlinearity: what follows the layer: see `calculate_gain`.

    Returns:
        `tensor`.

    Raises:
        ValueError: if mode or nonlinearity is another word, or the weight has fewer than two dimensions.

    Source:
        He et al., ICCV 2015.
    """
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """gain / sqrt(fan)."""
    fans = dict(zip(("fan_in", "fan_out"), _calculate_fan_in_and_fan_out(tensor), strict=True))
    if mode not in fans:
        raise ValueError(f"mode: expected 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans[mode])


@no_grad()
def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """Fill a tensor with normal random numbers, drawn again where they fall outside [a, b], in place.

    Args:
        tensor: floating-point, of any shape.
        mean: the distribution's mean.
        std: its standard deviation.
        a: the lower bound.
        b: the upper bound.

    Returns:
        `tensor`.

    Raises:
        ValueError: if `mean` lies more than two standard deviations outside [a, b], where few draws fall inside.
    """
    if not a - 2 * std <= mean <= b + 2 * std or a >= b:
        raise ValueError(f"trunc_normal_: expected a mean within 2 std of [{a}, {b}], got {mean}, std {std}")
    return _fill(tensor, _truncated(tensor.shape, mean, std, a, b)) if _initialise.get() else tensor


def _truncated(shape: tuple[int, ...], mean: float, std: float, a: float, b: float) -> numpy.ndarray:
    values = generator().normal(mean, std, shape)
    while (outside := (values < a) | (values > b)).any():
        values[outside] = generator().normal(mean, std, outside.sum())
    return values


def _fill(tensor: Tensor, values: numpy.ndarray) -> Tensor:
    return tensor.copy_(Tensor(values.astype(tensor.dtype)))


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Fill a weight with a random matrix whose rows, or columns if they are fewer, are orthogonal and of length gain, in place.

    Args:
        tensor: a weight (out, in) or (out, in, ..), whose further dimensions count with the second.
        gain: the length of each row or column.

    Returns:
        `tensor`.

    Raises:
        ValueError: if the weight has fewer than two dimensions.

    Source:
        Saxe et al., ICLR 2014.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: expected a weight (out, in) or (out, in, ..), got {tensor.shape}")
    if not _initialise.get() or not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    q, r = numpy.linalg.qr(generator().normal(size=(max(rows, columns), min(rows, columns))))
    q *= numpy.sign(numpy.diag(r))  # so that every such matrix is equally likely
    return _fill(tensor, gain * (q.T if rows < columns else q).reshape(tensor.shape))


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on the diagonal and zeros elsewhere, in place.

    Args:
        tensor: (n, m).

    Returns:
        `tensor`.

    Raises:
        ValueError: if the tensor has not two dimensions.
    """
    if tensor.ndim != 2:
        raise ValueError(f"eye_: expected a matrix, got {tensor.shape}")
    return _fill(tensor, numpy.eye(tensor.shape[0], tensor.shape[1])) if _initialise.get() else tensor


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the kernels of a convolution so that it gives back its input, as far as there are channels; in place.

    Args:
        tensor: (out, in, ..), of three to five dimensions.
        groups: the groups of the convolution.

    Returns:
        `tensor`.

    Raises:
        ValueError: if the dimensions do not fit, or the groups do not divide the units.
    """
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ValueError(f"dirac_: expected kernels (out, in, ..) in {groups} groups, got {tensor.shape}")
    units, inputs, *kernel = tensor.shape
    middle = tuple(n // 2 for n in kernel)
    values = numpy.zeros(tensor.shape)
    for unit in range(units):
        if (channel := unit % (units // groups)) < inputs:
            values[(unit, channel, *middle)] = 1
    return _fill(tensor, values) if _initialise.get() else tensor


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01) -> Tensor:
    """Fill a matrix with normal random numbers, and of each column some with zeros, in place.

    Args:
        tensor: (n, m).
        sparsity: which share of each column is zeros.
        std: the standard deviation of the others.

    Returns:
        `tensor`.

    Raises:
        ValueError: if the tensor has not two dimensions.

    Source:
        Martens, ICML 2010.
    """
    if tensor.ndim != 2:
        raise ValueError(f"sparse_: expected a matrix, got {tensor.shape}")
    rows, columns = tensor.shape
    values = generator().normal(0.0, std, (rows, columns))
    for column in values.T:
        column[generator().permutation(rows)[: math.ceil(sparsity * rows)]] = 0
    return _fill(tensor, values) if _initialise.get() else tensor


def _older(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function under its name of before PyTorch 0.4, without the underscore: it warns."""
    name = function.__name__

    @functools.wraps(function)
    def older(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"nn.init.{name[:-1]} is now nn.init.{name}", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    return older


uniform, normal, constant, eye = _older(uniform_), _older(normal_), _older(constant_), _older(eye_)
xavier_uniform, xavier_normal = _older(xavier_uniform_), _older(xavier_normal_)
kaiming_uniform, kaiming_normal = _older(kaiming_uniform_), _older(kaiming_normal_)
orthogonal, dirac, sparse = _older(orthogonal_), _older(dirac_), _older(sparse_)
