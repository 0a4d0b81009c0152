"""What many ops share: the sum that undoes a broadcast, dimensions without signs, and the relevance laws of families of ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from minitransformer.autograd import Op
from minitransformer.backends import Array, Arrays, DType, float32, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.ops.books import Books

Dims: TypeAlias = int | Sequence[int] | None  # one dimension, several, or all


def is_number(value: Any) -> bool:
    """Whether an op's input is a plain Python number, not an array.

    Args:
        value: the input.

    Returns:
        True or False.
    """
    return isinstance(value, (int, float))


def is_half(dtype: Any) -> bool:
    """Whether a dtype is one of the two floating-point ones of two bytes.

    Args:
        dtype: a dtype of NumPy's.

    Returns:
        True for float16 and bfloat16.
    """
    return dtype.kind in FLOATS and bool(dtype.itemsize == 2)


def wide(x: Array) -> DType | None:
    """The dtype in which the elements of an array are summed.

    Args:
        x: the array.

    Returns:
        float32 for float16 and bfloat16; None for the array's own dtype.
    """
    return float32 if is_half(x.dtype) else None


def widened(x: Array) -> Array:
    """An array in the dtype in which its elements are summed.

    Args:
        x: an array, a number or None.

    Returns:
        float16 and bfloat16 as float32; anything else as it is.
    """
    return x if x is None or is_number(x) or not is_half(x.dtype) else x.astype(float32)


def total(x: Array, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Array:
    """The sum over dimensions; float16 is summed in float32.

    Args:
        x: any shape.
        axis: the dimensions; None means all.
        keepdims: whether they stay, with size 1.

    Returns:
        The sums, in the dtype of x.
    """
    return x.sum(axis=axis, keepdims=keepdims, dtype=wide(x)).astype(x.dtype, copy=False)


def unbroadcast(g: Array, like: Array) -> Array:
    """Undo a broadcast: the sum over the dimensions along which an array was repeated.

    A value that was used n times gets the sum of n cotangents.

    Args:
        g: cotangents or relevance, of the broadcast shape.
        like: the array before the broadcast, or a number.

    Returns:
        The shape of `like`; for a number `g` itself.
    """
    if is_number(like):
        return g  # backward needs no cotangent of a number; a relevance law sums this up itself
    if g.shape == like.shape:
        return g
    new = g.ndim - like.ndim
    repeated = tuple(d for d in range(g.ndim) if d < new or (like.shape[d - new] == 1 and g.shape[d] != 1))
    return total(g, repeated).reshape(like.shape)


def dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions as a tuple of numbers that are not negative.

    Args:
        dim: an int or several; None means all.
        ndim: the number of dimensions of the tensor.

    Returns:
        The tuple.

    Raises:
        IndexError: one is out of range.
        TypeError: one is no integer.
    """
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
    """A reduced array with the dimensions that it lost, as size 1.

    Args:
        g: the reduced array.
        dim: the dimensions that were reduced.
        keepdim: whether they stayed, so that there is nothing to do.

    Returns:
        The array, with as many dimensions as before the reduction.
    """
    return g if keepdim or not dim else namespace(g).expand_dims(g, dim)


class Remembers(Op):
    """An op whose forward computes more than its output, such as a mean, that its other laws use as well.

    That is kept together with the input arrays. For other input arrays it is computed again, so that every law is a function
    of its arguments, and can be called by hand without a call of `forward`.
    """

    memo: tuple[Sequence[Array], Sequence[Array]] = (), ()  # inputs, and what was computed from them

    def remember(self, inputs: Sequence[Array], found: Sequence[Array]) -> None:
        """Keep what `forward` computed from these arrays.

        Args:
            inputs: the input arrays.
            found: what was computed from them.
        """
        self.memo = inputs, found

    def recalled(self, *inputs: Array) -> Sequence[Array]:
        """What `forward` computes from these arrays, beside the output.

        Args:
            *inputs: the input arrays.

        Returns:
            What `remember` kept, computed again if it was for other arrays.
        """
        if list(map(id, inputs)) != list(map(id, self.memo[0])):
            self.forward(*inputs)
        return self.memo[1]

    def release(self) -> None:
        super().release()
        self.memo = (), ()


class Moves(Op):
    """Data is moved, not changed: relevance moves back with it, exactly as the gradient does."""

    widened = False

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


class Tangents(Op):
    """A function of several inputs by its tangent, y = sum x dy/dx + constant.

    Each input gets x dy/dx R / S(y); the constant part, and that of inputs which are not explained, is absorbed.
    """

    def relprop(self, r: Array, books: Books, *inputs: Array) -> Arrays:
        y = books.finite(self.forward(*inputs))
        slopes = self._absorbing(books.ratio(r, y), y, books, inputs)
        return tuple(None if s is None else books.finite(x) * s for x, s in zip(inputs, slopes, strict=True))

    def modified(self, g: Array, books: Books, *inputs: Array) -> Arrays:
        return self._absorbing(g, books.finite(self.forward(*inputs)), books, inputs)

    def _absorbing(self, share: Array, y: Array, books: Books, inputs: Arrays) -> Arrays:
        """The cotangents of `share`; of each unit of y, what is not in the inputs' parts is absorbed."""
        slopes = self.vjp(share, *inputs)
        books.absorb("tangent", share * y)
        for x, slope in zip(inputs, slopes, strict=True):
            if slope is not None:
                books.absorb("tangent", -books.finite(x) * slope)
        return slopes
