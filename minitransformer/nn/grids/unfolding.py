"""The windows of pictures as columns, as layers."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module
from minitransformer.ops.grids.convolution import Each


class Unfold(Module):
    """What a kernel sees at each of its places, as a column, see `functional.unfold`.

    Args:
        kernel_size: the size of the kernel, one number or two, as the following three.
        dilation: the distance of neighbouring values of a window.
        padding: how many zeros are added at each side.
        stride: the distance of neighbouring windows.
    """

    def __init__(self, kernel_size: Each, dilation: Each = 1, padding: Each = 0, stride: Each = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """Take the windows.

        Args:
            input: (N, C, H, W) or (C, H, W).

        Returns:
            (N, C K_h K_w, places) or (C K_h K_w, places).

        Raises:
            ValueError: if the sizes do not fit.
        """
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        settings = f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        return f"kernel_size={self.kernel_size}, {settings}"


class Fold(Module):
    """Columns as windows of pictures, added up, see `functional.fold`.

    Args:
        output_size: H and W, or one number for both.
        kernel_size: the size of the kernel, one number or two, as the following three.
        dilation: the distance of neighbouring values of a window.
        padding: how many places at each side of the picture are cut off.
        stride: the distance of neighbouring windows.
    """

    def __init__(
        self,
        output_size: Each,
        kernel_size: Each,
        dilation: Each = 1,
        padding: Each = 0,
        stride: Each = 1,
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """Add the windows up.

        Args:
            input: (N, C K_h K_w, places) or (C K_h K_w, places).

        Returns:
            (N, C, H, W) or (C, H, W).

        Raises:
            ValueError: if the sizes do not fit.
        """
        settings = self.dilation, self.padding, self.stride
        return F.fold(input, self.output_size, self.kernel_size, *settings)

    def extra_repr(self) -> str:
        settings = f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        return f"output_size={self.output_size}, kernel_size={self.kernel_size}, {settings}"
