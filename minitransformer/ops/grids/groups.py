"""The linear maps of groups of channels, all in one product."""

from __future__ import annotations

from collections.abc import Callable

from minitransformer import kernels
from minitransformer.autograd import Tensor
from minitransformer.backends import Array, Arrays
from minitransformer.ops.books import Books
from minitransformer.ops.laws import widened
from minitransformer.ops.products.linalg import Linear, linear


class GroupedLinear(Linear):
    """y_g = x_g W_g^T + b_g for each group g: (.., G, n_in), (G, n_out, n_in) and (G, n_out) to (.., G, n_out).

    Relevance as in `Linear`, whose rules hold for each group.

    >>> import numpy as np
    >>> x, weight = np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[[1.0, 1.0]], [[0.0, 2.0]]])
    >>> GroupedLinear().forward(x, weight)
    array([[[3.],
            [8.]]])
    """

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        y = kernels.of(x).matmul(_by_group(x), weight.swapaxes(1, 2))  # (G, N, n_out)
        y = y.swapaxes(0, 1).reshape(*x.shape[:-1], weight.shape[1])
        return y if bias is None else y + bias

    # dL/dx_g = g_g W_g, dL/dW_g = g_g^T x_g, dL/db = sum of g
    def vjp(self, g: Array, x: Array, weight: Array, bias: Array | None = None) -> Arrays:
        laws: tuple[Callable[[], Array], ...] = (
            lambda: _to_input(g, x, weight),
            lambda: _to_weight(g, x),
            lambda: _to_bias(g),
        )
        needs = self.needs[: 2 if bias is None else 3]
        return tuple(law() if needed else None for law, needed in zip(laws, needs, strict=False))

    def relprop(self, r: Array, books: Books, x: Array, weight: Array, *bias: Array) -> Arrays:
        s = books.ratio(r, self.forward(x, weight, *bias))
        return x * _to_input(s, x, weight), None, *(b * _to_bias(s) for b in bias)

    def modified(self, g: Array, books: Books, x: Array, weight: Array, *bias: Array) -> Arrays:
        return _to_input(g, x, weight), None, *(_to_bias(g) for b in bias)


def _by_group(x: Array) -> Array:
    """(.., G, n) -> (G, N, n)."""
    return x.reshape(-1 if x.size else 0, *x.shape[-2:]).swapaxes(0, 1)


def _to_input(g: Array, x: Array, weight: Array) -> Array:
    """g_g W_g: (.., G, n_out), (G, n_out, n_in) -> (.., G, n_in), the shape of x."""
    return kernels.of(g).matmul(_by_group(g), weight).swapaxes(0, 1).reshape(x.shape)


def _to_weight(g: Array, x: Array) -> Array:
    """g_g^T x_g: (.., G, n_out), (.., G, n_in) -> (G, n_out, n_in)."""
    return kernels.of(g).matmul(_by_group(g).swapaxes(1, 2), _by_group(x))


def _to_bias(g: Array) -> Array:
    """(.., G, n_out) -> (G, n_out)."""
    return widened(g).sum(axis=tuple(range(g.ndim - 2))).astype(g.dtype, copy=False)


def grouped_linear(input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """The linear map of each group of channels.

    Args:
        input: (.., G n_in).
        weight: (G n_out, n_in).
        bias: (G n_out,), or None.
        groups: G; for 1 it is `linear`.

    Returns:
        (.., G n_out).
    """
    if groups == 1:
        return linear(input, weight, bias)
    n_out, n_in = len(weight) // groups, weight.shape[1]
    parts = [input.reshape(*input.shape[:-1], groups, n_in), weight.reshape(groups, n_out, n_in)]
    parts += [] if bias is None else [bias.reshape(groups, n_out)]
    return GroupedLinear()(*parts).flatten(-2)
