"""Dropout as a module."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module
from minitransformer.ops.networks.dropout import check_probability


class Dropout(Module):
    """In training mode, sets each element to 0 with probability `p` and multiplies the others by 1 / (1 - p).

    In evaluation mode, the output is the input.

    Args:
        p: the probability, in [0, 1].
        inplace: whether to write the result into the input.

    Raises:
        ValueError: if `p` is outside [0, 1].

    Source:
        Srivastava et al., JMLR 2014.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability(type(self).__name__, p)
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply dropout; the random numbers come from `manual_seed`'s generator.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.
        """
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """In training mode, sets whole channels of a sequence to 0, each with probability `p`; see `functional.dropout1d`.

    Args:
        p: the probability, in [0, 1].
        inplace: whether to write the result into the input.

    Raises:
        ValueError: if `p` is outside [0, 1].
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply dropout to channels.

        Args:
            input: (N, C, L) or (C, L), floating-point.

        Returns:
            The same shape and dtype.
        """
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(Dropout):
    """In training mode, sets whole channels of pictures to 0, each with probability `p`; see `functional.dropout2d`.

    Args:
        p: the probability, in [0, 1].
        inplace: whether to write the result into the input.

    Raises:
        ValueError: if `p` is outside [0, 1].
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply dropout to channels.

        Args:
            input: (N, C, H, W), floating-point; (N, C, L) and (N, C) with a warning.

        Returns:
            The same shape and dtype.
        """
        return F.dropout2d(input, self.p, self.training, self.inplace)
