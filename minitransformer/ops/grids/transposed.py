"""Transposed convolution: every place of a grid lays a kernel into a larger one, and the kernels are added up.

It is the adjoint of convolution: what is a cotangent there is a value here. The map from a place to its kernel is linear, and the
rules of relevance that are chosen for linear maps hold for it; the sum of the kernels is shared as sums are.
"""

from __future__ import annotations

from collections.abc import Sequence

from minitransformer.autograd import Tensor
from minitransformer.errors import check_device
from minitransformer.ops.grids.convolution import Each
from minitransformer.ops.grids.groups import grouped_linear
from minitransformer.ops.grids.windows import Spread, Windows, several
from minitransformer.ops.networks.padding import pad
from minitransformer.ops.precision import lowered


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Each = 1,
    padding: Each = 0,
    output_padding: Each = 0,
    groups: int = 1,
    dilation: Each = 1,
) -> Tensor:
    """Lay kernels along a sequence: y[o stride + k dilation] is the sum over c of x[c, o] weight[c, .., k], + bias.

    Args:
        input: (N, C, L) or (C, L).
        weight: (C, C_out / groups, K), of the input's dtype.
        bias: (C_out,), or None.
        stride: the distance of neighbouring kernels.
        padding: how many places are cut off at each end.
        output_padding: how many places are added at the last end, fewer than the stride or the dilation.
        groups: the channels are divided into as many groups, each with a part of the outputs.
        dilation: the distance of neighbouring values of a kernel.

    Returns:
        (N, C_out, L_out) or (C_out, L_out), L_out = (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1.

    Raises:
        ValueError: the sizes do not fit, or nothing is left.
        RuntimeError: input and weight have different dtypes.

    Source:
        Zeiler et al., CVPR 2010.
    """
    return _transposed(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Each = 1,
    padding: Each = 0,
    output_padding: Each = 0,
    groups: int = 1,
    dilation: Each = 1,
) -> Tensor:
    """Lay kernels over pictures: `conv_transpose1d` in two dimensions.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, C_out / groups, K_h, K_w), of the input's dtype.
        bias: (C_out,), or None.
        stride: as in `conv_transpose1d`, one number or two, as the following two and the dilation.
        padding: as in `conv_transpose1d`.
        output_padding: as in `conv_transpose1d`.
        groups: as in `conv_transpose1d`.
        dilation: as in `conv_transpose1d`.

    Returns:
        (N, C_out, H_out, W_out) or (C_out, H_out, W_out).

    Raises:
        ValueError: the sizes do not fit, or nothing is left.
        RuntimeError: input and weight have different dtypes.

    Source:
        Zeiler et al., CVPR 2010.
    """
    return _transposed(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def _transposed(
    name: str,
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Each,
    padding: Each,
    output_padding: Each,
    groups: int,
    dilation: Each,
) -> Tensor:
    """The transposed convolution over n dimensions."""
    input, weight, bias = lowered(input, weight, bias)
    _check(name, n, input, weight, bias, groups)
    if input.ndim == n + 1:  # a grid without a batch
        settings = stride, padding, output_padding, groups, dilation
        return _transposed(name, n, input.unsqueeze(0), weight, bias, *settings).squeeze(0)
    steps, apart = several(stride, n, f"{name}: stride"), several(dilation, n, f"{name}: dilation")
    cut, more = several(padding, n, f"{name}: padding"), several(output_padding, n, f"{name}: output_padding")
    _check_settings(name, steps, apart, cut, more)
    places, kernel = input.shape[2:], weight.shape[2:]
    sizes = zip(places, steps, kernel, apart, strict=True)
    grid = [(o - 1) * s + d * (k - 1) + 1 for o, s, k, d in sizes]
    widths = [(-c, m - c) for c, m in zip(cut, more, strict=True)]
    _check_left(name, [n + before + after for n, (before, after) in zip(grid, widths, strict=True)])
    laid = _of_groups(input.movedim(1, -1), weight, groups)  # (N, *O, C_out, *K)
    y = Spread(Windows(kernel, steps, apart), grid)(laid)  # (N, C_out, *L)
    y = pad(y, [width for around in widths[::-1] for width in around])
    return y if bias is None else y + bias.reshape(-1, *(1,) * n)


def _of_groups(x: Tensor, weight: Tensor, groups: int) -> Tensor:
    """The kernel that each place lays: (N, *O, C), (C, C_out / groups, *K) -> (N, *O, C_out, *K)."""
    laid = weight.flatten(1).unflatten(0, (groups, -1)).transpose(1, 2)  # (G, C_out / G K, C / G)
    y = grouped_linear(x, laid.flatten(0, 1), None, groups)
    return y.reshape(*x.shape[:-1], groups * weight.shape[1], *weight.shape[2:])


def _check(name: str, n: int, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    check_device(name, input, weight, bias)
    if input.ndim not in (n + 1, n + 2) or weight.ndim != n + 2:
        what = f"{name}: expected an input of {n + 1} or {n + 2} dimensions and a weight of {n + 2}"
        raise ValueError(f"{what}, got {input.shape} and {weight.shape}")
    channels = input.shape[-n - 1]
    if groups < 1 or weight.shape[0] % groups or channels != weight.shape[0]:
        fit = f"{name}: input {input.shape} has {channels} channels, weight {weight.shape}"
        raise ValueError(f"{fit} takes {weight.shape[0]}, in {groups} groups, which must divide them")
    if input.dtype != weight.dtype or bias is not None and bias.dtype != input.dtype:
        kinds = " and ".join(str(t.dtype) for t in (input, weight, bias) if t is not None)
        raise RuntimeError(f"{name}: expected one dtype, got {kinds}; call .to(weight.dtype) on the input")
    if bias is not None and bias.shape != (groups * weight.shape[1],):
        raise ValueError(f"{name}: expected a bias {(groups * weight.shape[1],)}, got {bias.shape}")


def _check_settings(
    name: str, stride: Sequence[int], dilation: Sequence[int], padding: Sequence[int], more: Sequence[int]
) -> None:
    if min(*stride, *dilation) < 1 or min(*padding, *more) < 0:
        got = f"{stride}, {dilation}, {padding} and {more}"
        raise ValueError(
            f"{name}: expected stride and dilation >= 1, padding and output_padding >= 0, got {got}"
        )
    if any(m >= max(s, d) for m, s, d in zip(more, stride, dilation, strict=True)):
        limits = f"stride {stride} or dilation {dilation}"
        raise ValueError(f"{name}: expected an output_padding smaller than {limits}, got {more}")


def _check_left(name: str, sizes: Sequence[int]) -> None:
    if min(sizes) < 1:
        raise ValueError(f"{name}: the padding leaves sizes {tuple(sizes)}, which must be positive")
