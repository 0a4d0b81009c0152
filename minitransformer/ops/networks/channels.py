"""Normalization by channel: with the statistics of a batch, of groups of channels, or with running ones."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor, no_grad
from minitransformer.errors import check_device
from minitransformer.ops.elementwise.powers import rsqrt
from minitransformer.ops.networks.normalization import layer_norm
from minitransformer.ops.precision import raised
from minitransformer.ops.reduce.sums import mean, var


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel shifted to mean 0 and scaled to variance 1, then multiplied by `weight` and shifted by `bias`.

    In training, mean and variance are those of the batch, as of one long vector for each channel, and relevance follows as
    through `layer_norm`. Otherwise they are constants, and the whole is an affine map of each unit.

    Args:
        input: (N, C) or (N, C, *L), floating-point.
        running_mean: (C,), the mean to use if not in training; in training it is moved towards that of the batch, in place.
        running_var: (C,), the variance likewise, of the batch without bias.
        weight: (C,); None means ones.
        bias: (C,); None means zeros.
        training: whether to use the statistics of the batch.
        momentum: how far the running statistics move, from 0 to 1.
        eps: added to the variance.

    Returns:
        The same shape.

    Raises:
        ValueError: the sizes do not fit, or in training there is one value for each channel, or `eps` is too small.
        RuntimeError: not in training and without running statistics.

    Source:
        Ioffe and Szegedy, ICML 2015.
    """
    input, weight, bias = raised(input, weight, bias)
    _check("batch_norm", input, running_mean, running_var, weight, bias)
    if eps < 0 or training and eps == 0:
        raise ValueError(f"batch_norm: expected eps > 0, in use also 0, got {eps}")
    if training:
        _check_several(input)
        rows = input.transpose(0, 1).flatten(1)  # (C, N *L)
        if input.numel():
            _follow(rows.unsqueeze(0), running_mean, running_var, momentum)
        normal = layer_norm(rows, rows.shape[1:], eps=eps)
        normal = normal.reshape(input.shape[1], input.shape[0], *input.shape[2:]).transpose(0, 1)
        return _affine(normal, weight, bias)
    if running_mean is None or running_var is None:
        raise RuntimeError("batch_norm: expected running_mean and running_var when training is False")
    scale = rsqrt(running_var.to(input.dtype) + eps)  # (C,)
    scale = scale if weight is None else scale * weight
    shift = -running_mean.to(input.dtype) * scale
    return _affine(input, scale, shift if bias is None else shift + bias)


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """x weight + bias, channel by channel."""
    each = (-1,) + (1,) * (x.ndim - 2)
    x = x if weight is None else x * weight.reshape(*each)
    return x if bias is None else x + bias.reshape(*each)


@no_grad()
def _follow(rows: Tensor, running_mean: Tensor | None, running_var: Tensor | None, momentum: float) -> None:
    """Move the running statistics (C,) towards those of the rows (.., C, n), averaged over the first dimension."""
    if running_mean is not None:
        running_mean.add_((mean(mean(rows, -1), 0) - running_mean) * momentum)
    if running_var is not None:
        running_var.add_((mean(var(rows, -1), 0) - running_var) * momentum)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each instance shifted to mean 0 and scaled to variance 1, then multiplied by `weight` and shifted by `bias`.

    Args:
        input: (N, C, *L), floating-point.
        running_mean: (C,), moved towards the mean of the instances' means, in place; the mean to use without `use_input_stats`.
        running_var: (C,), the variance likewise, of each instance without bias.
        weight: (C,); None means ones.
        bias: (C,); None means zeros.
        use_input_stats: whether to use mean and variance of each instance; if not, the running ones, as `batch_norm` in use.
        momentum: how far the running statistics move, from 0 to 1.
        eps: added to the variance.

    Returns:
        The same shape.

    Raises:
        ValueError: the sizes do not fit, or there is one value for each channel of an instance, or `eps` is too small.
        RuntimeError: without `use_input_stats` and without running statistics.

    Source:
        Ulyanov et al., arXiv 1607.08022.
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    input, weight, bias = raised(input, weight, bias)
    _check("instance_norm", input, running_mean, running_var, weight, bias)
    if math.prod(input.shape[2:]) == 1:
        raise ValueError(f"instance_norm: expected more than 1 place in each instance, got {input.shape}")
    if eps <= 0:
        raise ValueError(f"instance_norm: expected eps > 0, got {eps}")
    rows = input.flatten(2)  # (N, C, *L) -> (N, C, n)
    if input.numel():
        _follow(rows, running_mean, running_var, momentum)
    return _affine(layer_norm(rows, rows.shape[2:], eps=eps).reshape(*input.shape), weight, bias)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The channels of each group shifted to mean 0 and scaled to variance 1 together, then each multiplied and shifted.

    Args:
        input: (N, C, *L), floating-point.
        num_groups: the number of groups.
        weight: (C,); None means ones.
        bias: (C,); None means zeros.
        eps: added to the variance.

    Returns:
        The same shape.

    Raises:
        ValueError: the sizes do not fit.

    Source:
        Wu and He, ECCV 2018.
    """
    input, weight, bias = raised(input, weight, bias)
    _check("group_norm", input, weight, bias)
    if num_groups < 1 or input.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: expected groups that divide {input.shape[1]} channels, got {num_groups}"
        )
    rows = input.reshape(input.shape[0], num_groups, math.prod(input.shape[1:]) // num_groups)
    return _affine(layer_norm(rows, rows.shape[2:], eps=eps).reshape(*input.shape), weight, bias)


def _check(name: str, input: Tensor, *each: Tensor | None) -> None:
    check_device(name, input, *each)
    if input.ndim < 2:
        raise ValueError(f"{name}: expected an input (N, C) or (N, C, ..), got {input.shape}")
    for t in each:
        if t is not None and t.shape != input.shape[1:2]:
            raise ValueError(
                f"{name}: expected one number for each of {input.shape[1]} channels, got {t.shape}"
            )
        if t is not None and t.requires_grad and t.dtype != input.dtype:
            raise RuntimeError(
                f"{name}: input is {input.dtype}, parameters are {t.dtype}; call .to(...) on one"
            )


def _check_several(x: Tensor) -> None:
    if math.prod(x.shape) == x.shape[1]:
        raise ValueError(f"batch_norm: expected more than 1 value per channel when training, got {x.shape}")
