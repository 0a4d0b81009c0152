"""Pooling: one number for each window of a grid, its largest or its mean.

Relevance: the largest takes all, and each value of a mean gets its share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.ops.grids.convolution import Each
from minitransformer.ops.grids.resizing import along, mean_weights
from minitransformer.ops.grids.windows import Windows, several
from minitransformer.ops.index.picking import gather
from minitransformer.ops.networks.padding import pad
from minitransformer.ops.order.extreme import argmax

NUMBERS = FLOATS + "iu"  # the kinds of dtypes that have an order and a least number


class _Pool(NamedTuple):
    """How windows lie in a grid.

    Attributes:
        windows: the op that sees them.
        around: the width of the padding at each end of each dimension.
        beyond: how many more places at the end the last window needs, with `ceil_mode`.
    """

    windows: Windows
    around: tuple[int, ...]
    beyond: tuple[int, ...]

    @classmethod
    def of(
        cls,
        name: str,
        grid: Sequence[int],
        kernel_size: Each,
        stride: Each | None,
        padding: Each,
        dilation: Each,
        ceil_mode: bool,
    ) -> _Pool:
        """From the settings of a pooling function."""
        n = len(grid)
        kernel = several(kernel_size, n, f"{name}: kernel_size")
        steps = kernel if stride in (None, [], ()) else several(stride, n, f"{name}: stride")
        around, apart = several(padding, n, f"{name}: padding"), several(dilation, n, f"{name}: dilation")
        if min(*kernel, *steps, *apart) < 1 or any(
            not 0 <= 2 * p <= k for p, k in zip(around, kernel, strict=True)
        ):
            what = "kernel, stride, dilation >= 1 and padding from 0 to half of the kernel"
            raise ValueError(f"{name}: expected {what}, got {kernel}, {steps}, {apart}, {around}")
        pool = cls(Windows(kernel, steps, apart), around, (0,) * n)
        pool = pool._replace(beyond=pool.missing(grid)) if ceil_mode else pool
        if min(pool.windows.places(pool.sizes(grid))) < 1:
            raise ValueError(f"{name}: a window of {kernel} does not fit in a grid of {tuple(grid)}, padded")
        return pool

    def sizes(self, grid: Sequence[int]) -> tuple[int, ...]:
        """The sizes of a grid when it is padded."""
        return tuple(n + 2 * p + b for n, p, b in zip(grid, self.around, self.beyond, strict=True))

    def missing(self, grid: Sequence[int]) -> tuple[int, ...]:
        """How many places are missing for a window that begins inside the grid or its left padding, and ends outside."""
        w = self.windows
        found = []
        for n, p, k, s, d in zip(grid, self.around, w.kernel, w.stride, w.dilation, strict=True):
            reach = d * (k - 1) + 1
            last = math.ceil((n + 2 * p - reach) / s) * s  # where the last window begins
            last -= s if last >= n + p else 0
            found.append(max(last + reach - n - 2 * p, 0))
        return tuple(found)

    def seen(self, x: Tensor, outside: float = 0.0, beyond: float | None = None) -> Tensor:
        """All windows of (N, C, *L), one row each: (N, *O, C, K). `outside` is what is seen around the grid."""
        widths = [w for p in self.around[::-1] for w in (p, p)]
        more = [w for b in self.beyond[::-1] for w in (0, b)]
        x = pad(pad(x, widths, value=outside), more, value=outside if beyond is None else beyond)
        return self.windows(x).flatten(-len(self.around))


def _channels_first(y: Tensor) -> Tensor:
    """(N, *O, C) -> (N, C, *O)."""
    return y.permute(0, y.ndim - 1, *range(1, y.ndim - 1)).contiguous()


def _batched(name: str, n: int, input: Tensor, kinds: str = FLOATS) -> Tensor:
    """(N, C, *L) from that or from (C, *L), of numbers of these kinds of dtypes."""
    if input.ndim not in (n + 1, n + 2):
        raise ValueError(f"{name}: expected an input of {n + 1} or {n + 2} dimensions, got {input.shape}")
    if input.dtype.kind not in kinds:
        what = "a floating-point input" if kinds == FLOATS else "numbers"
        raise TypeError(f"{name}: expected {what}, got {input.dtype}; call .float() first")
    return input if input.ndim == n + 2 else input.unsqueeze(0)


def _max_pool(
    n: int,
    input: Tensor,
    kernel_size: Each,
    stride: Each | None,
    padding: Each,
    dilation: Each,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    name = f"max_pool{n}d"
    x = _batched(name, n, input, NUMBERS)
    pool = _Pool.of(name, x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    seen = pool.seen(x, _lowest(x))  # (N, *O, C, K)
    winner = _winners(pool, x, seen)  # (N, *O, C, 1)
    y = _channels_first(gather(seen, -1, winner).squeeze(-1))
    y = y if x is input else y.squeeze(0)
    if not return_indices:
        return y
    indices = _channels_first(Tensor(_picked(_places(pool, x), winner.array)[..., 0]))
    return y, indices if x is input else indices.squeeze(0)


def _lowest(x: Tensor) -> float:
    """What no number is below: -inf, or the least integer."""
    return -math.inf if x.dtype.kind in FLOATS else namespace(x.array).iinfo(x.dtype).min


def _winners(pool: _Pool, x: Tensor, seen: Tensor) -> Tensor:
    """Where in its window each largest value is: (N, *O, C, K) -> (N, *O, C, 1); of equal ones the first inside the grid."""
    winner = argmax(seen, -1, True)
    if not any(pool.around):
        return winner
    inside = _places(pool, x) >= 0  # (1, *O, 1, K)
    first = inside.argmax(-1)[..., None]  # (1, *O, 1, 1)
    xp = namespace(first)
    return Tensor(xp.where(_picked(inside, winner.array), winner.array, first))


def _places(pool: _Pool, x: Tensor) -> Array:
    """What the windows see of a grid that counts its own places, -1 around it: (1, *O, 1, K)."""
    places = namespace(x.array).arange(math.prod(x.shape[2:])).reshape(1, 1, *x.shape[2:])
    return pool.seen(Tensor(places), -1).array


def _picked(seen: Array, winner: Array) -> Array:
    """The winner of each window: (1, *O, 1, K), (N, *O, C, 1) -> (N, *O, C, 1)."""
    xp = namespace(winner)
    return xp.take_along_axis(xp.broadcast_to(seen, (*winner.shape[:-1], seen.shape[-1])), winner, -1)


def max_pool1d(
    input: Tensor,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    dilation: Each = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window of a sequence; of equal ones the first gets the gradient.

    Args:
        input: (N, C, L) or (C, L), floating-point or integers.
        kernel_size: the size of a window.
        stride: the distance of neighbouring windows; None means the size of a window.
        padding: how far windows may reach over each end, at most half of their size.
        dilation: the distance of neighbouring values of a window.
        ceil_mode: whether a last window that reaches over the end counts.
        return_indices: whether to return also where each value was found.

    Returns:
        (N, C, L_out) or (C, L_out); or a pair of this and the indices in the sequence, int64.

    Raises:
        ValueError: the sizes do not fit.
        TypeError: the input is boolean.
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    dilation: Each = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window of pictures: `max_pool1d` in two dimensions.

    Args:
        input: (N, C, H, W) or (C, H, W), floating-point or integers.
        kernel_size: as in `max_pool1d`, one number or two, as the following three.
        stride: as in `max_pool1d`.
        padding: as in `max_pool1d`.
        dilation: as in `max_pool1d`.
        ceil_mode: as in `max_pool1d`.
        return_indices: as in `max_pool1d`; an index counts through the rows of a picture.

    Returns:
        (N, C, H_out, W_out) or (C, H_out, W_out); or a pair of this and the indices.

    Raises:
        ValueError: the sizes do not fit.
        TypeError: the input is boolean.
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _avg_pool(
    n: int,
    input: Tensor,
    kernel_size: Each,
    stride: Each | None,
    padding: Each,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Tensor:
    name = f"avg_pool{n}d"
    x = _batched(name, n, input)
    pool = _Pool.of(name, x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    if divisor == 0:
        raise ValueError(f"{name}: expected a divisor_override other than 0")
    places = math.prod(
        pool.windows.kernel
    )  # a mean of them, unlike their sum, does not overflow in half precision
    y = _channels_first(pool.seen(x).mean(-1) * (places / (divisor or _counts(pool, x, count_include_pad))))
    return y if x is input else y.squeeze(0)


def _counts(pool: _Pool, x: Tensor, padding_counts: bool) -> Tensor:
    """How many values of each window count: (1, *O, 1)."""
    ones = Tensor(namespace(x.array).ones((1, 1, *x.shape[2:]), x.dtype))
    return pool.seen(ones, float(padding_counts), 0.0).sum(-1)


def avg_pool1d(
    input: Tensor,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of a sequence.

    Args:
        input: (N, C, L) or (C, L), floating-point.
        kernel_size: the size of a window.
        stride: the distance of neighbouring windows; None means the size of a window.
        padding: how far windows may reach over each end, where they see zeros.
        ceil_mode: whether a last window that reaches over the end counts.
        count_include_pad: whether these zeros count in the mean.

    Returns:
        (N, C, L_out) or (C, L_out).

    Raises:
        ValueError: the sizes do not fit.
        TypeError: the input is not floating-point.
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of pictures: `avg_pool1d` in two dimensions.

    Args:
        input: (N, C, H, W) or (C, H, W), floating-point.
        kernel_size: as in `avg_pool1d`, one number or two, as the following two.
        stride: as in `avg_pool1d`.
        padding: as in `avg_pool1d`.
        ceil_mode: as in `avg_pool1d`.
        count_include_pad: as in `avg_pool1d`.
        divisor_override: what each sum is divided by, in place of the number of values.

    Returns:
        (N, C, H_out, W_out) or (C, H_out, W_out).

    Raises:
        ValueError: the sizes do not fit.
        TypeError: the input is not floating-point.
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _adaptive(n: int, input: Tensor, output_size: int | None | Sequence[int | None]) -> Tensor:
    _batched(f"adaptive_avg_pool{n}d", n, input)
    sizes = [output_size] * n if output_size is None or isinstance(output_size, int) else [*output_size]
    if len(sizes) != n or any(size is not None and size < 0 for size in sizes):
        raise ValueError(f"adaptive_avg_pool{n}d: expected one size >= 0, or {n}, got {output_size}")
    xp = namespace(input.array)
    for d, size in zip(range(-n, 0), sizes, strict=True):
        input = input if size is None else along(input, d, mean_weights(xp, size, input.shape[d]))
    return input


def adaptive_avg_pool1d(input: Tensor, output_size: int | None | Sequence[int | None]) -> Tensor:
    """Means of parts of a sequence, so many that the result has a given length.

    Args:
        input: (N, C, L) or (C, L), floating-point.
        output_size: the length L_out; None leaves it.

    Returns:
        (N, C, L_out) or (C, L_out).

    Raises:
        ValueError: the sizes do not fit.
        TypeError: the input is not floating-point.
    """
    return _adaptive(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: int | None | Sequence[int | None]) -> Tensor:
    """Means of parts of pictures, so many that the result has a given size.

    Args:
        input: (N, C, H, W) or (C, H, W), floating-point.
        output_size: one size for both dimensions or two; None leaves one.

    Returns:
        (N, C, H_out, W_out) or (C, H_out, W_out).

    Raises:
        ValueError: the sizes do not fit.
        TypeError: the input is not floating-point.
    """
    return _adaptive(2, input, output_size)
