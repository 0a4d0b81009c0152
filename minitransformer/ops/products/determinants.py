"""Determinants of matrices, and their logarithms."""

from __future__ import annotations

from typing import NamedTuple

from minitransformer.autograd import Op, Tensor
from minitransformer.backends import Array, Arrays, namespace
from minitransformer.ops.elementwise.choice import where
from minitransformer.ops.products.inverses import square


class Det(Op):
    """y = det A. It has no relevance law, see `explain/without.py`."""

    def forward(self, a: Array) -> Array:  # (.., n, n) -> (..)
        return namespace(a).linalg.det(a)

    # dL/dA = g times the cofactors: with A = U S V they are det(U) det(V) U C V, C the products of the other singular values
    def vjp(self, g: Array, a: Array) -> Arrays:
        xp = namespace(a)
        u, s, v = xp.linalg.svd(a)
        n = s.shape[-1]
        others = xp.where(xp.eye(n, dtype=bool), 1, s[..., None, :]).prod(axis=-1)
        sign = xp.linalg.det(u) * xp.linalg.det(v)
        return ((g * sign)[..., None, None] * (u * others[..., None, :]) @ v,)


class LogAbsDet(Op):
    """y = ln |det A|. It has no relevance law, see `explain/without.py`."""

    def forward(self, a: Array) -> Array:  # (.., n, n) -> (..)
        return namespace(a).linalg.slogdet(a)[1]

    def vjp(self, g: Array, a: Array) -> Arrays:  # dL/dA = g A^-T
        return (g[..., None, None] * namespace(a).linalg.inv(a).swapaxes(-1, -2),)


class SignAndLog(NamedTuple):
    """A determinant in two parts.

    Attributes:
        sign: its sign, without a gradient.
        logabsdet: the logarithm of its absolute value.
    """

    sign: Tensor
    logabsdet: Tensor


def det(A: Tensor) -> Tensor:
    """The determinants of matrices.

    Args:
        A: (.., n, n), float32 or float64.

    Returns:
        (..).

    Raises:
        ValueError: the matrices are not square.
    """
    return Det()(square("det", A))


def slogdet(A: Tensor) -> SignAndLog:
    """The signs of determinants, and the logarithms of their absolute values, which neither overflow nor vanish.

    Args:
        A: (.., n, n), float32 or float64.

    Returns:
        A pair (sign, logabsdet) of tensors (..).

    Raises:
        ValueError: the matrices are not square.
    """
    A = square("slogdet", A)
    return SignAndLog(Tensor(namespace(A.array).linalg.slogdet(A.array)[0]), LogAbsDet()(A))


def logdet(input: Tensor) -> Tensor:
    """The logarithms of determinants.

    Args:
        input: (.., n, n), float32 or float64.

    Returns:
        (..); NaN where the determinant is negative.

    Raises:
        ValueError: the matrices are not square.
    """
    sign, logarithm = slogdet(input)
    return where(sign < 0, float("nan"), logarithm)
