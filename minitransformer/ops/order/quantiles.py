"""Quantiles: the values below which given parts of all values lie."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.brain_float import FLOATS
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.elementwise.compare import isfinite
from minitransformer.ops.elementwise.mixtures import lerp
from minitransformer.ops.index.picking import gather
from minitransformer.ops.laws import dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.order.sorting import sort

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@numpy_names
def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The quantiles, of all values or along a dimension. NaN where one of the values is.

    Args:
        input: any shape, float32 or float64.
        q: the parts, from 0 to 1: a number, or a tensor () or (m,) of the dtype of `input`.
        dim: one dimension; None means all.
        keepdim: whether the dimension stays, with size 1.
        interpolation: what stands between two values: "linear", "lower", "higher", "midpoint" or "nearest".

    Returns:
        The shape of `input` without `dim`; for m parts with m as the first dimension.

    Raises:
        TypeError: the dtype is not a floating-point one, or `q` has another.
        ValueError: a part is outside 0 .. 1, `q` has several dimensions, there are no values, or an unknown interpolation.
    """
    return _quantiles("quantile", input, q, dim, keepdim, interpolation)


@numpy_names
def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The quantiles of the values that are no NaN: see `quantile`.

    Args:
        input: any shape, float32 or float64.
        q: the parts, from 0 to 1: a number, or a tensor () or (m,) of the dtype of `input`.
        dim: one dimension; None means all.
        keepdim: whether the dimension stays, with size 1.
        interpolation: what stands between two values: "linear", "lower", "higher", "midpoint" or "nearest".

    Returns:
        The shape of `input` without `dim`; for m parts with m as the first dimension. NaN where all values are.

    Raises:
        TypeError: the dtype is not a floating-point one, or `q` has another.
        ValueError: a part is outside 0 .. 1, `q` has several dimensions, there are no values, or an unknown interpolation.
    """
    return _quantiles("nanquantile", input, q, dim, keepdim, interpolation)


def _quantiles(
    name: str, input: Tensor, q: float | Tensor, dim: int | None, keepdim: bool, interpolation: str
) -> Tensor:
    q = q if isinstance(q, Tensor) else tensor(q, dtype=input.dtype, device=input.device)
    _check(name, input, q, interpolation)
    (d,) = dims(dim, input.ndim) if dim is not None and input.ndim else (0,)
    rows = input.reshape(-1) if dim is None or not input.ndim else input.movedim(d, -1)  # (.., n)
    if not rows.shape[-1]:
        raise ValueError(f"{name}: expected values along dimension {dim}, got shape {input.shape}")
    found = _between(sort(rows).values, q.reshape(-1), name == "nanquantile", interpolation)  # (.., m)
    found = found.movedim(-1, 0)
    if keepdim:
        found = (
            found.reshape(-1, *(1,) * input.ndim) if dim is None or not input.ndim else found.unsqueeze(d + 1)
        )
    return found if q.ndim else found.squeeze(0)


def _check(name: str, input: Tensor, q: Tensor, interpolation: str) -> None:
    if input.dtype.kind not in FLOATS or q.dtype != input.dtype:
        raise TypeError(
            f"{name}: expected floating-point values and q of their dtype, got {input.dtype}, {q.dtype}"
        )
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"{name}: expected an interpolation of {INTERPOLATIONS}, got {interpolation!r}")
    if q.ndim > 1 or not bool(((q.array >= 0) & (q.array <= 1)).all()):
        raise ValueError(f"{name}: expected q from 0 to 1, a number or a row, got {q!r}")


def _between(rows: Tensor, q: Tensor, ignore_nan: bool, interpolation: str) -> Tensor:
    """The quantiles of values in order, in which NaN come last. (.., n), (m,) -> (.., m)."""
    count = (rows == rows).sum(-1, keepdim=True)  # of numbers, (.., 1)
    n = rows.shape[-1]
    ranks = q * (count - 1).clamp(min=0).to(q.dtype) if ignore_nan else q * (n - 1) + (count < n) * n
    ranks = ranks.clamp(max=n - 1)  # a NaN among the values is the last of them
    if interpolation in ("lower", "higher", "nearest"):
        names = {"lower": "floor", "higher": "ceil", "nearest": "round"}
        return gather(rows, -1, getattr(ranks.detach(), names[interpolation])().long())
    low, high = ranks.detach().floor(), ranks.detach().ceil()
    part = (high - low) / 2 if interpolation == "midpoint" else ranks - low
    below, above = (gather(rows, -1, at.long()) for at in (low, high))
    sure = isfinite(below) & isfinite(above)  # else half the way to infinity is infinity
    between = lerp(where(sure, below, 0.0), where(sure, above, 0.0), part)
    return where(sure, between, (below + above) / 2)
