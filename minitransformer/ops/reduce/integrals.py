"""The area under a curve."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.ops.laws import dims
from minitransformer.ops.reduce.sums import cumsum, sum_


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The integral along a dimension by the rule of trapezoids: the sum of the means of neighbours times their distance.

    Args:
        y: the values, any shape.
        x: where they are, of the shape of `y` or (n,); None means evenly apart.
        dx: how far apart; 1 unless given.
        dim: the dimension.

    Returns:
        The shape of `y` without `dim`.

    Raises:
        TypeError: both `x` and `dx` are given.
        ValueError: there are other numbers of places than of values.
    """
    return sum_(_areas("trapezoid", y, x, dx, dim), dim)


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """The integrals up to each value but the first: see `trapezoid`.

    Args:
        y: the values, any shape.
        x: where they are, of the shape of `y` or (n,); None means evenly apart.
        dx: how far apart; 1 unless given.
        dim: the dimension.

    Returns:
        The shape of `y`, with one less along `dim`.

    Raises:
        TypeError: both `x` and `dx` are given.
        ValueError: there are other numbers of places than of values.
    """
    return cumsum(_areas("cumulative_trapezoid", y, x, dx, dim), dim)


def _areas(name: str, y: Tensor, x: Tensor | None, dx: float | None, dim: int) -> Tensor:
    """Those between neighbours."""
    if x is not None and dx is not None:
        raise TypeError(f"{name}: expected one of x and dx, got both")
    (d,) = dims(dim, y.ndim)
    pairs = _between(y, d, 1) + _between(y, d, 0)
    if x is None:
        return pairs * (0.5 if dx is None else dx / 2)
    if x.ndim == 1:
        if x.shape[0] != y.shape[d]:
            raise ValueError(f"{name}: {x.shape[0]} places for {y.shape[d]} values")
        x = x.reshape([-1 if i == d else 1 for i in range(y.ndim)])
    along = x.ndim - (y.ndim - d)
    return pairs * (_between(x, along, 1) - _between(x, along, 0)) / 2


def _between(t: Tensor, dim: int, first: int) -> Tensor:
    """All slices but the last, or with `first` 1 all but the first."""
    return t[(slice(None),) * dim + (slice(first, max(t.shape[dim] - 1, 0) + first),)]
