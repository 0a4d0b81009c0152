"""Channels as places, and places as channels: a grid of finer pixels from one of more channels, and back."""

from __future__ import annotations

from minitransformer.autograd import Tensor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels r^2 c + r i + j become the pixels (i, j) of an r x r block of channel c, with r = upscale_factor.

    Args:
        input: (.., C r^2, H, W).
        upscale_factor: r.

    Returns:
        (.., C, H r, W r).

    Raises:
        ValueError: there are fewer than 3 dimensions, or r^2 does not divide the channels.

    Source:
        Shi et al., CVPR 2016.
    """
    r = upscale_factor
    _check("pixel_shuffle", input, r)
    *batch, channels, height, width = input.shape
    if channels % (r * r):
        raise ValueError(f"pixel_shuffle: expected channels divisible by {r}^2, got {input.shape}")
    n = len(batch)
    blocks = input.reshape(*batch, channels // (r * r), r, r, height, width)
    blocks = blocks.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)  # (.., C, H, r, W, r)
    return blocks.reshape(*batch, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of `pixel_shuffle`: the pixels of an r x r block of a channel become r^2 channels, with r = downscale_factor.

    Args:
        input: (.., C, H r, W r).
        downscale_factor: r.

    Returns:
        (.., C r^2, H, W).

    Raises:
        ValueError: there are fewer than 3 dimensions, or r does not divide height and width.

    Source:
        Shi et al., CVPR 2016.
    """
    r = downscale_factor
    _check("pixel_unshuffle", input, r)
    *batch, channels, height, width = input.shape
    if height % r or width % r:
        raise ValueError(f"pixel_unshuffle: expected height and width divisible by {r}, got {input.shape}")
    n = len(batch)
    blocks = input.reshape(*batch, channels, height // r, r, width // r, r)
    blocks = blocks.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)  # (.., C, r, r, H, W)
    return blocks.reshape(*batch, channels * r * r, height // r, width // r)


def _check(name: str, input: Tensor, factor: int) -> None:
    if input.ndim < 3 or factor < 1:
        raise ValueError(f"{name}: expected (.., C, H, W) and a factor >= 1, got {input.shape} and {factor}")
