"""Convolutional layers, and their adjoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
        self.weight = init.parameter(*self._channels_of_weight(), *self.kernel_size, **made)
        self.register_parameter("bias", init.parameter(out_channels, **made) if bias else None)
        self.reset_parameters()

    def _channels_of_weight(self) -> tuple[int, int]:
        return self.out_channels, self.in_channels // self.groups

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
        none, ones = (0,) * self.n, (1,) * self.n
        usual = {
            "padding": none,
            "dilation": ones,
            "output_padding": none,
            "groups": 1,
            "padding_mode": "zeros",
        }
        shown = [str(self.in_channels), str(self.out_channels)]
        shown += [f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        shown += [f"{k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k, v) != v]
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


class _Transposed(_Convolution):
    """A transposed convolution over a grid of `n` dimensions."""

    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Each,
        stride: Each = 1,
        padding: Each = 0,
        output_padding: Each = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Each = 1,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        if padding_mode != "zeros" or isinstance(padding, str):
            got = f"{padding_mode!r} and padding {padding!r}"
            raise ValueError(f"{name}: expected padding_mode 'zeros' and padding in numbers, got {got}")
        settings = stride, padding, dilation, groups, bias, padding_mode, device, dtype
        super().__init__(in_channels, out_channels, kernel_size, *settings)
        self.output_padding = several(output_padding, self.n, f"{name}: output_padding")

    def _channels_of_weight(self) -> tuple[int, int]:
        return self.in_channels, self.out_channels // self.groups

    def _laid(self, function: Any, input: Tensor, output_size: Sequence[int] | None) -> Tensor:
        """`function` with this layer's settings."""
        more = self.output_padding if output_size is None else self._padding_for(input, output_size)
        settings = self.stride, self.padding, more, self.groups, self.dilation
        return function(input, self.weight, self.bias, *settings)  # type: ignore[no-any-return]  # of F

    def _padding_for(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output_padding that makes a grid of that size."""
        wanted = tuple(output_size)[-self.n :]
        sizes = zip(
            input.shape[-self.n :], self.stride, self.padding, self.kernel_size, self.dilation, strict=True
        )
        least = [(o - 1) * s - 2 * p + d * (k - 1) + 1 for o, s, p, k, d in sizes]
        if len(output_size) not in (self.n, input.ndim) or any(
            not 0 <= w - n < s for w, n, s in zip(wanted, least, self.stride, strict=True)
        ):
            limits = f"from {tuple(least)}, by less than the stride {self.stride}"
            raise ValueError(
                f"{self._get_name()}: expected an output_size of {self.n} sizes {limits}, got {output_size}"
            )
        return tuple(w - n for w, n in zip(wanted, least, strict=True))


class ConvTranspose1d(_Transposed):
    """Lays kernels over sequences and adds them up, see `functional.conv_transpose1d`.

    `weight` is (in_channels, out_channels / groups, K), `bias` (out_channels,) or None. Both start with uniform
    random values in +-1 / sqrt(out_channels / groups K).

    Args:
        in_channels: the number of channels of the input, and of kernels.
        out_channels: the number of channels of the output.
        kernel_size: the size of a kernel.
        stride: the distance of neighbouring kernels.
        padding: how many places are cut off at each end.
        output_padding: how many places are added at the last end of each dimension.
        groups: the channels are divided into as many groups, each with a part of the outputs.
        bias: whether there is a bias.
        dilation: the distance of neighbouring values of a kernel.
        padding_mode: "zeros", the only one.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: if the settings do not fit.

    Source:
        Zeiler et al., CVPR 2010.
    """

    n = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Apply the layer.

        Args:
            input: (N, in_channels, L) or (in_channels, L), in the dtype of the weight.
            output_size: the size of the output's grid, instead of `output_padding`; its batch and channels may stand before it.

        Returns:
            (N, out_channels, L_out) or (out_channels, L_out).

        Raises:
            ValueError: if the sizes do not fit.
            RuntimeError: if the dtype is not the weight's.
        """
        return self._laid(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_Transposed):
    """Lays kernels over pictures and adds them up, see `functional.conv_transpose2d`.

    `weight` is (in_channels, out_channels / groups, K_h, K_w), `bias` (out_channels,) or None. Both start with uniform
    random values in +-1 / sqrt(out_channels / groups K_h K_w).

    Args:
        in_channels: the number of channels of the input, and of kernels.
        out_channels: the number of channels of the output.
        kernel_size: one size for both dimensions, or two, as for stride, padding, output_padding and dilation.
        stride: the distance of neighbouring kernels.
        padding: how many places are cut off at each end.
        output_padding: how many places are added at the last end of each dimension.
        groups: the channels are divided into as many groups, each with a part of the outputs.
        bias: whether there is a bias.
        dilation: the distance of neighbouring values of a kernel.
        padding_mode: "zeros", the only one.
        device: where the parameters live; None means the default device.
        dtype: a floating-point dtype; None means float32.

    Raises:
        ValueError: if the settings do not fit.

    Source:
        Zeiler et al., CVPR 2010.
    """

    n = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Apply the layer.

        Args:
            input: (N, in_channels, H, W) or (in_channels, H, W), in the dtype of the weight.
            output_size: the size of the output's grid, instead of `output_padding`; its batch and channels may stand before it.

        Returns:
            (N, out_channels, H_out, W_out) or (out_channels, H_out, W_out).

        Raises:
            ValueError: if the sizes do not fit.
            RuntimeError: if the dtype is not the weight's.
        """
        return self._laid(F.conv_transpose2d, input, output_size)
