"""The account that relevance laws keep: divisions that are stabilised, and what no input gets."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

from minitransformer.backends import HOST, Array, namespace
from minitransformer.brain_float import FLOATS


class Books:
    """The stabiliser of the divisions in relevance laws, and in `absorbed` the amounts that no input gets, by sink.

    A walk over a tape has books with a row for each op, see `explain/explanation.py`. By hand one object of this class is enough:

    >>> import numpy as np
    >>> from minitransformer.ops.products.linalg import Linear
    >>> x, weight, bias = np.array([[1.0, 2.0]]), np.array([[3.0, 0.5]]), np.array([1.0])
    >>> books = Books(eps=0.0)
    >>> r_x, _, r_bias = Linear().relprop(np.array([[10.0]]), books, x, weight, bias)  # y = 3 + 1 + 1
    >>> r_x, r_bias
    (array([[6., 2.]]), array([2.]))
    >>> books.absorbed  # nothing was lost to the stabiliser
    {'dropped': 0.0}

    Args:
        eps: the stabiliser, 0 or more.

    Raises:
        ValueError: a negative number.
    """

    def __init__(self, eps: float = 1e-6):
        if not eps >= 0:
            raise ValueError(f"eps: expected a number >= 0, got {eps}")
        self.eps = eps
        self.absorbed: dict[str, Any] = {}

    def stabiliser(self, z: Array) -> Array:
        """What is added to a divisor: eps sign(z), sign(0) = +1, so that it moves away from zero.

        Args:
            z: the divisors, any shape.

        Returns:
            eps or -eps for each, of the shape and dtype of z.
        """
        return namespace(z).where(z < 0, -self.eps, self.eps).astype(z.dtype)

    def ratio(self, r: Array, z: Array) -> Array:
        """R / S(z), where S(z) = z + eps sign(z).

        The stabiliser's share of R is absorbed by the sink "epsilon". With eps = 0, the R of z = 0 is absorbed by "dropped".

        Args:
            r: relevance, any shape.
            z: the divisors, of the same shape.

        Returns:
            Relevance for each unit of z, of the same shape.
        """
        signed = self.stabiliser(z)
        stable = z + signed
        if not self.eps:
            nothing = stable == 0
            stable = namespace(z).where(nothing, 1, stable)
            self.absorb("dropped", r * nothing)
            return r * ~nothing / stable
        share = r / stable
        self.absorb("epsilon", share * signed)
        return share

    @contextlib.contextmanager
    def stabilised(self, eps: float | None) -> Iterator[None]:
        """Another stabiliser inside a `with` block.

        Args:
            eps: the stabiliser there; None changes nothing.
        """
        usual = self.eps
        self.eps = usual if eps is None else eps
        try:
            yield
        finally:
            self.eps = usual

    def absorb(self, sink: str, amounts: Array) -> None:
        """Book the sum of amounts under a sink of the ledger.

        Args:
            sink: the sink's name.
            amounts: any shape.
        """
        amount = amounts.sum()
        self.book(sink, float(amount) if isinstance(amounts, HOST) else amount)

    def book(self, sink: str, amount: Any) -> None:
        """Book one amount under a sink of the ledger.

        Args:
            sink: the sink's name.
            amount: a number, or an array () on a device.
        """
        self.absorbed[sink] = self.absorbed.get(sink, 0.0) + amount

    def finite(self, a: Any) -> Any:
        """Scores with 0 for -inf, which is the score of what attention may not look at.

        Args:
            a: an array of any shape, or a number.

        Returns:
            The same, itself if nothing in it is -inf.
        """
        if isinstance(a, (int, float)):
            return a if math.isfinite(a) else 0.0
        if a.dtype.kind not in FLOATS or not a.size or (isinstance(a, HOST) and a.min() > -math.inf):
            return a  # not on a device, where the program would have to wait for the minimum
        return namespace(a).where(a == -math.inf, 0, a)
