"""One of several values for each element: the larger, the smaller, by a condition, within bounds."""

from __future__ import annotations

from types import ModuleType
from typing import Any, overload

from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays, bool_, namespace, uint8
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.laws import Moves, is_number, unbroadcast
from minitransformer.ops.operands import Operand, operand, operands, real
from minitransformer.ops.tensors.convert import cast, common_dtype


class Maximum(Moves):
    """y = max(a, b), elementwise with broadcasting. Relevance goes where the gradient goes.

    Where a and b are equal, each gets half of the gradient; where one is NaN, it gets all of it, as in PyTorch.
    """

    def forward(self, a: Array, b: Array) -> Array:
        return namespace(a).maximum(a, b)

    def _lost(self, a: Array, b: Array) -> Array:
        return a < b

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:
        half = (a == b) * 0.5
        shares = [(1 - self._lost(x, other) - half).astype(g.dtype) for x, other in ((a, b), (b, a))]
        return unbroadcast(g * shares[0], a), unbroadcast(g * shares[1], b)


class Minimum(Maximum):
    """y = min(a, b): see `Maximum`."""

    def forward(self, a: Array, b: Array) -> Array:
        return namespace(a).minimum(a, b)

    def _lost(self, a: Array, b: Array) -> Array:
        return a > b


class Where(Moves):
    """y = a where the condition holds, else b; relevance goes to the one that y is."""

    reads = ((), (0,), (0,))

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        return namespace(condition).where(condition, a, b)

    def vjp(self, g: Array, condition: Array, a: Array, b: Array) -> Arrays:
        xp = namespace(g)
        return None, unbroadcast(xp.where(condition, g, 0), a), unbroadcast(xp.where(condition, 0, g), b)


class Clip(Moves):
    """y = x within two bounds: numbers, tensors, or None for no bound.

    Gradient and relevance go to the one that y is: x or a bound.
    """

    def forward(self, x: Array, low: Array, high: Array) -> Array:
        return namespace(x).clip(x, low, high)

    def vjp(self, g: Array, x: Array, low: Array, high: Array) -> Arrays:
        shares = self._chosen(namespace(g), x, low, high)
        return tuple(
            None if t is None else unbroadcast(g * s, t) for s, t in zip(shares, (x, low, high), strict=True)
        )

    def _chosen(self, xp: ModuleType, x: Array, low: Array, high: Array) -> Arrays:
        """Where y is x, the lower bound, the upper bound."""
        below = False if low is None else x < low
        above = False if high is None else x > high
        inside = (x == x) & ~xp.asarray(below | above)
        crossed = False if low is None or high is None else high < low  # then y is `high`, wherever x is
        apart = True if low is None or high is None else low < high
        return inside, below & apart, above | crossed


