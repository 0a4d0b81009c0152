"""What many ops share: undoing a broadcast, normal dimensions, and the relevance laws of whole families of ops."""

from __future__ import annotations

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, float16, float32, namespace


def is_number(value) -> bool:
    """Whether an op's input is a plain Python number, not an array."""
    return isinstance(value, (int, float))


def wide(x: Array):
    """The dtype to add up in: float32 for float16, else None, the array's own."""
    return float32 if x.dtype == float16 else None


def widened(x):
    """`x` in the dtype to add up in; a Python number as it is."""
    return x if is_number(x) or x.dtype != float16 else x.astype(float32)


def total(x: Array, axis=None, keepdims: bool = False) -> Array:
    """The sum over `axis`; float16 is added up in float32."""
    return x.sum(axis=axis, keepdims=keepdims, dtype=wide(x)).astype(x.dtype, copy=False)


def unbroadcast(g: Array, like: Array) -> Array:
    """Sum `g` over the dimensions along which `like` was broadcast: one value used n times hears from n places."""
    if is_number(like):
        return g  # backward asks nothing of a number, and who does adds up itself
    if g.shape == like.shape:
        return g
    new = g.ndim - like.ndim
    repeated = tuple(d for d in range(g.ndim) if d < new or (like.shape[d - new] == 1 and g.shape[d] != 1))
    return total(g, repeated).reshape(like.shape)


def dims(dim: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """`dim` as a tuple of non-negative dimensions; None means all. Raises IndexError if out of range."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, (bool, float)):
        raise TypeError(f"expected a dimension, got {dim!r}")
    dim = (dim,) if hasattr(dim, "__index__") else tuple(dim)
    for d in dim:
        if not -max(ndim, 1) <= d < max(ndim, 1):
            raise IndexError(f"dimension {d} is out of range for a tensor of {ndim} dimensions")
    return tuple(d % ndim for d in dim) if ndim else ()


def keep_dims(g: Array, dim: tuple[int, ...], keepdim: bool) -> Array:
    """Give a reduced array back the dimensions it lost, as size 1."""
    return g if keepdim or not dim else namespace(g).expand_dims(g, dim)


def register(*names: str):
    """Make a function also a method of Tensor, under its own name or those given."""

    def attach(function):
        for name in names or (function.__name__,):
            setattr(Tensor, name, function)
        return function

    return attach


class Moves(Op):
    """Data is moved, not changed: relevance moves back with it, exactly as the gradient does."""

    def relprop(self, r, rule, *arrays):
        return self.vjp(r, *arrays)

    def modified(self, g, rule, *arrays):
        return self.vjp(g, *arrays)


class Sums(Op):
    """The output is a weighted sum of the inputs: each gets its share of the sum, R_i = x_i sum_j w_ji R_j / S(z_j)."""

    def relprop(self, r, rule, *arrays):
        arrays = [rule.finite(a) for a in arrays]
        shares = self.vjp(rule.ratio(r, self.forward(*arrays)), *arrays)
        return tuple(None if c is None else a * c for a, c in zip(arrays, shares, strict=True))

    def modified(self, g, rule, *arrays):
        return self.vjp(g, *arrays)


class Activates(Op):
    """One unit in, the same unit out: it keeps its relevance. In gradient form the slope becomes f(x) / x."""

    def relprop(self, r, rule, x):
        return (r,)

    def modified(self, g, rule, x):
        # f(0) = 0, so that any slope will do there
        slope = (self.forward(x) if self.y is None else self.y) / (x + (x == 0))
        slope *= g
        return (slope,)
