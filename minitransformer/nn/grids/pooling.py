"""Pooling as modules: the largest value or the mean of each window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module
from minitransformer.ops.grids.convolution import Each


class _MaxPool(Module):
    """The settings of a maximum over windows."""

    def __init__(
        self,
        kernel_size: Each,
        stride: Each | None = None,
        padding: Each = 0,
        dilation: Each = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def extra_repr(self) -> str:
        settings = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return f"{settings}, dilation={self.dilation}, ceil_mode={self.ceil_mode}"


class MaxPool1d(_MaxPool):
    """The largest value of each window of a sequence, see `functional.max_pool1d`.

    Args:
        kernel_size: the size of a window.
        stride: the distance of neighbouring windows; None means the size of a window.
        padding: how far windows may reach over each end, at most half of their size.
        dilation: the distance of neighbouring values of a window.
        return_indices: whether to return also where each value was found.
        ceil_mode: whether a last window that reaches over the end counts.
    """

    def forward(self, input: Tensor) -> Any:
        """Take the largest values.

        Args:
            input: (N, C, L) or (C, L), floating-point.

        Returns:
            (N, C, L_out) or (C, L_out); or a pair of this and the indices.

        Raises:
            ValueError: if the sizes do not fit.
        """
        settings = self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        return F.max_pool1d(input, *settings, self.return_indices)


class MaxPool2d(_MaxPool):
    """The largest value of each window of pictures, see `functional.max_pool2d`.

    Args:
        kernel_size: the size of a window, one for both dimensions or two, as for the following three.
        stride: the distance of neighbouring windows; None means the size of a window.
        padding: how far windows may reach over each end, at most half of their size.
        dilation: the distance of neighbouring values of a window.
        return_indices: whether to return also where each value was found.
        ceil_mode: whether a last window that reaches over the end counts.
    """

    def forward(self, input: Tensor) -> Any:
        """Take the largest values.

        Args:
            input: (N, C, H, W) or (C, H, W), floating-point.

        Returns:
            (N, C, H_out, W_out) or (C, H_out, W_out); or a pair of this and the indices.

        Raises:
            ValueError: if the sizes do not fit.
        """
        settings = self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        return F.max_pool2d(input, *settings, self.return_indices)


class AvgPool1d(Module):
    """The mean of each window of a sequence, see `functional.avg_pool1d`.

    Args:
        kernel_size: the size of a window.
        stride: the distance of neighbouring windows; None means the size of a window.
        padding: how far windows may reach over each end, where they see zeros.
        ceil_mode: whether a last window that reaches over the end counts.
        count_include_pad: whether these zeros count in the mean.
    """

    def __init__(
        self,
        kernel_size: Each,
        stride: Each | None = None,
        padding: Each = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        one = [
            (n,) if isinstance(n, int) else tuple(n) for n in (kernel_size, stride or kernel_size, padding)
        ]
        self.kernel_size, self.stride, self.padding = one
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Take the means.

        Args:
            input: (N, C, L) or (C, L), floating-point.

        Returns:
            (N, C, L_out) or (C, L_out).

        Raises:
            ValueError: if the sizes do not fit.
        """
        settings = self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        return F.avg_pool1d(input, *settings)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The mean of each window of pictures, see `functional.avg_pool2d`.

    Args:
        kernel_size: the size of a window, one for both dimensions or two, as for the following two.
        stride: the distance of neighbouring windows; None means the size of a window.
        padding: how far windows may reach over each end, where they see zeros.
        ceil_mode: whether a last window that reaches over the end counts.
        count_include_pad: whether these zeros count in the mean.
        divisor_override: what each sum is divided by, in place of the number of values.
    """

    def __init__(
        self,
        kernel_size: Each,
        stride: Each | None = None,
        padding: Each = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride or kernel_size, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Take the means.

        Args:
            input: (N, C, H, W) or (C, H, W), floating-point.

        Returns:
            (N, C, H_out, W_out) or (C, H_out, W_out).

        Raises:
            ValueError: if the sizes do not fit.
        """
        settings = self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        return F.avg_pool2d(input, *settings, self.divisor_override)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _Adaptive(Module):
    """The size of the result of adaptive pooling."""

    def __init__(self, output_size: int | None | Sequence[int | None]) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """Means of parts of a sequence, so many that the result has a given length.

    Args:
        output_size: the length; None leaves it.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Take the means.

        Args:
            input: (N, C, L) or (C, L), floating-point.

        Returns:
            (N, C, L_out) or (C, L_out).

        Raises:
            ValueError: if the sizes do not fit.
        """
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_Adaptive):
    """Means of parts of pictures, so many that the result has a given size.

    Args:
        output_size: one size for both dimensions, or two; None leaves one.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Take the means.

        Args:
            input: (N, C, H, W) or (C, H, W), floating-point.

        Returns:
            (N, C, H_out, W_out) or (C, H_out, W_out).

        Raises:
            ValueError: if the sizes do not fit.
        """
        return F.adaptive_avg_pool2d(input, self.output_size)


class _AdaptiveMax(_Adaptive):
    """The settings of adaptive maxima."""

    def __init__(self, output_size: int | None | Sequence[int | None], return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The largest values of parts of a sequence, so many that the result has a given length.

    Args:
        output_size: the length; None leaves it.
        return_indices: whether to return also where each value was found.
    """

    def forward(self, input: Tensor) -> Any:
        """Take the largest values.

        Args:
            input: (N, C, L) or (C, L), floating-point.

        Returns:
            (N, C, L_out) or (C, L_out); or a pair of this and the indices.

        Raises:
            ValueError: if the sizes do not fit.
        """
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """The largest values of parts of pictures, so many that the result has a given size.

    Args:
        output_size: one size for both dimensions, or two; None leaves one.
        return_indices: whether to return also where each value was found.
    """

    def forward(self, input: Tensor) -> Any:
        """Take the largest values.

        Args:
            input: (N, C, H, W) or (C, H, W), floating-point.

        Returns:
            (N, C, H_out, W_out) or (C, H_out, W_out); or a pair of this and the indices.

        Raises:
            ValueError: if the sizes do not fit.
        """
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)
