"""Grids of other sizes: more values by interpolation, or zeros around them."""

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


class ZeroPad2d(Module):
    """Zeros around pictures.

    Args:
        padding: how many on each side; or (left, right, top, bottom). A negative number cuts places off.
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = (padding,) * 4 if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        """Add the zeros.

        Args:
            input: (N, C, H, W) or (C, H, W).

        Returns:
            The same with H + top + bottom and W + left + right.
        """
        return F.pad(input, self.padding)

    def extra_repr(self) -> str:
        return f"{self.padding}"
