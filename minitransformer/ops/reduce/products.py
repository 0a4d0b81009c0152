"""Products along a dimension: of all values, and of the values so far."""

from __future__ import annotations

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, DType, int64, namespace
from minitransformer.brain_float import FLOATS
from minitransformer.ops.books import Books
from minitransformer.ops.laws import dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.reduce.sums import Reduction
from minitransformer.ops.tensors.convert import cast


class Prod(Reduction):
    """y = the product of x along one dimension. No factor explains it alone: of n each gets R / n."""

    reads = "both"

    def forward(self, x: Array) -> Array:  # (.., n, ..) -> (.., ..)
        return x.prod(axis=self.dim, keepdims=self.keepdim, dtype=x.dtype)

    def vjp(self, g: Array, y: Array, x: Array) -> Arrays:  # dy/dx_i = the product of the others
        xp = namespace(x)
        (d,) = self.dim
        ones = xp.ones_like(x.take([0], d)) if x.shape[d] else x
        before = xp.concatenate([ones, x], d).cumprod(axis=d).take(range(x.shape[d]), d)
        backwards = xp.concatenate([ones, xp.flip(x, d)], d).cumprod(axis=d).take(range(x.shape[d]), d)
        return (self.spread(g, x) * before * xp.flip(backwards, d),)

    def relprop(self, r: Array, books: Books, y: Array, x: Array) -> Arrays:
        return (self.spread(r / self.count(x), x) if self.count(x) else x,)

    def modified(self, g: Array, books: Books, y: Array, x: Array) -> Arrays:  # y / (n x)
        share = self.spread(g * y / max(self.count(x), 1), x)
        return (share / namespace(x).where(x == 0, 1, x),)


class Cumprod(Op):
    """y_i = x_1 .. x_i along a dimension. Of the i factors of y_i each gets R_i / i.

    Args:
        dim: the dimension, not negative.
    """

    reads = "both"

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, x: Array) -> Array:
        return x.cumprod(axis=self.dim, dtype=x.dtype)

    # dy_k/dx_i = y_k / x_i for k >= i; at the first zero the product of the others, and 0 after it
    def vjp(self, g: Array, y: Array, x: Array) -> Arrays:
        xp = namespace(x)
        zeros = (x == 0).cumsum(axis=self.dim)
        first = (x == 0) & (zeros == 1)
        filled = xp.where(first, 1, x)
        at_first = self._from_here(g * filled.cumprod(axis=self.dim))
        before = self._from_here(g * y) / xp.where(x == 0, 1, x)
        return (xp.where(first, at_first, xp.where(zeros == 0, before, 0)).astype(x.dtype),)

    def _from_here(self, g: Array) -> Array:
        """Running sums from the end."""
        xp = namespace(g)
        return xp.flip(xp.flip(g, self.dim).cumsum(axis=self.dim), self.dim)

    def _of_each(self, r: Array) -> Array:
        """R_i / i."""
        places = namespace(r).arange(1, r.shape[self.dim] + 1).astype(r.dtype)
        return r / places.reshape([-1 if d == self.dim else 1 for d in range(r.ndim)])

    def relprop(self, r: Array, books: Books, y: Array, x: Array) -> Arrays:
        return (self._from_here(self._of_each(r)),)

    def modified(self, g: Array, books: Books, y: Array, x: Array) -> Arrays:
        return (self._from_here(self._of_each(g * y)) / namespace(x).where(x == 0, 1, x),)


@numpy_names
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The product of all values, or along one dimension.

    Args:
        input: any shape; integers and booleans are multiplied as int64.
        dim: one dimension; None means all.
        keepdim: whether the dimension stays, with size 1.
        dtype: convert the input to this dtype first.

    Returns:
        A 0-d tensor without `dim`, else the shape of `input` without it.
    """
    if dim is None:
        return prod(input.reshape(-1), 0, dtype=dtype)
    if not input.ndim:
        return prod(input.reshape(1), dim, dtype=dtype)
    input = cast(input, dtype or (input.dtype if input.dtype.kind in FLOATS else int64))
    op = Prod(dims(dim, input.ndim), keepdim)
    return op(input) if input.dtype.kind in FLOATS else Tensor(op.forward(input.array))


@numpy_names
def cumprod(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """The running products along a dimension: element i is the product of the elements up to i.

    Args:
        input: any shape; integers and booleans are multiplied as int64.
        dim: the dimension.
        dtype: convert the input to this dtype first.

    Returns:
        The same shape.
    """
    if not input.ndim:
        return cumprod(input.reshape(1), dim, dtype=dtype).reshape(())
    input = cast(input, dtype or (input.dtype if input.dtype.kind in FLOATS else int64))
    op = Cumprod(*dims(dim, input.ndim))
    return op(input) if input.dtype.kind in FLOATS else Tensor(op.forward(input.array))
