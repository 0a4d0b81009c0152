"""Comparisons and tests: answers without a gradient."""

from __future__ import annotations

import operator

from minitransformer.autograd import Tensor
from minitransformer.backends import namespace, uint8
from minitransformer.errors import check_device
from minitransformer.ops.inplace import in_place
from minitransformer.ops.laws import dims, is_number, register
from minitransformer.ops.operands import operands


def _comparison(name: str):
    function = getattr(operator, f"__{name}__")

    def compare(input: Tensor, other) -> Tensor:
        if not (is_number(other) or hasattr(other, "dtype")):
            raise TypeError(
                f"{name}: expected a tensor or a number beside a tensor, got {type(other).__name__} {other!r}"
            )
        check_device(name, input, other)
        a, b = operands(input, other)
        return Tensor(function(a.array, b.array if isinstance(b, Tensor) else b))

    compare.__name__, compare.__doc__ = (
        name,
        f"Elementwise `{name}`: booleans; of integers `and`, `or` and `xor` give their bits.",
    )
    return register(f"__{name}__")(compare)


def _or_else(compare, answer: bool):
    return lambda input, other: (
        compare(input, other) if is_number(other) or hasattr(other, "dtype") else answer
    )


eq, ne, lt, le, gt, ge, _and, _or, _xor = map(
    _comparison, ("eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor")
)
for _function in (_and, _or, _xor):
    in_place(f"__i{_function.__name__}__")(_function)
    register(f"__r{_function.__name__}__")(_function)
for _function in (eq, ne, lt, le, gt, ge):
    register(_function.__name__)(_function)
# `x == None` is False, of no tensor's elements
Tensor.__eq__, Tensor.__ne__ = _or_else(eq, False), _or_else(ne, True)


@register("__invert__")
def bitwise_not(input: Tensor) -> Tensor:
    """True where a boolean tensor is False; the bits of integers reversed. Raises TypeError for floats."""
    if input.dtype.kind == "f":
        raise TypeError(f"~: expected a boolean or integer tensor, got {input.dtype}; use logical_not")
    return Tensor(~input.array)


@register()
def logical_not(input: Tensor) -> Tensor:
    """True where a value is 0."""
    return Tensor(input.array == 0)


@register("all")
def all_(input: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    """Whether all are true, over all dimensions or `dim`; of uint8 as uint8, like PyTorch's."""
    return _truth(input, input.array.all(axis=dims(dim, input.ndim), keepdims=keepdim))


@register("any")
def any_(input: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    """Whether any is true, over all dimensions or `dim`; of uint8 as uint8, like PyTorch's."""
    return _truth(input, input.array.any(axis=dims(dim, input.ndim), keepdims=keepdim))


def _truth(input: Tensor, found) -> Tensor:
    return Tensor(found.astype(uint8) if input.dtype == uint8 else found)


@register()
def isnan(input: Tensor) -> Tensor:
    """True where a value is NaN."""
    return Tensor(namespace(input.array).isnan(input.array))


@register()
def isinf(input: Tensor) -> Tensor:
    """True where a value is infinite, of either sign."""
    return Tensor(namespace(input.array).isinf(input.array))


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
