"""What many ops share: the sum that undoes a broadcast, dimensions without signs, and the relevance laws of families of ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from minitransformer.autograd import Op
from minitransformer.backends import Array, Arrays, DType, float16, float32, namespace
from minitransformer.ops.books import Books

Dims: TypeAlias = int | Sequence[int] | None  # one dimension, several, or all


def is_number(value: Any) -> bool:
    """Whether an op's input is a plain Python number, not an array."""
    return isinstance(value, (int, float))


def wide(x: Array) -> DType | None:
    """The dtype to add up in: float32 for float16, else None, the array's own."""
    return float32 if x.dtype == float16 else None


def widened(x: Array) -> Array:
    """`x` in the dtype to add up in; a Python number or None as it is."""
    return x if x is None or is_number(x) or x.dtype != float16 else x.astype(float32)


def total(x: Array, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Array:
    """The sum over `axis`; float16 is added up in float32."""
    return x.sum(axis=axis, keepdims=keepdims, dtype=wide(x)).astype(x.dtype, copy=False)


def unbroadcast(g: Array, like: Array) -> Array:
    """Sum `g` over the dimensions along which `like` was broadcast: a value used n times gets the sum of n cotangents."""
    if is_number(like):
        return g  # backward needs no cotangent of a number; a relevance law sums this up itself
    if g.shape == like.shape:
        return g
    new = g.ndim - like.ndim
    repeated = tuple(d for d in range(g.ndim) if d < new or (like.shape[d - new] == 1 and g.shape[d] != 1))
    return total(g, repeated).reshape(like.shape)


def dims(dim: Any, ndim: int) -> tuple[int, ...]:
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


class Remembers(Op):
    """An op whose forward computes more than its output, such as a mean, that its other laws use as well.

    That is kept together with the input arrays. For other input arrays it is computed again, so that every law is a function
    of its arguments, and can be called by hand without a call of `forward`.
    """

    memo: tuple[Sequence[Array], Sequence[Array]] = (), ()  # inputs, and what was computed from them

    def remember(self, inputs: Sequence[Array], found: Sequence[Array]) -> None:
        """Keep what `forward` computed from these arrays."""
        self.memo = inputs, found

    def recalled(self, *inputs: Array) -> Sequence[Array]:
        """What `forward` computes from these arrays, beside the output."""
        if list(map(id, inputs)) != list(map(id, self.memo[0])):
            self.forward(*inputs)
        return self.memo[1]

    def release(self) -> None:
        super().release()
        self.memo = (), ()


class Moves(Op):
    """Data is moved, not changed: relevance moves back with it, exactly as the gradient does."""

    def relprop(self, r: Array, books: Books, *read: Array) -> Arrays:
        return self.vjp(r, *read)

    def modified(self, g: Array, books: Books, *read: Array) -> Arrays:
        return self.vjp(g, *read)


class Sums(Op):
    """The output is a weighted sum of the inputs: each gets its share of the sum, R_i = x_i sum_j w_ji R_j / S(z_j)."""

    def relprop(self, r: Array, books: Books, *inputs: Array) -> Arrays:
        finite = [books.finite(a) for a in inputs]
        shares = self.vjp(books.ratio(r, self.forward(*finite)), *finite)
        return tuple(None if c is None else a * c for a, c in zip(finite, shares, strict=True))

    def modified(self, g: Array, books: Books, *inputs: Array) -> Arrays:
        return self.vjp(g, *inputs)


class Activates(Op):
    """A function f of each unit with f(0) = 0: a unit keeps its relevance, R_x = R. In gradient form the slope becomes f(x) / x."""

    def relprop(self, r: Array, books: Books, *read: Array) -> Arrays:
        return (r,)

    def modified(self, g: Array, books: Books, *read: Array) -> Arrays:
        x = read[-1]
        y = read[0] if len(read) > 1 else self.forward(x)
        slope = y / (x + (x == 0))  # y = 0 where x = 0: any slope gives no relevance there
        slope *= g
        return (slope,)


class Tangent(Op):
    """A function by its tangent at x, y = f'(x) x + constant: x gets x f'(x) R / S(y), and the constant part is absorbed."""

    sink = "tangent"  # of the ledger

    def relprop(self, r: Array, books: Books, *read: Array) -> Arrays:
        x, y = self._point(books, read)
        share = books.ratio(r, y)
        (slope,) = self.vjp(share, read[0])
        self._absorb_constant(books, share, x, y, slope)
        return (x * slope,)

    def modified(self, g: Array, books: Books, *read: Array) -> Arrays:
        (slope,) = self.vjp(g, read[0])
        x, y = self._point(books, read)
        self._absorb_constant(books, g, x, y, slope)
        return (slope,)

    def _point(self, books: Books, read: Sequence[Array]) -> tuple[Array, Array]:
        """Input and output, 0 for -inf."""
        x = read[-1]
        return books.finite(x), books.finite(read[0] if len(read) > 1 else self.forward(x))

    def _absorb_constant(self, books: Books, share: Array, x: Array, y: Array, slope: Array) -> None:
        """Of `share` for each unit of y, that of y - f'(x) x."""
        books.absorb(self.sink, share * y)
        books.absorb(self.sink, -x * slope)
