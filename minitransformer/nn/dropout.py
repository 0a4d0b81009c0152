"""Dropout as a module."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module


class Dropout(Module):
    """In training mode, sets each element to 0 with probability `p` and multiplies the others by 1 / (1 - p).

    In evaluation mode, the output is the input.

    Args:
        p: the probability, in [0, 1].

    Raises:
        ValueError: if `p` is outside [0, 1].

    Source:
        Srivastava et al., JMLR 2014.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: expected a probability p in [0, 1], got {p}")
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        """Apply dropout; the random numbers come from `manual_seed`'s generator.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.
        """
        return F.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"
