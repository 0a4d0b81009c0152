"""Convolution: the same linear map of every window of a grid.

A window is a vector of all values that the kernel sees, so a convolution has the laws of a linear map, and the rules of
relevance that are chosen for linear maps hold for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from minitransformer.autograd import Tensor
from minitransformer.errors import check_device
from minitransformer.ops.grids.groups import grouped_linear
from minitransformer.ops.grids.windows import Windows, several
from minitransformer.ops.networks.padding import pad
from minitransformer.ops.precision import lowered

Each: TypeAlias = int | Sequence[int]  # one number for all dimensions of the grid, or one for each


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Each = 1,
    padding: str | Each = 0,
    dilation: Each = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel along a sequence: y[o] = sum over c and k of weight[.., c, k] x[c, o stride + k dilation] + bias.

    Args:
        input: (N, C, L) or (C, L).
        weight: (C_out, C / groups, K), of the input's dtype.
        bias: (C_out,), or None.
        stride: the distance of neighbouring windows.
        padding: how many zeros are added at each end; "same" for as many as keep the length, "valid" for none.
        dilation: the distance of neighbouring values of a window.
        groups: the channels are divided into as many groups, each with a part of the outputs.

    Returns:
        (N, C_out, L_out) or (C_out, L_out).

    Raises:
        ValueError: the sizes do not fit, or a kernel is longer than what it looks at.
        RuntimeError: input and weight have different dtypes.
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Each = 1,
    padding: str | Each = 0,
    dilation: Each = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel over pictures: `conv1d` in two dimensions.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C_out, C / groups, K_h, K_w), of the input's dtype.
        bias: (C_out,), or None.
        stride: as in `conv1d`, one number or two, as the following two.
        padding: as in `conv1d`.
        dilation: as in `conv1d`.
        groups: as in `conv1d`.

    Returns:
        (N, C_out, H_out, W_out) or (C_out, H_out, W_out).

    Raises:
        ValueError: the sizes do not fit, or a kernel is larger than what it looks at.
        RuntimeError: input and weight have different dtypes.
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Each = 1,
    padding: str | Each = 0,
    dilation: Each = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel over volumes, such as films: `conv1d` in three dimensions.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        weight: (C_out, C / groups, K_d, K_h, K_w), of the input's dtype.
        bias: (C_out,), or None.
        stride: as in `conv1d`, one number or three, as the following two.
        padding: as in `conv1d`.
        dilation: as in `conv1d`.
        groups: as in `conv1d`.

    Returns:
        (N, C_out, ..) or (C_out, ..).

    Raises:
        ValueError: the sizes do not fit, or a kernel is larger than what it looks at.
        RuntimeError: input and weight have different dtypes.
    """
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def _convolve(
    name: str,
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Each,
    padding: str | Each,
    dilation: Each,
    groups: int,
) -> Tensor:
    """The convolution over n dimensions."""
    input, weight, bias = lowered(input, weight, bias)
    _check(name, n, input, weight, bias, groups)
    if input.ndim == n + 1:  # a grid without a batch
        return _convolve(
            name, n, input.unsqueeze(0), weight, bias, stride, padding, dilation, groups
        ).squeeze(0)
    steps, apart = several(stride, n, f"{name}: stride"), several(dilation, n, f"{name}: dilation")
    _check_positive(name, steps, apart)
    x = pad(input, zeros_around(name, padding, weight.shape[2:], steps, apart))  # (N, C, *L)
    _check_reach(name, x.shape[2:], weight.shape[2:], apart)
    seen = Windows(weight.shape[2:], steps, apart)(x)  # (N, *O, C, *K)
    y = grouped_linear(seen.flatten(-n - 1), weight.flatten(1), bias, groups)  # (N, *O, C_out)
    return y.permute(0, y.ndim - 1, *range(1, y.ndim - 1)).contiguous()


def zeros_around(
    name: str, padding: str | Each, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[int]:
    """The widths that `pad` takes.

    Args:
        name: of the function, for an error.
        padding: as in `conv1d`.
        kernel: the size of the kernel along each dimension.
        stride: the stride along each.
        dilation: the dilation along each.

    Returns:
        (before, after) for each dimension, from the last backwards.

    Raises:
        ValueError: another word, a negative number, or "same" with a stride.
    """
    n = len(kernel)
    if not isinstance(padding, str):
        widths = several(padding, n, f"{name}: padding")
        if min(widths) < 0:
            raise ValueError(f"{name}: expected padding >= 0, got {padding}")
        return [width for around in widths[::-1] for width in (around, around)]
    if padding not in ("same", "valid"):
        raise ValueError(f"{name}: expected padding 'same', 'valid' or numbers, got {padding!r}")
    if padding == "valid":
        return [0] * (2 * n)
    if max(stride) > 1:
        raise ValueError(f"{name}: padding 'same' keeps the size with stride 1 only, got stride {stride}")
    spare = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return [width for total in spare[::-1] for width in (total // 2, total - total // 2)]


def _check(name: str, n: int, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    check_device(name, input, weight, bias)
    if input.ndim not in (n + 1, n + 2) or weight.ndim != n + 2:
        what = f"{name}: expected an input of {n + 1} or {n + 2} dimensions and a weight of {n + 2}"
        raise ValueError(f"{what}, got {input.shape} and {weight.shape}")
    channels = input.shape[-n - 1]
    if groups < 1 or weight.shape[0] % groups or channels != weight.shape[1] * groups:
        fit = f"{name}: input {input.shape} has {channels} channels, weight {weight.shape} in {groups} groups"
        raise ValueError(f"{fit} takes {weight.shape[1] * groups}, and gives {weight.shape[0]}")
    if input.dtype != weight.dtype or bias is not None and bias.dtype != input.dtype:
        kinds = " and ".join(str(t.dtype) for t in (input, weight, bias) if t is not None)
        raise RuntimeError(f"{name}: expected one dtype, got {kinds}; call .to(weight.dtype) on the input")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"{name}: expected a bias {weight.shape[:1]} for weight {weight.shape}, got {bias.shape}"
        )


def _check_positive(name: str, stride: Sequence[int], dilation: Sequence[int]) -> None:
    if min(*stride, *dilation) < 1:
        raise ValueError(f"{name}: expected stride and dilation >= 1, got {stride} and {dilation}")


def _check_reach(name: str, grid: Sequence[int], kernel: Sequence[int], dilation: Sequence[int]) -> None:
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    if any(r > n for r, n in zip(reach, grid, strict=True)):
        raise ValueError(f"{name}: a kernel that reaches over {reach} does not fit in {tuple(grid)}, padded")
