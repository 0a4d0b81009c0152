"""A grid on another number of places: each new value is a mean of old ones, or one of them.

Along one dimension this is a product with a matrix (L_new, L) of weights, whose rows add up to 1. More dimensions are resized
one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, float32, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.ops.index.parts import getitem
from minitransformer.ops.products.linalg import matmul

LINEAR = {"linear": 3, "bilinear": 4, "trilinear": 5}  # the number of dimensions that each mode is for
CUBIC = -0.75  # the slope at distance 1 of the curve that PyTorch takes


def along(x: Tensor, dim: int, weights: Array) -> Tensor:
    """Weighted sums along one dimension.

    Args:
        x: (.., L, ..).
        dim: the dimension.
        weights: (L_new, L).

    Returns:
        (.., L_new, ..), in the dtype of x.
    """
    matrix = Tensor(weights.T.astype(x.dtype))  # (L, L_new)
    return matmul(x.transpose(dim, -1), matrix).transpose(dim, -1)


def mean_weights(xp: ModuleType, new: int, old: int) -> Array:
    """The weights of adaptive pooling: new place i is the mean of the places from floor(i L / L_new) to ceil((i + 1) L / L_new).

    Args:
        xp: the array library.
        new: the number of places to come.
        old: the number there is.

    Returns:
        (new, old).
    """
    places = xp.arange(old)
    i = xp.arange(new)[:, None]
    inside = (places >= i * old // new) & (places < -(-(i + 1) * old // new))
    return inside / inside.sum(1, keepdims=True)


def _sources(xp: ModuleType, new: int, old: int, step: float, align_corners: bool) -> Array:
    """Where each new place lies among the old ones, whose centres are whole numbers."""
    i = xp.arange(new)
    return i * ((old - 1) / max(new - 1, 1)) if align_corners else (i + 0.5) * step - 0.5


def linear_weights(xp: ModuleType, new: int, old: int, step: float, align_corners: bool) -> Array:
    """The weights of linear interpolation between the two nearest places.

    Args:
        xp: the array library.
        new: the number of places to come.
        old: the number there is.
        step: how many old places a new one takes.
        align_corners: whether the centres of the outermost places coincide, or else their outer edges.

    Returns:
        (new, old).
    """
    source = _sources(xp, new, old, step, align_corners).clip(0)
    before = source.astype(int).clip(max=old - 1)
    return _placed([before, before + 1], [1 - (source - before), source - before], old)


def cubic_weights(xp: ModuleType, new: int, old: int, step: float, align_corners: bool) -> Array:
    """The weights of cubic convolution over the four nearest places.

    Args:
        xp: the array library.
        new: the number of places to come.
        old: the number there is.
        step: how many old places a new one takes.
        align_corners: as in `linear_weights`.

    Returns:
        (new, old).

    Source:
        Keys, IEEE Transactions on Acoustics, Speech, and Signal Processing 29, 1981.
    """
    source = _sources(xp, new, old, step, align_corners)
    before = xp.floor(source)
    near = [before + i for i in (-1, 0, 1, 2)]
    return _placed(
        [place.astype(int) for place in near], [_cubic(abs(source - place)) for place in near], old
    )


def _cubic(distance: Array) -> Array:
    xp = namespace(distance)
    near = ((CUBIC + 2) * distance - (CUBIC + 3)) * distance**2 + 1
    far = CUBIC * (((distance - 5) * distance + 8) * distance - 4)
    return xp.where(distance <= 1, near, far)


def _placed(places: Sequence[Array], weights: Sequence[Array], old: int) -> Array:
    """The matrix with these weights at these places; a place outside counts as the nearest inside."""
    xp = namespace(places[0])
    matrix = xp.zeros((len(places[0]), old))
    for place, weight in zip(places, weights, strict=True):
        xp.add.at(matrix, (xp.arange(len(place)), place.clip(0, old - 1)), weight)
    return matrix


def _nearest(xp: ModuleType, new: int, step: float, half: float) -> Array:
    """The old place that each new one takes its value from, rounded as PyTorch does, in float32."""
    return ((xp.arange(new, dtype=float32) + half) * xp.asarray(step, float32)).astype(int)


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Values on another number of places.

    Args:
        input: (N, C, *L), with one to three dimensions of the grid; integers only for the nearest modes, which compute nothing.
        size: the new sizes of the grid; one number for all dimensions, or one for each. Or give `scale_factor`.
        scale_factor: by how much each size is multiplied, rounded down.
        mode: "nearest" or "nearest-exact" take the value of one place; "linear", "bilinear" and "trilinear", for grids of one, two
            and three dimensions, interpolate between neighbours; "bicubic" takes four in each dimension; "area" is the mean.
        align_corners: for interpolation: whether the centres of the outermost places coincide; None means False.
        recompute_scale_factor: whether the distance of new places follows from the rounded size, not from `scale_factor`.
        antialias: PyTorch's smoothing before a picture is made smaller; refused.

    Returns:
        (N, C, *L_new).

    Raises:
        ValueError: the mode does not fit, or sizes are missing.
        TypeError: weighted sums are asked of integers.
        NotImplementedError: `antialias`.
    """
    n = input.ndim - 2
    _check(input, size, scale_factor, mode, align_corners, antialias)
    sizes, steps = _sizes_and_steps(input.shape[2:], n, size, scale_factor, bool(recompute_scale_factor))
    xp = namespace(input.array)
    if "nearest" in mode:
        return _picked(input, sizes, steps, 0.5 if mode == "nearest-exact" else 0.0)
    for d, (new, step) in enumerate(zip(sizes, steps, strict=True)):
        old = input.shape[2 + d]
        input = along(input, 2 + d, _WEIGHTS[mode](xp, new, old, step, bool(align_corners)))
    return input


