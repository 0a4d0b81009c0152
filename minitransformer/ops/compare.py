"""Comparisons and tests: answers without a gradient."""

from __future__ import annotations

import operator

from minitransformer.autograd import Tensor
from minitransformer.backends import namespace
from minitransformer.errors import check_device
from minitransformer.ops.inplace import in_place
from minitransformer.ops.laws import dims, register


def _comparison(name: str, function):
    def compare(input: Tensor, other) -> Tensor:
        check_device(name, input, other)
        return Tensor(function(input.array, other.array if isinstance(other, Tensor) else other))

    compare.__name__, compare.__doc__ = name, f"Elementwise `{name}`: a boolean tensor."
    return compare


for _name in ("eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor"):
    register(f"__{_name}__")(_comparison(_name, getattr(operator, f"__{_name}__")))
for _name in ("and", "or", "xor"):
    in_place(f"__i{_name}__")(getattr(Tensor, f"__{_name}__"))
eq, ne, lt, le, gt, ge = (getattr(Tensor, f"__{_name}__") for _name in ("eq", "ne", "lt", "le", "gt", "ge"))


@register("__invert__", "logical_not")
def logical_not(input: Tensor) -> Tensor:
    """True where a boolean tensor is False."""
    return Tensor(~(input.array != 0))


@register("all")
def all_(input: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    """Whether all are true, over all dimensions or `dim`."""
    return Tensor(input.array.all(axis=dims(dim, input.ndim), keepdims=keepdim))


@register("any")
def any_(input: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    """Whether any is true, over all dimensions or `dim`."""
    return Tensor(input.array.any(axis=dims(dim, input.ndim), keepdims=keepdim))


@register()
def isnan(input: Tensor) -> Tensor:
    """True where a value is NaN."""
    return Tensor(namespace(input.array).isnan(input.array))


@register()
def isfinite(input: Tensor) -> Tensor:
    """True where a value is neither NaN nor infinite."""
    return Tensor(namespace(input.array).isfinite(input.array))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Whether |input - other| <= atol + rtol |other| everywhere."""
    return bool(namespace(input.array).allclose(input.array, other.array, rtol=rtol, atol=atol))


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are the same."""
    return input.shape == other.shape and bool((input.array == other.array).all())
