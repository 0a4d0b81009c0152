"""Convolutional layers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.module import Module
from minitransformer.ops.grids.convolution import Each, zeros_around
from minitransformer.ops.grids.windows import several

MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """A convolution over a grid of `n` dimensions."""

    n: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Each,
        stride: Each = 1,
        padding: str | Each = 0,
        dilation: Each = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if groups < 1 or in_channels % groups or out_channels % groups:
            what = f"{in_channels} and {out_channels} channels"
            raise ValueError(f"{name}: expected groups that divide {what}, got {groups}")
        if padding_mode not in MODES:
            raise ValueError(f"{name}: expected padding_mode {', '.join(MODES)}, got {padding_mode!r}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = several(kernel_size, self.n, f"{name}: kernel_size")
        self.stride = several(stride, self.n, f"{name}: stride")
        self.dilation = several(dilation, self.n, f"{name}: dilation")
        self.padding = padding if isinstance(padding, str) else several(padding, self.n, f"{name}: padding")
        self.padding_mode = padding_mode
        self._around = zeros_around(name, self.padding, self.kernel_size, self.stride, self.dilation)
        made = {"device": device, "dtype": dtype}
        self.weight = init.parameter(out_channels, in_channels // groups, *self.kernel_size, **made)
        self.register_parameter("bias", init.parameter(out_channels, **made) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight and bias to new initial values."""
        bound = 1 / math.sqrt(max(self.weight[0].numel(), 1))
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _convolved(self, function: Any, input: Tensor) -> Tensor:
        """`function` with this layer's settings."""
        padding: str | Each = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._around, self.padding_mode), 0
        settings = self.stride, padding, self.dilation, self.groups
        return function(input, self.weight, self.bias, *settings)  # type: ignore[no-any-return]  # of F

    def extra_repr(self) -> str:
        usual = {"padding": (0,) * self.n, "dilation": (1,) * self.n, "groups": 1, "padding_mode": "zeros"}
        shown = [str(self.in_channels), str(self.out_channels)]
        shown += [f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        shown += [f"{k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v]
        if self.bias is None:
            shown.insert(len(shown) - (self.padding_mode != "zeros"), "bias=False")
        return ", ".join(shown)


class Conv1d(_Convolution):
    """Slides kernels along a sequence, see `functional.conv1d`.

    `weight` is (out_channels, in_channels / groups, K), `bias` (out_channels,) or None. Both start with uniform random values in
    +-1 / sqrt(in_channels / groups K).

    Args:
        in_channels: the number of channels of the input.
        out_channels: the number of kernels, and of channels of the output.
        kernel_size: K, the size of a kernel.
        stride: the distance of neighbouring windows.
        padding: how many places are added at each end; "same" for as many as keep the length, "valid" for none.
        dilation: the distance of neighbouring values of a window.
        groups: the channels are divided into as many groups, each with a part of the outputs.
        bias: whether there is a bias.
        padding_mode: what is added: "zeros", "reflect", "replicate" or "circular", see `functional.pad`.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: if the settings do not fit.
    """

    n = 1

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            input: (N, in_channels, L) or (in_channels, L), in the dtype of the weight.

        Returns:
            (N, out_channels, L_out) or (out_channels, L_out).

        Raises:
            ValueError: if the sizes do not fit.
            RuntimeError: if the dtype is not the weight's.
        """
        return self._convolved(F.conv1d, input)


class Conv2d(_Convolution):
    """Slides kernels over pictures, see `functional.conv2d`.

    `weight` is (out_channels, in_channels / groups, K_h, K_w), `bias` (out_channels,) or None. Both start with uniform random
    values in +-1 / sqrt(in_channels / groups K_h K_w).

    Args:
        in_channels: the number of channels of the input.
        out_channels: the number of kernels, and of channels of the output.
        kernel_size: one size for both dimensions, or two, as for the following three.
        stride: the distance of neighbouring windows.
        padding: how many places are added at each end; "same" for as many as keep the size, "valid" for none.
        dilation: the distance of neighbouring values of a window.
        groups: the channels are divided into as many groups, each with a part of the outputs.
        bias: whether there is a bias.
        padding_mode: what is added: "zeros", "reflect", "replicate" or "circular", see `functional.pad`.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: if the settings do not fit.
    """

    n = 2

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            input: (N, in_channels, H, W) or (in_channels, H, W), in the dtype of the weight.

        Returns:
            (N, out_channels, H_out, W_out) or (out_channels, H_out, W_out).

        Raises:
            ValueError: if the sizes do not fit.
            RuntimeError: if the dtype is not the weight's.
        """
        return self._convolved(F.conv2d, input)


class Conv3d(_Convolution):
    """Slides kernels over volumes, such as films, see `functional.conv3d`.

    `weight` is (out_channels, in_channels / groups, K_d, K_h, K_w), `bias` (out_channels,) or None. Both start with uniform
    random values in +-1 / sqrt(in_channels / groups K_d K_h K_w).

    Args:
        in_channels: the number of channels of the input.
        out_channels: the number of kernels, and of channels of the output.
        kernel_size: one size for all dimensions, or three, as for the following three.
        stride: the distance of neighbouring windows.
        padding: how many places are added at each end; "same" for as many as keep the size, "valid" for none.
        dilation: the distance of neighbouring values of a window.
        groups: the channels are divided into as many groups, each with a part of the outputs.
        bias: whether there is a bias.
        padding_mode: what is added: "zeros", "reflect", "replicate" or "circular", see `functional.pad`.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: if the settings do not fit.
    """

    n = 3

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            input: (N, in_channels, D, H, W) or (in_channels, D, H, W), in the dtype of the weight.

        Returns:
            (N, out_channels, ..) or (out_channels, ..).

        Raises:
            ValueError: if the sizes do not fit.
            RuntimeError: if the dtype is not the weight's.
        """
        return self._convolved(F.conv3d, input)
