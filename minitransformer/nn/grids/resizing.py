"""Grids of other sizes: more values by interpolation, or channels that become places."""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module


class Upsample(Module):
    """Values on another number of places, see `functional.interpolate`.

    Args:
        size: the new sizes of the grid. Or give `scale_factor`.
        scale_factor: by how much each size is multiplied.
        mode: "nearest", "linear", "bilinear", "bicubic" or "trilinear".
        align_corners: whether the centres of the outermost places coincide.
        recompute_scale_factor: whether the distance of new places follows from the rounded size, not from `scale_factor`.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        if isinstance(scale_factor, (int, float)):
            self.scale_factor = float(scale_factor)
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Interpolate.

        Args:
            input: (N, C, ..), floating-point.

        Returns:
            (N, C, ..) of the new sizes.

        Raises:
            ValueError: if the mode does not fit.
        """
        settings = self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        return F.interpolate(input, *settings)

    def extra_repr(self) -> str:
        size = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Channels become pixels, see `functional.pixel_shuffle`.

    Args:
        upscale_factor: r; r^2 channels become a block of r x r pixels.

    Source:
        Shi et al., CVPR 2016.
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Move the channels.

        Args:
            input: (.., C r^2, H, W).

        Returns:
            (.., C, H r, W r).

        Raises:
            ValueError: if r^2 does not divide the channels.
        """
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels become channels, see `functional.pixel_unshuffle`.

    Args:
        downscale_factor: r; a block of r x r pixels becomes r^2 channels.

    Source:
        Shi et al., CVPR 2016.
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Move the pixels.

        Args:
            input: (.., C, H r, W r).

        Returns:
            (.., C r^2, H, W).

        Raises:
            ValueError: if r does not divide height and width.
        """
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"
