"""Activation functions as modules, for `Sequential`. Each applies the function of its name in `nn.functional`."""

from __future__ import annotations

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module


class ReLU(Module):
    """max(x, 0).

    Args:
        inplace: whether to write the result into the input.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function elementwise.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.
        """
        return F.relu(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class GELU(Module):
    """x Phi(x), where Phi is the distribution function of the standard normal distribution.

    Args:
        approximate: "none", or "tanh" for the cheaper approximation x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.

    Source:
        Hendrycks & Gimpel, arXiv 1606.08415.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function elementwise.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.

        Raises:
            ValueError: if `approximate` is neither "none" nor "tanh".
        """
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x sigmoid(x).

    Args:
        inplace: whether to write the result into the input.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function elementwise.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.
        """
        return F.silu(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function elementwise.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.
        """
        return F.tanh(input)


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function elementwise.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.
        """
        return F.sigmoid(input)


class Softmax(Module):
    """e^x / sum e^x along one dimension.

    Args:
        dim: the dimension along which the results sum to 1; None chooses as `functional.softmax` does, with its warning.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.
        """
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """ln softmax(x) along one dimension.

    Args:
        dim: as in `Softmax`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.
        """
        return F.log_softmax(input, self.dim)


class Softmin(Softmax):
    """e^-x / sum e^-x along one dimension.

    Args:
        dim: as in `Softmax`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function.

        Args:
            input: (..), floating-point.

        Returns:
            The same shape and dtype.
        """
        return F.softmax(-input, self.dim)
