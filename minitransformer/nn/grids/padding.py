"""Places around a grid: zeros, a constant, the values mirrored, or the edge repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from minitransformer.autograd import Tensor
from minitransformer.nn import functional as F
from minitransformer.nn.module import Module


class _Padding(Module):
    """Places around grids of `n` dimensions, in a mode of `functional.pad`."""

    n: ClassVar[int]
    mode: ClassVar[str] = "constant"
    value: float | None = None

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self.n) if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        """Add the places.

        Args:
            input: (N, C, L) or (C, L); of pictures (N, C, H, W) or (C, H, W).

        Returns:
            The same with longer last dimensions.

        Raises:
            ValueError: if there are too few values to continue from.
        """
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _Constant(_Padding):
    """A number around grids."""

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_Constant):
    """A number around sequences.

    Args:
        padding: how many places on each side; or (left, right). A negative number cuts places off.
        value: the number.
    """

    n = 1


class ConstantPad2d(_Constant):
    """A number around pictures.

    Args:
        padding: how many places on each side; or (left, right, top, bottom). A negative number cuts places off.
        value: the number.
    """

    n = 2


class ZeroPad1d(_Padding):
    """Zeros around sequences.

    Args:
        padding: how many places on each side; or (left, right). A negative number cuts places off.
    """

    n = 1


class ZeroPad2d(_Padding):
    """Zeros around pictures.

    Args:
        padding: how many places on each side; or (left, right, top, bottom). A negative number cuts places off.
    """

    n = 2


class ReflectionPad1d(_Padding):
    """The values of sequences mirrored at their ends, without the edge itself.

    Args:
        padding: how many places on each side; or (left, right). A negative number cuts places off.
    """

    n = 1
    mode = "reflect"


class ReflectionPad2d(_Padding):
    """The values of pictures mirrored at their ends, without the edge itself.

    Args:
        padding: how many places on each side; or (left, right, top, bottom). A negative number cuts places off.
    """

    n = 2
    mode = "reflect"


class ReplicationPad1d(_Padding):
    """The edge of sequences repeated.

    Args:
        padding: how many places on each side; or (left, right). A negative number cuts places off.
    """

    n = 1
    mode = "replicate"


class ReplicationPad2d(_Padding):
    """The edge of pictures repeated.

    Args:
        padding: how many places on each side; or (left, right, top, bottom). A negative number cuts places off.
    """

    n = 2
    mode = "replicate"


class CircularPad1d(_Padding):
    """The values of sequences continued at the other end.

    Args:
        padding: how many places on each side; or (left, right). A negative number cuts places off.
    """

    n = 1
    mode = "circular"


class CircularPad2d(_Padding):
    """The values of pictures continued at the other end.

    Args:
        padding: how many places on each side; or (left, right, top, bottom). A negative number cuts places off.
    """

    n = 2
    mode = "circular"
