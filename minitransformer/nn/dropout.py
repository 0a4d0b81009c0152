"""Dropout as a module, which knows whether it is being trained."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module


class Dropout(Module):
    """In training, each element zeroed with probability `p` and the rest scaled by 1 / (1 - p); in use, nothing.

    Srivastava et al., JMLR 2014. Raises ValueError unless 0 <= p <= 1.
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: expected a probability p in [0, 1], got {p}")
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        return F.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"
