"""Matrix products."""

from __future__ import annotations

import math

from minitransformer import kernels
from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays
from minitransformer.ops.books import Books
from minitransformer.ops.elementwise.arithmetic import mul
from minitransformer.ops.laws import Sums, unbroadcast
from minitransformer.ops.operands import operands
from minitransformer.ops.precision import lowered


class MatMul(Op):
    """Y = A B over the last two dimensions, (.., n, k) and (.., k, m) to (.., n, m); the others broadcast.

    Operands of one dimension are a row on the left and a column on the right. Relevance: each product a b gets its share of the
    sum, and gives half of it to each factor, or all to one if the other is a constant.

    >>> import numpy as np
    >>> from minitransformer.ops.books import Books
    >>> op, a, b = MatMul(), np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    >>> op.forward(a, b)
    array([[11.]])
    >>> op.vjp(np.array([[1.0]]), a, b)[0]
    array([[3., 4.]])
    >>> r_a, r_b = op.relprop(np.array([[11.0]]), Books(eps=0.0), a, b)  # 3 + 8, half each
    >>> r_a, r_b.T
    (array([[1.5, 4. ]]), array([[1.5, 4. ]]))
    >>> slope, _ = op.modified(np.array([[1.0]]), Books(), a, b)
    >>> a * slope
    array([[1.5, 4. ]])

    Source:
        Achtibat et al., ICML 2024, PMLR 235:135-168, proposition 3.3.
    """

    reads = "others"

    def forward(self, a: Array, b: Array) -> Array:  # (.., n, k), (.., k, m) -> (.., n, m)
        return kernels.of(a).matmul(a, b)

    def vjp(self, g: Array, a: Array, b: Array) -> Arrays:  # dL/dA = G B^T, dL/dB = A^T G
        matmul = kernels.of(g).matmul
        rows = _as_row(a)
        columns = _as_column(b)
        g = g[..., None, :] if a.ndim == 1 and b.ndim > 1 else g[..., None] if b.ndim == 1 else g
        g = g[..., None] if a.ndim == b.ndim == 1 else g
        da = (
            unbroadcast(matmul(g, columns.swapaxes(-1, -2)), rows).reshape(a.shape) if self.needs[0] else None
        )
        db = (
            unbroadcast(matmul(rows.swapaxes(-1, -2), g), columns).reshape(b.shape) if self.needs[1] else None
        )
        return da, db

    # R_A = A * ((R / S(2 A B)) B^T), and no 2 where the other is constant
    def relprop(self, r: Array, books: Books, a: Array, b: Array) -> Arrays:
        share = books.ratio(r, self.forward(a, b) * (1 + all(self.needs)))
        return tuple(None if c is None else x * c for x, c in zip((a, b), self.vjp(share, a, b), strict=True))

    def modified(self, g: Array, books: Books, a: Array, b: Array) -> Arrays:
        return self.vjp(g / 2 if all(self.needs) else g, a, b)


def _as_row(a: Array) -> Array:
    return a[None, :] if a.ndim == 1 else a


def _as_column(b: Array) -> Array:
    return b[:, None] if b.ndim == 1 else b


class Linear(Sums):
    """y = x W^T + b: (.., n_in), (n_out, n_in) and (n_out,) to (.., n_out), one product over all leading dimensions.

    Relevance by the epsilon rule, R_i = x_i sum_j W_ji R_j / S(y_j); the bias keeps its share (Bach et al., PLoS ONE
    10(7):e0130140, 2015, equation 58). By hand: see `ops.books.Books`.
    """

    reads = ((1,), (0,), ())

    # (.., n_in), (n_out, n_in), (n_out,) -> (.., n_out)
    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        return kernels.of(x).linear(_rows(x), weight, bias).reshape(*x.shape[:-1], weight.shape[0])

    # dL/dx = g W, dL/dW = g^T x, dL/db = sum of g
    def vjp(self, g: Array, x: Array, weight: Array, bias: Array | None = None) -> Arrays:
        needs = self.needs[: 2 if bias is None else 3]
        dx, *rest = kernels.of(x).linear_vjp(_rows(g), _rows(x), weight, needs)
        return (None if dx is None else dx.reshape(x.shape)), *rest

    # R_i = x_i sum_j W_ji R_j / S(z_j); the bias keeps its share
    def relprop(self, r: Array, books: Books, x: Array, weight: Array, *bias: Array) -> Arrays:
        s = _rows(books.ratio(r, self.forward(x, weight, *bias)))
        return x * (s @ weight).reshape(x.shape), None, *(b * s.sum(axis=0) for b in bias)

    def modified(self, g: Array, books: Books, x: Array, weight: Array, *bias: Array) -> Arrays:
        needs = [True, False, *[True for b in bias]]
        dx, *rest = kernels.of(x).linear_vjp(_rows(g), _rows(x), weight, needs)
        return dx.reshape(x.shape), *rest


