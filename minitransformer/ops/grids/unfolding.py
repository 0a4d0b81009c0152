"""The windows of pictures as columns, and pictures as the sum of such columns."""

from __future__ import annotations

import math

from minitransformer.autograd import Tensor
from minitransformer.ops.grids.convolution import Each
from minitransformer.ops.grids.windows import Spread, Windows, several
from minitransformer.ops.networks.padding import pad


def unfold(
    input: Tensor, kernel_size: Each, dilation: Each = 1, padding: Each = 0, stride: Each = 1
) -> Tensor:
    """What a kernel sees at each of its places, as a column.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: the size of the kernel, one number or two, as the following three.
        dilation: the distance of neighbouring values of a window.
        padding: how many zeros are added at each side.
        stride: the distance of neighbouring windows.

    Returns:
        (N, C K_h K_w, places) or (C K_h K_w, places).

    Raises:
        ValueError: the sizes do not fit.
    """
    if input.ndim not in (3, 4):
        raise ValueError(f"unfold: expected (N, C, H, W) or (C, H, W), got {input.shape}")
    if input.ndim == 3:
        return unfold(input.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0)
    windows, (up, left) = _windows("unfold", kernel_size, dilation, padding, stride)
    x = pad(input, (left, left, up, up))
    _check_places("unfold", windows.places(x.shape[2:]))
    seen = windows(x)  # (N, *O, C, *K)
    return seen.permute(0, 3, 4, 5, 1, 2).flatten(4).flatten(1, 3)


def fold(
    input: Tensor,
    output_size: Each,
    kernel_size: Each,
    dilation: Each = 1,
    padding: Each = 0,
    stride: Each = 1,
) -> Tensor:
    """Columns as windows of pictures, each at its place, added up: the adjoint of `unfold`.

    Args:
        input: (N, C K_h K_w, places) or (C K_h K_w, places).
        output_size: H and W, or one number for both.
        kernel_size: as in `unfold`, with all that follows.
        dilation: as in `unfold`.
        padding: how many places at each side of the picture are cut off.
        stride: as in `unfold`.

    Returns:
        (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: the sizes do not fit.
    """
    if input.ndim not in (2, 3):
        what = "(N, C K_h K_w, places) or (C K_h K_w, places)"
        raise ValueError(f"fold: expected {what}, got {input.shape}")
    if input.ndim == 2:
        return fold(input.unsqueeze(0), output_size, kernel_size, dilation, padding, stride).squeeze(0)
    windows, (up, left) = _windows("fold", kernel_size, dilation, padding, stride)
    height, width = several(output_size, 2, "fold: output_size")
    grid = height + 2 * up, width + 2 * left
    places, size = windows.places(grid), math.prod(windows.kernel)
    _check_places("fold", places)
    if input.shape[1] % size or input.shape[2] != math.prod(places):
        what = f"columns of a multiple of {size} numbers for {math.prod(places)} places"
        raise ValueError(f"fold: expected {what}, got {input.shape}")
    seen = input.reshape(len(input), input.shape[1] // size, *windows.kernel, *places)
    y = Spread(windows, grid)(seen.permute(0, 4, 5, 1, 2, 3))  # (N, C, *grid)
    return pad(y, (-left, -left, -up, -up))


def _windows(
    name: str, kernel: Each, dilation: Each, padding: Each, stride: Each
) -> tuple[Windows, tuple[int, ...]]:
    """The windows of these settings, and the padding of height and width."""
    sizes, steps = several(kernel, 2, f"{name}: kernel_size"), several(stride, 2, f"{name}: stride")
    apart, around = several(dilation, 2, f"{name}: dilation"), several(padding, 2, f"{name}: padding")
    if min(*sizes, *steps, *apart) < 1 or min(around) < 0:
        got = f"{sizes}, {steps}, {apart} and {around}"
        raise ValueError(f"{name}: expected kernel, stride and dilation >= 1, padding >= 0, got {got}")
    return Windows(sizes, steps, apart), around


def _check_places(name: str, places: tuple[int, ...]) -> None:
    if min(places) < 1:
        raise ValueError(f"{name}: the kernel does not fit, there would be {places} places")