def _of_area(xp: ModuleType, new: int, old: int, step: float, align_corners: bool) -> Array:
    return mean_weights(xp, new, old)


_WEIGHTS: dict[str, Callable[[ModuleType, int, int, float, bool], Array]] = {
    **dict.fromkeys(LINEAR, linear_weights),
    "bicubic": cubic_weights,
    "area": _of_area,
}


def _picked(input: Tensor, sizes: Sequence[int], steps: Sequence[float], half: float) -> Tensor:
    """The value of one old place for each new one."""
    for d, (new, step) in enumerate(zip(sizes, steps, strict=True)):
        places = _nearest(namespace(input.array), new, step, half).clip(max=input.shape[2 + d] - 1)
        input = getitem(input, (slice(None),) * (2 + d) + (places,))
    return input


def _sizes_and_steps(
    grid: Sequence[int], n: int, size: Any, scale_factor: Any, recompute: bool
) -> tuple[list[int], list[float]]:
    """The new size of each dimension, and how many old places a new one takes."""
    given = scale_factor if size is None else size
    each = [given] * n if isinstance(given, (int, float)) else [*given]
    if len(each) != n:
        raise ValueError(
            f"interpolate: expected {n} sizes or factors, one for each of {tuple(grid)}, got {given}"
        )
    if size is not None:
        return [int(i) for i in each], [old / int(new) for old, new in zip(grid, each, strict=True)]
    sizes = [math.floor(old * factor) for old, factor in zip(grid, each, strict=True)]
    if recompute:
        return sizes, [old / new for old, new in zip(grid, sizes, strict=True)]
    return sizes, [1 / factor for factor in each]


def _check(
    input: Tensor, size: Any, scale_factor: Any, mode: str, align_corners: bool | None, antialias: bool
) -> None:
    if antialias:
        raise NotImplementedError("interpolate: antialias is not there; mode='area' makes smaller by means")
    if (size is None) == (scale_factor is None):
        raise ValueError(f"interpolate: expected size or scale_factor, got {size} and {scale_factor}")
    fits = {**LINEAR, "bicubic": 4}
    if mode not in (*fits, "area", "nearest", "nearest-exact"):
        raise ValueError(f"interpolate: expected mode nearest, area, {', '.join(fits)}, got {mode!r}")
    if not 3 <= input.ndim <= 5 or fits.get(mode, input.ndim) != input.ndim:
        raise ValueError(f"interpolate: mode {mode!r} does not fit an input of {input.ndim} dimensions")
    if "nearest" not in mode and input.dtype.kind not in FLOATS:
        what = "call .float() first, and .round() the result"
        raise TypeError(
            f"interpolate: mode {mode!r} expects a floating-point input, got {input.dtype}; {what}"
        )
    if align_corners is not None and mode not in fits:
        raise ValueError(f"interpolate: align_corners is for {', '.join(fits)}, not for {mode!r}")