def _rows(x: Array) -> Array:
    """(.., n) -> (N, n)."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product, over the last two dimensions; the others broadcast.

    Args:
        input: (.., n, k), or a vector (k,).
        other: (.., k, m), or a vector (k,).

    Returns:
        (.., n, m); without n, m or both where an operand is a vector.

    Raises:
        ValueError: the inner sizes k differ, or an operand has no dimension.
    """
    a, b = lowered(*operands(input, other))
    if not a.ndim or not b.ndim:
        raise ValueError(
            f"matmul: expected at least 1 dimension each, got {a.shape} @ {b.shape}; use * with 0-d tensors"
        )
    inner_a = a.shape[-1]
    inner_b = b.shape[max(b.ndim - 2, 0)]
    if inner_a != inner_b:
        raise ValueError(f"matmul: inner sizes differ: {a.shape} @ {b.shape}: {inner_a} != {inner_b}")
    return MatMul()(a, b)


def _product(name: str, ndim: int, a: Tensor, b: Tensor) -> Tensor:
    if a.ndim != ndim or b.ndim != ndim or ndim == 3 and a.shape[0] != b.shape[0]:
        raise ValueError(
            f"{name}: expected two tensors of {ndim} dimensions that fit, got {a.shape} and {b.shape}; see matmul"
        )
    return matmul(a, b)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices.

    Args:
        input: (n, k).
        mat2: (k, m).

    Returns:
        (n, m).

    Raises:
        ValueError: an operand is no matrix, or the inner sizes differ.
    """
    return _product("mm", 2, input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices.

    Args:
        input: (b, n, k).
        mat2: (b, k, m).

    Returns:
        (b, n, m).

    Raises:
        ValueError: an operand has not 3 dimensions, or the sizes do not fit.
    """
    return _product("bmm", 3, input, mat2)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors.

    Args:
        input: (n,).
        tensor: (n,).

    Returns:
        A 0-d tensor.

    Raises:
        ValueError: an operand is no vector, or the sizes differ.
    """
    return _product("dot", 1, input, tensor)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The products of all pairs of elements of two vectors.

    Args:
        input: (n,).
        vec2: (m,).

    Returns:
        (n, m).

    Raises:
        ValueError: an operand is no vector.
    """
    if input.ndim != 1 or vec2.ndim != 1:
        raise ValueError(f"outer: expected two vectors, got {input.shape} and {vec2.shape}")
    return mul(input.unsqueeze(1), vec2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector.

    Args:
        input: (n, m).
        vec: (m,).

    Returns:
        (n,).

    Raises:
        ValueError: the operands are others, or the sizes differ.
    """
    if input.ndim != 2 or vec.ndim != 1:
        raise ValueError(f"mv: expected a matrix and a vector, got {input.shape} and {vec.shape}")
    return matmul(input, vec)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """The sums of products over the last dimensions.

    Args:
        input: (.., n), or a number ().
        other: (.., n), or a number ().

    Returns:
        The dimensions of both without the last; with a number the product.

    Raises:
        ValueError: the last sizes differ.
    """
    if not input.ndim or not other.ndim:
        return mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise ValueError(f"inner: last sizes differ: {input.shape} and {other.shape}")
    rows, columns = input.reshape(-1, input.shape[-1]), other.reshape(-1, other.shape[-1])
    return matmul(rows, columns.t()).reshape(*input.shape[:-1], *other.shape[:-1])


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight^T + bias.

    Args:
        input: (.., n_in).
        weight: (n_out, n_in), of the input's dtype.
        bias: (n_out,), or None.

    Returns:
        (.., n_out).

    Raises:
        ValueError: the sizes do not fit.
        RuntimeError: input and weight have different dtypes.
    """
    input, weight, bias = lowered(input, weight, bias)
    if weight.ndim != 2:
        raise ValueError(f"linear: expected a weight (n_out, n_in), got {weight.shape}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: expected a bias {weight.shape[:1]} for weight {weight.shape}, got {bias.shape}"
        )
    if not input.ndim or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: expected input (.., {weight.shape[1]}) for weight {weight.shape}, got {input.shape}"
        )
    if input.dtype != weight.dtype:
        mend = ".to(weight.dtype) on the input or .to(input.dtype) on the module"
        raise RuntimeError(f"linear: input is {input.dtype}, weight is {weight.dtype}; call {mend}")
    return Linear()(input, weight) if bias is None else Linear()(input, weight, bias)
