"""Normalization of each channel, by the statistics of a batch, of an instance or of a group of channels."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.module import Module
from minitransformer.nn.parameter import Parameter
from minitransformer.ops.creation.filled import ones, zeros
from minitransformer.ops.creation.from_data import tensor


class _Affine(Module):
    """A weight and a bias for each channel."""

    weight: Parameter | None
    bias: Parameter | None

    def _begin(self, channels: int, affine: bool, bias: bool, device: str | None, dtype: Any) -> None:
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            p = init.parameter(channels, device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, p)

    def _reset_affine(self) -> None:
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _Tracking(_Affine):
    """With running statistics, if wanted; for inputs with as many dimensions as `ndims` names."""

    ndims: ClassVar[tuple[int, ...]]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.track_running_stats = track_running_stats
        self._begin(num_features, affine, bias, device, dtype)
        made = {"device": device, "dtype": dtype}
        kept = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **made) if kept else None)
        self.register_buffer("running_var", ones(num_features, **made) if kept else None)
        self.register_buffer("num_batches_tracked", tensor(0, device=device) if kept else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to ones, the bias to zeros, and forget all batches."""
        self.reset_running_stats()
        self._reset_affine()

    def reset_running_stats(self) -> None:
        """Set the running mean to zeros and the running variance to ones."""
        if self.running_mean is not None and self.running_var is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
        if self.num_batches_tracked is not None:
            init.zeros_(self.num_batches_tracked)

    def _check_dimensions(self, input: Tensor) -> None:
        if input.ndim not in self.ndims:
            expected = " or ".join(f"{n}" for n in self.ndims)
            raise ValueError(f"{self._get_name()}: expected {expected} dimensions, got {input.shape}")

    def extra_repr(self) -> str:
        settings = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}"
        return f"{settings}, bias={self.bias is not None}, track_running_stats={self.track_running_stats}"


class _BatchNorm(_Tracking):
    """Batch normalization."""

    def _counted(self) -> float:
        """Count a batch; how far the running statistics move towards its own."""
        if self.num_batches_tracked is None:
            return self.momentum or 0.0
        self.num_batches_tracked.add_(1)
        return 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each channel.

        Args:
            input: (N, C), or (N, C, ..) with as many dimensions as the class is for.

        Returns:
            The same shape.

        Raises:
            ValueError: if the dimensions or the number of channels do not fit.
        """
        self._check_dimensions(input)
        of_batch = self.training or self.running_mean is None
        momentum = self._counted() if self.training else 0.0
        follows = self.training and self.track_running_stats
        kept = (self.running_mean, self.running_var) if follows or not of_batch else (None, None)
        return F.batch_norm(input, *kept, self.weight, self.bias, of_batch, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """y = (x - mean) / sqrt(variance + eps) * weight + bias for each channel, see `functional.batch_norm`.

    In training mode, mean and variance are those of the batch, and the buffers `running_mean` and `running_var` move towards
    them; in evaluation mode these are used. `weight` starts as ones and `bias` as zeros, both (num_features,).

    Args:
        num_features: C, the number of channels of an input (N, C) or (N, C, L).
        eps: added to the variance.
        momentum: how far the running statistics move; None for the plain mean over all batches.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics; if not, those of the batch are always used.
        device: where parameters and buffers live; None means the default device.
        dtype: a floating-point dtype; None means float32.
        bias: whether there is a bias beside the weight.

    Source:
        Ioffe & Szegedy, ICML 2015.
    """

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for pictures.

    Args:
        num_features: C, the number of channels of an input (N, C, H, W).
        eps: added to the variance.
        momentum: how far the running statistics move; None for the plain mean over all batches.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics; if not, those of the batch are always used.
        device: where parameters and buffers live; None means the default device.
        dtype: a floating-point dtype; None means float32.
        bias: whether there is a bias beside the weight.

    Source:
        Ioffe & Szegedy, ICML 2015.
    """

    ndims = (4,)


class _InstanceNorm(_Tracking):
    """Instance normalization of inputs with as many dimensions as `ndims` names, without and with a batch."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        settings = momentum, affine, track_running_stats, device, dtype
        super().__init__(num_features, eps, *settings, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each channel of each instance.

        Args:
            input: (N, C, ..) or (C, ..), with as many dimensions as the class is for.

        Returns:
            The same shape.

        Raises:
            ValueError: if the dimensions do not fit, or the number of channels, where there are numbers for each.
        """
        self._check_dimensions(input)
        if input.ndim == self.ndims[0]:
            return self.forward(input.unsqueeze(0)).squeeze(0)
        if input.shape[1] != self.num_features and not self.affine:
            warnings.warn(
                f"{self._get_name()}({self.num_features}) got {input.shape[1]} channels; no weight minds",
                stacklevel=2,
            )
        of_input = self.training or not self.track_running_stats
        kept = self.running_mean, self.running_var
        momentum = 0.0 if self.momentum is None else self.momentum
        return F.instance_norm(input, *kept, self.weight, self.bias, of_input, momentum, self.eps)


class InstanceNorm1d(_InstanceNorm):
    """y = (x - mean) / sqrt(variance + eps) * weight + bias for each channel of each instance, see `functional.instance_norm`.

    With running statistics, these are used in evaluation mode. `weight` starts as ones and `bias` as zeros, both (num_features,).

    Args:
        num_features: C, the number of channels of an input (N, C, L) or (C, L).
        eps: added to the variance.
        momentum: how far the running statistics move.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics; if not, those of the instance are always used.
        device: where parameters and buffers live; None means the default device.
        dtype: a floating-point dtype; None means float32.
        bias: whether there is a bias beside the weight.

    Source:
        Ulyanov et al., arXiv 1607.08022.
    """

    ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for pictures.

    Args:
        num_features: C, the number of channels of an input (N, C, H, W) or (C, H, W).
        eps: added to the variance.
        momentum: how far the running statistics move.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics; if not, those of the instance are always used.
        device: where parameters and buffers live; None means the default device.
        dtype: a floating-point dtype; None means float32.
        bias: whether there is a bias beside the weight.

    Source:
        Ulyanov et al., arXiv 1607.08022.
    """

    ndims = (3, 4)


class GroupNorm(_Affine):
    """y = (x - mean) / sqrt(variance + eps) * weight + bias, with mean and variance of each group of channels.

    `weight` starts as ones and `bias` as zeros, both (num_channels,).

    Args:
        num_groups: the number of groups.
        num_channels: the number of channels of an input (N, C, ..).
        eps: added to the variance.
        affine: whether there are weight and bias.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.
        bias: whether there is a bias beside the weight.

    Raises:
        ValueError: if the groups do not divide the channels.

    Source:
        Wu & He, ECCV 2018.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: expected groups that divide {num_channels}, got {num_groups}")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._begin(num_channels, affine, bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to ones and the bias to zeros."""
        self._reset_affine()

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each group.

        Args:
            input: (N, C, ..), floating-point.

        Returns:
            The same shape.

        Raises:
            ValueError: if the number of channels does not fit.
        """
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        no_bias = ", bias=False" if self.affine and self.bias is None else ""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}{no_bias}"
