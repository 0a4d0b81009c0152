"""The softmax and its logarithm, computed relative to the largest score so that nothing overflows."""

from __future__ import annotations

from minitransformer import kernels
from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, DType
from minitransformer.brain_float import FLOATS
from minitransformer.ops.books import Books
from minitransformer.ops.laws import Dims, Tangent, dims
from minitransformer.ops.numpy_names import numpy_names
from minitransformer.ops.operands import real
from minitransformer.ops.precision import raised
from minitransformer.ops.reduce.sums import Reduction
from minitransformer.ops.tensors.convert import cast


class Softmax(Op):
    """s_i = e^(x_i) / sum_k e^(x_k) along a dimension. A row of nothing but -inf gives zeros, with zero gradient.

    Relevance by the tangent, R_i = x_i (R_i - s_i sum_k R_k); its constant part is absorbed under "softmax". All laws by hand:

    >>> import numpy as np
    >>> from minitransformer.ops.books import Books
    >>> op, x = Softmax(-1), np.log([2.0, 6.0])
    >>> s = op.forward(x)
    >>> s
    array([0.25, 0.75])
    >>> g = np.array([0.0, 1.0])
    >>> op.vjp(g, s)
    (array([-0.1875,  0.1875]),)
    >>> books = Books()
    >>> (r,) = op.relprop(s * g, books, s, x)  # of the relevance 0.75
    >>> r.round(3), round(books.absorbed["softmax"], 3)
    (array([-0.13 ,  0.336]), 0.544)
    >>> (slope,) = op.modified(g, Books(), s, x)
    >>> (x * slope).round(3)
    array([-0.13 ,  0.336])

    Args:
        dim: the dimension, not negative unless called by hand.

    Source:
        Achtibat et al., ICML 2024, PMLR 235:135-168, proposition 3.1.
    """

    reads = "output"

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, x: Array) -> Array:  # (.., n) -> (.., n)
        return kernels.of(x).softmax(x, self.dim)

    def vjp(self, g: Array, s: Array) -> Arrays:  # dL/dx = s (g - sum_k g_k s_k)
        return (kernels.of(g).softmax_vjp(g, s, self.dim),)

    # AttnLRP: R_i = x_i (R_i - s_i sum_k R_k); the rest is the Taylor bias
    def relprop(self, r: Array, books: Books, s: Array, x: Array) -> Arrays:
        x = books.finite(x)
        total = r.sum(axis=self.dim, keepdims=True)
        books.absorb("softmax", r * (1 - x + (s * x).sum(axis=self.dim, keepdims=True)))
        return (x * (r - s * total),)

    def modified(self, g: Array, books: Books, s: Array, x: Array) -> Arrays:
        x = books.finite(x)
        books.absorb("softmax", g * s * (1 - x + (s * x).sum(axis=self.dim, keepdims=True)))
        return (kernels.of(g).softmax_vjp(g, s, self.dim),)


class LogSoftmax(Tangent):
    """y_i = x_i - ln sum_k e^(x_k) along a dimension. Relevance by the tangent.

    Args:
        dim: the dimension.
    """

    reads = "output"
    sink = "softmax"

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, x: Array) -> Array:
        return kernels.of(x).log_softmax(x, self.dim)

    def vjp(self, g: Array, y: Array) -> Arrays:  # dL/dx = g - s sum_k g_k
        return (kernels.of(g).log_softmax_vjp(g, y, self.dim),)


class LogSumExp(Reduction, Tangent):
    """y = ln sum_k e^(x_k) over dimensions. Relevance by the tangent, x_k softmax(x)_k R / S(y)."""

    sink = "softmax"

    def forward(self, x: Array) -> Array:
        return kernels.of(x).logsumexp(x, self.dim, self.keepdim)

    def vjp(self, g: Array, x: Array) -> Arrays:  # dy/dx = softmax(x)
        return (self.spread(g, x) * kernels.of(x).softmax(x, self.dim),)


def _along(op: type[Op], input: Tensor, dim: int, dtype: DType | None) -> Tensor:
    (input,) = raised(cast(input, dtype or input.dtype))
    if input.dtype.kind not in FLOATS:
        raise TypeError(
            f"{op.__name__.lower()}: expected a floating-point tensor, got {input.dtype}; pass dtype=float32"
        )
    if not input.ndim:  # a number is a slice of one
        return _along(op, input.reshape(1), dim, None).reshape(())
    if not hasattr(dim, "__index__"):
        raise TypeError(f"{op.__name__.lower()}: expected one dimension, got {dim!r}")
    return op(*dims(dim, input.ndim))(input)


@numpy_names
def softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """e^input / sum e^input along a dimension, so that each slice sums to 1.

    Args:
        input: any shape, floating-point.
        dim: the dimension.
        dtype: convert the input to this dtype first.

    Returns:
        The same shape. A slice in which every input is -inf gives zeros.

    Raises:
        TypeError: the dtype is not a floating-point one, or `dim` is not one dimension.
    """
    return _along(Softmax, input, dim, dtype)


@numpy_names
def log_softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """ln softmax(input), computed without the softmax itself, which could underflow to 0.

    Args:
        input: any shape, floating-point.
        dim: the dimension.
        dtype: convert the input to this dtype first.

    Returns:
        The same shape.

    Raises:
        TypeError: the dtype is not a floating-point one, or `dim` is not one dimension.
    """
    return _along(LogSoftmax, input, dim, dtype)


@numpy_names
def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """ln of the sum of e^input over dimensions, computed without overflow.

    Args:
        input: any shape; integers become float32.
        dim: an int or several.
        keepdim: whether the dimensions stay, with size 1.

    Returns:
        The shape of `input` without `dim`.
    """
    return LogSumExp(dims(dim, input.ndim), keepdim)(real(*raised(input)))