def _two_tensors(name: str, *inputs: Any) -> tuple[Any, Any]:
    if any(map(is_number, inputs)):
        raise TypeError(
            f"{name}: expected two tensors, got {inputs[0]!r} and {inputs[1]!r}; clamp takes numbers"
        )
    return operands(*inputs)


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two tensors, elementwise; shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor.

    Returns:
        A tensor of the broadcast shape and the common dtype. Equal elements share the gradient.

    Raises:
        TypeError: one of the two is a number; `clamp` takes numbers.
    """
    return Maximum()(*_two_tensors("maximum", input, other))


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two tensors, elementwise; shapes broadcast.

    Args:
        input: a tensor.
        other: a tensor.

    Returns:
        A tensor of the broadcast shape and the common dtype. Equal elements share the gradient.

    Raises:
        TypeError: one of the two is a number; `clamp` takes numbers.
    """
    return Minimum()(*_two_tensors("minimum", input, other))


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two tensors, elementwise, where a NaN beside a number does not count; shapes broadcast.

    Args:
        input: a tensor; of equal elements its own is taken.
        other: a tensor.

    Returns:
        A tensor of the broadcast shape and the common dtype.

    Raises:
        TypeError: one of the two is a number; `clamp` takes numbers.
    """
    a, b = _two_tensors("fmax", input, other)
    return where(Tensor((a.array >= b.array) | (b.array != b.array)), a, b)


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two tensors, elementwise, where a NaN beside a number does not count; shapes broadcast.

    Args:
        input: a tensor; of equal elements its own is taken.
        other: a tensor.

    Returns:
        A tensor of the broadcast shape and the common dtype.

    Raises:
        TypeError: one of the two is a number; `clamp` takes numbers.
    """
    a, b = _two_tensors("fmin", input, other)
    return where(Tensor((a.array <= b.array) | (b.array != b.array)), a, b)


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...
@overload
def where(condition: Tensor, input: Operand, other: Operand) -> Tensor: ...
def where(
    condition: Tensor, input: Operand | None = None, other: Operand | None = None
) -> Tensor | tuple[Tensor, ...]:
    """The elements of `input` where a condition holds, else those of `other`; shapes broadcast.

    Args:
        condition: a boolean tensor, or uint8, where 0 is False.
        input: a tensor or a number.
        other: a tensor or a number. With the condition alone, the places where it holds are given, for any dtype.

    Returns:
        A tensor of the broadcast shape and the common dtype; for the condition alone, a tensor (n,) of indices for each dimension.

    Raises:
        TypeError: the condition is not boolean, or one of the two others is missing.
    """
    if input is None and other is None:
        places = condition.array if condition.ndim else condition.array.reshape(1)
        return tuple(map(Tensor, places.nonzero()))
    if input is None or other is None:
        raise TypeError("where: expected a condition alone, or with both input and other, got one of the two")
    if condition.dtype == uint8:
        condition = cast(condition, bool_)
    if condition.dtype != bool_:
        raise TypeError(
            f"where: expected a bool condition, got {condition.dtype}; compare first, e.g. x != 0"
        )
    if is_number(input) and is_number(other):
        input = tensor(input, device=condition.device)
    return Where()(condition, *operands(input, other))


def where_of(input: Tensor, condition: Tensor, other: Operand) -> Tensor:
    """The elements where a condition holds, else those of `other`: `where` as a method of what it chooses from.

    Args:
        input: any shape.
        condition: a boolean tensor; shapes broadcast.
        other: a tensor or a number.

    Returns:
        A tensor of the broadcast shape and the common dtype.

    Raises:
        TypeError: the condition is not boolean.
    """
    return where(condition, input, other)


def clip(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Each element limited to the range from `min` to `max`.

    Args:
        input: any shape.
        min: the lower limit, a number or a tensor; None means no limit.
        max: the upper limit, a number or a tensor; None means no limit.

    Returns:
        The shape of `input`, broadcast with the limits.

    Raises:
        ValueError: both limits are None.
        TypeError: the input is no tensor.
    """
    if min is None and max is None:
        raise ValueError("clip: at least one of min and max must be given")
    if not isinstance(input, Tensor):
        raise TypeError(f"clip: expected a tensor, got {type(input).__name__} {input!r}")
    bounds = [x if x is None else operand(x) for x in (min, max)]
    input = real(input) if float in map(type, bounds) else input
    if any(isinstance(x, Tensor) for x in bounds):
        dtype = common_dtype(input, *[x for x in bounds if isinstance(x, Tensor)])
        input = cast(input, dtype)
        bounds = [cast(x, dtype) if isinstance(x, Tensor) else x for x in bounds]
    return Clip()(input, *bounds)


def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """Each element, but not less than a limit.

    Args:
        input: any shape.
        min: the limit, a number or a tensor.

    Returns:
        The shape of `input`, broadcast with the limit.
    """
    return clip(input, min=min)


def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """Each element, but not more than a limit.

    Args:
        input: any shape.
        max: the limit, a number or a tensor.

    Returns:
        The shape of `input`, broadcast with the limit.
    """
    return clip(input, max=max)
