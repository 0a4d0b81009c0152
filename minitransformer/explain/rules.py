"""How relevance is divided where there is a choice: the rules, and what ops ask of one while a walk goes on.

| rule | attention | reference |
|---|---|---|
| attnlrp | softmax by its first-order Taylor expansion, half to each side of a product | Achtibat et al., ICML 2024 |
| cp-lrp | attention weights are constants, all goes through the values | Ali et al., ICML 2022 |

Both use the epsilon rule for linear layers, the identity for activations, and a constant sigma in normalizations.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from minitransformer.autograd import Op
from minitransformer.backends import Array, float64, namespace
from minitransformer.ops.laws import is_number
from minitransformer.ops.softmax import Softmax

BLOCKED: dict[str, Callable[[Op], bool]] = {
    "attnlrp": lambda op: False,
    "cp-lrp": lambda op: isinstance(op, Softmax),
}


class Books:
    """What a walk of relevance carries along: the stabiliser, and the account of what was absorbed on the way."""

    def __init__(self, eps: float):
        self.eps = eps
        self.op: Op | None = None
        self.entries: list[tuple[str, str, Array]] = []
        self.scales: list[Array] = []

    def ratio(self, r: Array, z: Array) -> Array:
        """R / S(z), S(z) = z + eps sign(z) with sign(0) = +1; the stabiliser's share of R is absorbed."""
        xp = namespace(z)
        signed = xp.where(z < 0, -self.eps, self.eps).astype(z.dtype)
        stable = z + signed
        stable = xp.where(stable == 0, 1, stable)  # eps = 0 and z = 0: nothing to share
        share = r / stable
        self.absorb("epsilon", share * signed)
        return share

    def absorb(self, sink: str, amounts: Array) -> None:
        """Book the sum of `amounts` under a sink of the ledger."""
        self.entries.append((str(self.op), sink, amounts.sum(dtype=float64)))

    def finite(self, a):
        """`a` with 0 for infinities: a score of -inf is a place that is not there."""
        if is_number(a):
            return a if math.isfinite(a) else 0.0
        xp = namespace(a)
        return xp.where(xp.isinf(a), 0, a) if a.dtype.kind == "f" else a

    def refuse(self, op: Op, why: str, when: bool = True) -> None:
        """Raise NotImplementedError, naming the op, instead of letting relevance vanish."""
        if when:
            raise NotImplementedError(f"relevance at {op}: {why}")
